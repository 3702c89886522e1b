"""The schema of an explanation of a verification's results for its claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.fields import Flag
from connector.domain.verifications.judgement import Explanation, Rule
from connector.domain.verifications.verification import Verification


class StepSchema(ma.Schema):
    """A step: `run`, `finding`, or a rule by its name; the last one that applies has decided."""

    name = fields.String(required=True, metadata={"example": "clear_and_approved"})
    applies = Flag(required=True)
    text = fields.String(required=True)


class ClaimExplanationSchema(ma.Schema):
    """A verification's result for a claim, and the explanation; all except `steps` is null if there is no result yet.

    `foundAt` is a JSON Pointer in the workflow's output, after `<task>#` if it is in that task's output. The claim's
    current state may depend on later verifications and changes: it is in the verification itself.
    """

    uri = fields.String(required=True)
    result = fields.String(required=True, allow_none=True, metadata={"example": "clear"})
    isVerified = Flag(required=True, allow_none=True)
    finding = fields.String(required=True, allow_none=True, metadata={"example": "clear"})
    foundAt = fields.String(required=True, allow_none=True, metadata={"example": "/document/breakdown/data_comparison"})
    rule = fields.String(
        required=True, allow_none=True, validate=validate.OneOf(tuple(Rule)), metadata={"example": "clear_and_approved"}
    )
    steps = fields.List(fields.Nested(StepSchema), required=True)


class ExplanationSchema(ma.Schema):
    """The explanations of a verification's results for its claims."""

    id = fields.String(required=True)
    runId = fields.String(required=True, allow_none=True)
    status = fields.String(required=True, metadata={"example": "approved"})
    decision = fields.String(required=True, allow_none=True)
    environment = fields.String(required=True, allow_none=True)
    claims = fields.List(fields.Nested(ClaimExplanationSchema), required=True)


def explanation_body(verification: Verification, explanations: Sequence[Explanation]) -> dict[str, Any]:
    """Return a body in the form of `ExplanationSchema`."""
    return {
        "id": verification.verification_id,
        "runId": verification.run_id,
        "status": verification.status,
        "decision": verification.decision,
        "environment": verification.environment,
        "claims": [_claim_body(each) for each in explanations],
    }


def _claim_body(explanation: Explanation) -> dict[str, Any]:
    verdict = explanation.verdict
    return {
        "uri": explanation.claim.uri,
        "result": verdict and verdict.verification_status,
        "isVerified": verdict and verdict.is_verified is True,
        "finding": verdict and verdict.finding,
        "foundAt": verdict and verdict.found_at,
        "rule": verdict and verdict.rule,
        "steps": explanation.steps,
    }
