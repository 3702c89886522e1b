"""The schemas of dry runs: a draft claim mapping, and a run's results under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.fields import Flag, Items
from connector.api.shapes.provider import ClaimMappingSchema
from connector.api.shapes.studio import OutputClaimSchema
from connector.domain.studio.studio import OutputClaim, OutputRole
from connector.domain.verifications.dry_run import Draft, Limit
from connector.domain.verifications.judgement import Rule

if TYPE_CHECKING:
    from connector.domain.verifications.judgement import Verdict
    from connector.services.lookup.dry_runs import DryRun, TriedClaim


class DraftSchema(ma.Schema):
    """A draft of a provider's claims, and of its `outputClaims`, in the provider's format."""

    claims = Items(fields.Nested(ClaimMappingSchema), required=True)
    outputClaims = Items(fields.Nested(OutputClaimSchema), load_default=list)

    @ma.validates_schema
    def check_claims(self, body: Mapping[str, Any], **_: Any) -> None:
        """Refuse a claim that is mapped twice."""
        for name in ("claims", "outputClaims"):
            check_once(body[name], name)


class RemappingSchema(ma.Schema):
    """A draft of a provider's claims, in the provider's format."""

    claims = Items(fields.Nested(ClaimMappingSchema), required=True)

    @ma.validates_schema
    def check_claims(self, body: Mapping[str, Any], **_: Any) -> None:
        """Refuse a claim that is mapped twice."""
        check_once(body["claims"], "claims")


class RemappingImpactSchema(ma.Schema):
    """The claims that a draft maps to another field or no longer maps, and how many of them users have verified.

    A `verified` equal to `atMost` means that many or more.
    """

    claims = fields.List(fields.String(), required=True)
    verified = fields.Integer(required=True, metadata={"example": 13})
    atMost = fields.Integer(required=True, attribute="at_most", metadata={"example": 10_000})


class MappedSchema(ma.Schema):
    """How a claim is verified: by the applicant field that it is sent as, or by the workflow's output."""

    sentAs = fields.String(required=True, allow_none=True, attribute="applicant_field")
    outputPointer = fields.String(required=True, allow_none=True, attribute="output_pointer")
    outputAs = fields.Enum(OutputRole, by_value=True, required=True, allow_none=True, attribute="output_role")


class VerdictSchema(ma.Schema):
    """A run's result for a claim, its place, and the rule that decides."""

    result = fields.String(required=True, attribute="verification_status", metadata={"example": "clear"})
    isVerified = Flag(required=True)
    rule = fields.String(
        required=True, validate=validate.OneOf(tuple(Rule)), metadata={"example": "clear_and_approved"}
    )
    foundAt = fields.String(required=True, allow_none=True, attribute="found_at")


class TriedClaimSchema(ma.Schema):
    """A claim as it was in the run (`today`) and as it is in the draft.

    `verdict` is null if the draft's result cannot be known from this run; `limit` is the reason in one word, `reason`
    in a sentence. `foundType` is the JSON type at the drafted pointer, null if nothing is there.
    """

    uri = fields.String(required=True)
    today = fields.Nested(MappedSchema, required=True, allow_none=True)
    todayVerdict = fields.Nested(VerdictSchema, required=True, allow_none=True)
    draft = fields.Nested(MappedSchema, required=True, allow_none=True)
    verdict = fields.Nested(VerdictSchema, required=True, allow_none=True)
    isChanged = Flag(required=True)
    limit = fields.String(required=True, allow_none=True, validate=validate.OneOf(tuple(Limit)))
    reason = fields.String(required=True, allow_none=True)
    foundType = fields.String(required=True, allow_none=True, metadata={"example": "string"})


class DryRunSchema(ma.Schema):
    """The results of a run under a draft, together with the recorded ones."""

    id = fields.String(required=True)
    runId = fields.String(required=True, allow_none=True)
    status = fields.String(required=True, metadata={"example": "approved"})
    claims = fields.List(fields.Nested(TriedClaimSchema), required=True)


def read_draft(body: Mapping[str, Any]) -> Draft:
    """Read a loaded `DraftSchema`."""
    outputs = [OutputClaim(each["pointer"], each["localClaim"], each["as"]) for each in body["outputClaims"]]
    return Draft(read_mapping(body), outputs)


def read_mapping(body: Mapping[str, Any]) -> dict[str, str]:
    """Read the claims of a loaded draft."""
    return {each["localClaim"]: each["idvpClaim"] for each in body["claims"]}


def check_once(entries: Sequence[Mapping[str, Any]], name: str) -> None:
    """Raise `marshmallow.ValidationError` for a claim that is mapped twice."""
    if len({each["localClaim"] for each in entries}) < len(entries):
        raise ma.ValidationError("must not map a local claim twice", name)


def dry_run_body(dry_run: DryRun) -> dict[str, Any]:
    """Return a body in the form of `DryRunSchema`."""
    verification = dry_run.verification
    return {
        "id": verification.verification_id,
        "runId": verification.run_id,
        "status": verification.status,
        "claims": [_claim_body(each) for each in dry_run.claims],
    }


def _claim_body(tried: TriedClaim) -> dict[str, Any]:
    trial = tried.trial
    return {
        "uri": trial.uri,
        "today": trial.sent,
        "todayVerdict": _verdict(trial.today),
        "draft": trial.draft,
        "verdict": _verdict(trial.verdict),
        "isChanged": trial.verdict is not None and _verdict(trial.verdict) != _verdict(trial.today),
        "limit": trial.limit,
        "reason": trial.limit and trial.limit.text,
        "foundType": tried.found_type,
    }


def _verdict(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    said = {name: getattr(verdict, name) for name in ("verification_status", "rule", "found_at")}
    return said | {"isVerified": verdict.is_verified is True}
