"""`/api/server/v1/idv-providers/{id}/verifications`: an administrator reads verifications and decides on them."""

from __future__ import annotations

from typing import Any

from flask import current_app, g

from connector.api.errors import PROVIDER_ERRORS
from connector.api.middleware.shares import Lasting
from connector.api.openapi.error_responses import DIRECTORY, ONFIDO
from connector.api.parsing import Blueprint
from connector.api.shapes.dry_run import DraftSchema, DryRunSchema, dry_run_body, read_draft
from connector.api.shapes.explanation import ExplanationSchema, explanation_body
from connector.api.shapes.verification import (
    APPROVE,
    ChangeSchema,
    DecisionSchema,
    VerificationDetailsSchema,
    VerificationListSchema,
    VerificationQuerySchema,
    change_body,
    details_body,
    page_body,
)
from connector.domain.audit.history import Change
from connector.domain.verifications.verification_filter import RISING, read_filter
from connector.errors import Code
from connector.services.lookup.dry_runs import DryRuns
from connector.services.lookup.evidence import Evidence
from connector.services.lookup.user_status import UserStatuses
from connector.services.lookup.verifications import VerificationLookup
from connector.services.providers.registry import Providers
from connector.services.results.decisions import Decisions

PREFIX = "/api/server/v1/idv-providers/<provider_id>"

blueprint = Blueprint(
    "verifications", __name__, errors=PROVIDER_ERRORS, url_prefix=PREFIX, description="The verifications of a provider"
)


@blueprint.get("/verifications")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND)
@blueprint.arguments(VerificationQuerySchema, location="query")
@blueprint.response(200, VerificationListSchema)
def list_verifications(query: dict[str, Any], provider_id: str) -> dict[str, Any]:
    """List verifications, the latest first.

    `status` accepts several values, separated by commas; `from` and `to` filter by start time. For the next page, send
    `nextCursor` as `cursor`. `total=true` adds `totalResults`, up to 1000. With `userId`, the answer also has the
    user's refused starts, and the time of the user's removal.
    """
    check_provider(provider_id)
    criteria, cursor = read_filter(query, provider_id=provider_id), query["cursor"]
    place = {"limit": query["limit"], "offset": query["offset"], "cursor": cursor}
    page = _lookup().page(g.tenant, criteria, **place, is_rising=query["sort"] == RISING)
    return page_body(
        page,
        offset=query["offset"] if cursor is None else None,
        total=_lookup().count(g.tenant, criteria) if query["total"] else None,
        of_user=_of_user(query["userId"], provider_id),
    )


@blueprint.get("/verifications/<run_id>")
@blueprint.requires("internal_idv_claim_view", lasting=Lasting.ONFIDO)
@blueprint.refuses(Code.PROVIDER_NOT_FOUND, Code.VERIFICATION_NOT_FOUND)
@blueprint.response(200, VerificationDetailsSchema)
def get_verification(provider_id: str, run_id: str) -> dict[str, Any]:
    """Return one verification with its claims, its kept output, its history, and its tasks at Onfido.

    The id is the run's at Onfido, or the verification's here. Each answer with values, in `output` or `document`, is in
    the audit trail.
    """
    check_provider(provider_id)
    return _details(provider_id, run_id)


@blueprint.post("/verifications/<run_id>/refresh")
@blueprint.requires("internal_idv_claim_update", lasting=Lasting.ONFIDO)
@blueprint.refuses(Code.PROVIDER_NOT_FOUND, Code.VERIFICATION_NOT_FOUND, *ONFIDO)
@blueprint.response(200, VerificationDetailsSchema)
def refresh_verification(provider_id: str, run_id: str) -> dict[str, Any]:
    """Ask Onfido for a run and apply its answer.

    Use this for a result whose webhook was lost, instead of waiting for the worker.
    """
    check_provider(provider_id)
    _lookup().refresh(g.tenant, run_id, provider_id)
    return _details(provider_id, run_id)


@blueprint.post("/verifications/<run_id>/decision")
@blueprint.requires("internal_idv_claim_update", lasting=Lasting.ONFIDO)
@blueprint.refuses(
    Code.PROVIDER_NOT_FOUND, Code.VERIFICATION_NOT_FOUND, Code.VERIFICATION_NOT_DECIDABLE, *ONFIDO, *DIRECTORY
)
@blueprint.arguments(DecisionSchema)
@blueprint.response(200, VerificationDetailsSchema)
def decide_verification(body: dict[str, Any], provider_id: str, run_id: str) -> dict[str, Any]:
    """Approve or decline a run that ended in review; an approval verifies the claims compared as clear.

    A decision is final, and recorded in the history with its reason.
    """
    check_provider(provider_id)
    verification = _lookup().find(g.tenant, run_id, provider_id)
    is_approved, reason = body["decision"] == APPROVE, body["reason"]
    decisions: Decisions = current_app.extensions["services"].decisions
    decisions.decide(verification, is_approved=is_approved, reason=reason, actor=g.principal.actor)
    return _details(provider_id, run_id)


@blueprint.get("/verifications/<run_id>/explanation")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND, Code.VERIFICATION_NOT_FOUND)
@blueprint.response(200, ExplanationSchema)
def explain_verification(provider_id: str, run_id: str) -> dict[str, Any]:
    """Explain in steps the verification's result for each of its claims.

    It is kept as long as the verification, independent of later ones.
    """
    check_provider(provider_id)
    return explanation_body(*_lookup().explain(g.tenant, run_id, provider_id))


@blueprint.post("/verifications/<run_id>/dry-run")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(
    Code.PROVIDER_NOT_FOUND, Code.VERIFICATION_NOT_FOUND, Code.VERIFICATION_NOT_ENDED, Code.RESULT_NOT_KEPT
)
@blueprint.arguments(DraftSchema)
@blueprint.response(200, DryRunSchema)
def try_mapping(body: dict[str, Any], provider_id: str, run_id: str) -> dict[str, Any]:
    """Test a draft of the provider's claim mapping against a run, as long as its output is kept.

    Nothing is changed. If the draft sends a value as another field, its result cannot be known from this run.
    """
    check_provider(provider_id)
    dry_runs: DryRuns = current_app.extensions["services"].dry_runs
    return dry_run_body(dry_runs.run(g.tenant, run_id, read_draft(body), provider_id))


@blueprint.get("/verifications/<run_id>/history")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND, Code.VERIFICATION_NOT_FOUND)
@blueprint.response(200, ChangeSchema(many=True))
def get_history(provider_id: str, run_id: str) -> list[dict[str, Any]]:
    """Return the history of a verification and its claims, the oldest first.

    Each entry has the cause of the change and its actor.
    """
    check_provider(provider_id)
    return [change_body(change) for change in _lookup().get(g.tenant, run_id, provider_id).history]


def _of_user(user_id: str | None, provider_id: str) -> tuple[list[Change], Change | None] | None:
    """Return a user's refused starts with the provider, and removal; None if no user is named."""
    if user_id is None:
        return None
    statuses: UserStatuses = current_app.extensions["services"].user_statuses
    refusals = [each for each in statuses.refusals(g.tenant, user_id) if each.provider_id == provider_id]
    return refusals, statuses.removal(g.tenant, user_id)


def check_provider(provider_id: str) -> None:
    """Raise if the tenant has no such provider."""
    providers: Providers = current_app.extensions["services"].providers
    providers.get(g.tenant, provider_id)


def _details(provider_id: str, run_id: str) -> dict[str, Any]:
    evidence: Evidence = current_app.extensions["services"].evidence
    details = evidence.details.show(g.tenant, run_id, provider_id, actor=g.principal.actor)
    return details_body(details, _lookup().tasks(details.listed.verification))


def _lookup() -> VerificationLookup:
    lookup: VerificationLookup = current_app.extensions["services"].lookup
    return lookup
