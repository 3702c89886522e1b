"""`/api/users/v1/{me,user-id}/idv`: an application verifies a user's claims; an administrator corrects them."""

from __future__ import annotations

import re
from typing import Any

import marshmallow as ma
from flask import current_app, g, request

from connector.access.claims import Principal
from connector.api.errors import USER_ERRORS, refuse
from connector.api.ids import own_id
from connector.api.middleware.shares import Lasting
from connector.api.openapi.error_responses import DIRECTORY, ONFIDO
from connector.api.openapi.examples import VERIFIED, VERIFY_ANSWERS, VERIFY_REQUESTS
from connector.api.parsing import Blueprint
from connector.api.properties import by_key
from connector.api.read_values import claim_bodies
from connector.api.shapes.claim import (
    ClaimQuerySchema,
    ClaimRequestSchema,
    ClaimSchema,
    ClaimUpdateSchema,
    VerifyRequestSchema,
    VerifyResponseSchema,
    capture_body,
    claim_body,
    claim_entry,
    run_request,
    status_property,
)
from connector.domain.messages import message
from connector.domain.studio.workflow_input import RunRequest
from connector.domain.tenancy import Tenant
from connector.errors import Code, RequestError
from connector.services.people.claims import Claims
from connector.services.people.users import Users
from connector.services.starting.requests import Capture, Verifications

blueprint = Blueprint(
    "users", __name__, errors=USER_ERRORS, url_prefix="/api/users/v1", description="Identity verification of users"
)

CLAIM_ERRORS = (Code.USER_NOT_FOUND, Code.CLAIM_NOT_FOUND, *DIRECTORY)
CLAIMS_ERRORS = (Code.USER_NOT_FOUND, Code.CLAIM_PROVIDER_NOT_FOUND, *DIRECTORY)
VERIFICATION_ERRORS = (
    *(Code.USER_NOT_FOUND, Code.STATUS_MISSING, Code.STATUS_INVALID, Code.CLAIMS_EMPTY, Code.CLAIM_NOT_MAPPED),
    *(Code.PROVIDER_UNAVAILABLE, Code.VALUE_MISSING, Code.VERIFICATION_OPEN, Code.BEING_STARTED),
    *(Code.NOTHING_TO_VERIFY, Code.NO_VERIFICATION, Code.NOT_AWAITING_INPUT, Code.ATTEMPT_LIMIT),
    *(Code.WORKFLOW_REFUSED, Code.APPLICANT_REFUSED, *ONFIDO, *DIRECTORY, Code.NEEDS_THE_USER),
)
_WAIT = re.compile(r"wait\s*=\s*\"?([0-9]{1,9})\"?", re.IGNORECASE)
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "schema": {"type": "string"},
    "description": "`wait=N` (RFC 7240): with COMPLETED, wait up to N seconds (at most 20) for a result.",
}
Answer = tuple[dict[str, Any], int, dict[str, str]]


@blueprint.post("/me/idv/verify")
@blueprint.requires("internal_login", lasting=Lasting.ONFIDO)
@blueprint.refuses(*VERIFICATION_ERRORS)
@blueprint.arguments(VerifyRequestSchema, examples=VERIFY_REQUESTS)
@blueprint.response(200, VerifyResponseSchema, examples=VERIFY_ANSWERS)
@blueprint.doc(parameters=[_PREFER])
@blueprint.doc(operationId="meVerifyIdentity")
def verify_me(body: dict[str, Any]) -> Answer:
    """Initiate, complete or resume the verification of the signed-in user's claims.

    The property `status` selects the step. INITIATED starts a run and answers with its SDK token, or its link.
    COMPLETED asks Onfido for the result and answers with the current claims. REINITIATED answers with a new SDK token
    for a run that awaits input.
    """
    token = request.authorization.token if request.authorization else None
    return _verify(own_id(), body, token, is_own=True)


@blueprint.get("/me/idv/claims")
@blueprint.requires("internal_login")
@blueprint.refuses(*CLAIMS_ERRORS)
@blueprint.arguments(ClaimQuerySchema, location="query")
@blueprint.response(200, ClaimSchema(many=True), example=[VERIFIED])
@blueprint.doc(operationId="meGetIdVClaims")
def list_my_claims(query: dict[str, Any]) -> list[dict[str, Any]]:
    """List the signed-in user's claims.

    A claim is listed once a verification was started for it, or an administrator added it.
    """
    return _list(own_id(), query, is_own=True)


@blueprint.get("/me/idv/claims/<claim_id>")
@blueprint.requires("internal_login")
@blueprint.refuses(*CLAIM_ERRORS)
@blueprint.response(200, ClaimSchema, example=VERIFIED)
@blueprint.doc(operationId="meGetIdVClaim")
def get_my_claim(claim_id: str) -> dict[str, Any]:
    """Return one claim of the signed-in user.

    The id is the one in the list.
    """
    return claim_bodies([_claims().get(g.tenant, own_id(), claim_id)], own_id(), is_own=True)[0]


@blueprint.post("/<user_id>/idv/verify")
@blueprint.requires("internal_idv_claim_verify", lasting=Lasting.ONFIDO)
@blueprint.refuses(*VERIFICATION_ERRORS)
@blueprint.arguments(VerifyRequestSchema, examples=VERIFY_REQUESTS)
@blueprint.response(200, VerifyResponseSchema, examples=VERIFY_ANSWERS)
@blueprint.doc(parameters=[_PREFER])
@blueprint.doc(operationId="verifyIdentity")
def verify_user(body: dict[str, Any], user_id: str) -> Answer:
    """Initiate, complete or resume the verification of a user's claims.

    As for the signed-in user, on behalf of another one.
    """
    return _verify(user_id, body)


@blueprint.get("/<user_id>/idv/claims")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(*CLAIMS_ERRORS)
@blueprint.arguments(ClaimQuerySchema, location="query")
@blueprint.response(200, ClaimSchema(many=True), example=[VERIFIED])
@blueprint.doc(operationId="getIdVClaims")
def list_claims(query: dict[str, Any], user_id: str) -> list[dict[str, Any]]:
    """List a user's claims.

    Of one provider, or of all. Each answer with values that Onfido read is recorded in the audit trail.
    """
    return _list(user_id, query, is_own=False)


@blueprint.post("/<user_id>/idv/claims")
@blueprint.requires("internal_idv_claim_add")
@blueprint.refuses(*CLAIMS_ERRORS, Code.CLAIM_EXISTS, Code.NEEDS_THE_USER)
@blueprint.arguments(ClaimRequestSchema(many=True))
@blueprint.response(201, ClaimSchema(many=True))
@blueprint.doc(operationId="addIdVClaim")
def add_claims(body: list[dict[str, Any]], user_id: str) -> list[dict[str, Any]]:
    """Add claims to a user, all or none.

    For claims that were verified elsewhere. An existing claim is corrected with PUT.
    """
    entries = [claim_entry(entry) for entry in body]
    return [claim_body(claim) for claim in _claims().add(g.tenant, user_id, entries, g.principal.actor)]


@blueprint.put("/<user_id>/idv/claims")
@blueprint.requires("internal_idv_claim_update")
@blueprint.refuses(*CLAIMS_ERRORS, Code.CLAIM_NOT_FOUND, Code.NEEDS_THE_USER)
@blueprint.arguments(ClaimRequestSchema(many=True))
@blueprint.response(201, ClaimSchema(many=True))
@blueprint.doc(operationId="updateIdVClaims")
def correct_claims(body: list[dict[str, Any]], user_id: str) -> list[dict[str, Any]]:
    """Correct several claims of a user, all or none.

    A correction is valid for the user's current value.
    """
    entries = [claim_entry(entry) for entry in body]
    corrected = _claims().correct_all(g.tenant, user_id, entries, g.principal.actor)
    return [claim_body(claim) for claim in corrected]


@blueprint.get("/<user_id>/idv/claims/<claim_id>")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(*CLAIM_ERRORS)
@blueprint.response(200, ClaimSchema, example=VERIFIED)
@blueprint.doc(operationId="getIdVClaim")
def get_claim(user_id: str, claim_id: str) -> dict[str, Any]:
    """Return one claim of a user.

    The id is the one in the list.
    """
    return claim_bodies([_claims().get(g.tenant, user_id, claim_id)], user_id, is_own=False)[0]


@blueprint.put("/<user_id>/idv/claims/<claim_id>")
@blueprint.requires("internal_idv_claim_update")
@blueprint.refuses(*CLAIM_ERRORS, Code.NEEDS_THE_USER)
@blueprint.arguments(ClaimUpdateSchema)
@blueprint.response(200, ClaimSchema, example=VERIFIED)
@blueprint.doc(operationId="updateIdVClaim")
def correct_claim(body: dict[str, Any], user_id: str, claim_id: str) -> dict[str, Any]:
    """Correct one claim of a user.

    The correction is valid for the user's current value.
    """
    corrected = _claims().correct(
        g.tenant,
        user_id,
        claim_id,
        is_verified=body["isVerified"],
        metadata=body["claimMetadata"],
        actor=g.principal.actor,
    )
    return claim_body(corrected)


@blueprint.delete("/<user_id>/idv")
@blueprint.requires("internal_idv_claim_delete")
@blueprint.refuses(Code.USER_NOT_FOUND)
@blueprint.response(204)
def remove_user(user_id: str) -> None:
    """Remove all personal data of a user, here and, shortly afterwards, at Onfido.

    Only the record of the removal is kept: its time and the caller.
    """
    users: Users = current_app.extensions["services"].users
    users.remove(g.tenant, user_id, g.principal.actor)


def _verify(user_id: str, body: dict[str, Any], access_token: str | None = None, *, is_own: bool = False) -> Answer:
    provider_id, uris = body["idVProviderId"], list(dict.fromkeys(body["claims"]))
    service, key = _verifications(), (g.tenant, user_id, provider_id, uris)
    properties = _properties(body)
    match status_property(properties):
        case "INITIATED":
            capture = _initiate(key, properties, access_token)
            return _capture_answer(provider_id, capture)
        case "REINITIATED":
            return _capture_answer(provider_id, service.resume(*key, _run_request(properties)))
        case "COMPLETED":
            completion = service.complete(*key, wait=_preferred_wait())
            waited = completion.waited
            headers = {} if waited is None else {"Preference-Applied": f"wait={waited}"}
            return _answer(provider_id, claim_bodies(completion.claims, user_id, is_own=is_own), headers)
        case None:
            raise RequestError(
                Code.STATUS_MISSING,
                message("properties: `status` must be given, one of %(statuses)s.", statuses=_STATUSES),
            )
        case _:
            raise RequestError(
                Code.STATUS_INVALID, message("properties: `status` must be one of %(statuses)s.", statuses=_STATUSES)
            )


def _initiate(key: tuple[Tenant, str, str, list[str]], properties: dict[str, str], access_token: str | None) -> Capture:
    caller: Principal = g.principal
    return _verifications().initiate(*key, _run_request(properties), caller.actor, access_token, caller.application)


_STATUSES = "INITIATED, COMPLETED, REINITIATED"


def _capture_answer(provider_id: str, capture: Capture) -> Answer:
    claims = [capture_body(claim, capture) for claim in capture.claims]
    return _answer(provider_id, claims, {})


def _answer(provider_id: str, claims: list[dict[str, Any]], headers: dict[str, str]) -> Answer:
    return {"idVProviderId": provider_id, "claims": claims}, 200, headers


def _preferred_wait() -> int:
    """Read `Prefer: wait=N`; an invalid one is ignored (RFC 7240)."""
    for preference in request.headers.get("Prefer", "").split(","):
        if match := _WAIT.fullmatch(preference.partition(";")[0].strip()):
            return int(match[1])
    return 0


def _list(user_id: str, query: dict[str, Any], *, is_own: bool) -> list[dict[str, Any]]:
    provider_id = (query["idVProviderId"] or "").strip() or None
    return claim_bodies(_claims().all(g.tenant, user_id, provider_id), user_id, is_own=is_own)


def _properties(body: dict[str, Any]) -> dict[str, str]:
    try:
        return by_key(body["properties"], "properties")
    except ma.ValidationError as error:
        refuse("json", error.messages)


def _run_request(properties: dict[str, str]) -> RunRequest:
    try:
        return run_request(properties)
    except ma.ValidationError as error:
        refuse("json", error.messages)


def _claims() -> Claims:
    claims: Claims = current_app.extensions["services"].claims
    return claims


def _verifications() -> Verifications:
    verifications: Verifications = current_app.extensions["services"].verifications
    return verifications
