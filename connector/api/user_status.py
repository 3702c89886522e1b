"""`/api/users/v1/{user-id}/idv`: how a user is verified, and if not, why; for the help desk."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import current_app, g

from connector.api.error_responses import DIRECTORY
from connector.api.errors import USER_ERRORS, refuse
from connector.api.parsing import Blueprint, read_body, read_json
from connector.api.user_list_shapes import UserPageSchema, UserQuerySchema, users_body
from connector.api.user_status_shapes import ReasonSchema, UnlockSchema, UserStatusSchema, status_body
from connector.errors import Code
from connector.services.lookup.user_status import UserStatuses
from connector.services.people.directory_checks import DirectoryChecks
from connector.services.people.users import Users

blueprint = Blueprint(
    "user_status", __name__, url_prefix="/api/users/v1", errors=USER_ERRORS, description="How a user is verified"
)


@blueprint.get("/idv")
@blueprint.requires("internal_idv_claim_view")
@blueprint.arguments(UserQuerySchema, location="query")
@blueprint.response(200, UserPageSchema)
def list_users(query: dict[str, Any]) -> dict[str, Any]:
    """List users in the order of their ids: how far each is verified, and when the next attempt is possible.

    `prefix` finds ids by their beginning. Values are encrypted, so that no user can be found by name. For the next
    page, send `nextCursor` as `cursor`.
    """
    services = current_app.extensions["services"]
    page = services.users.page(g.tenant, limit=query["limit"], cursor=query["cursor"], prefix=query["prefix"])
    return users_body(services.user_list.describe(g.tenant, page))


@blueprint.get("/<user_id>/idv")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(Code.USER_NOT_FOUND, *DIRECTORY)
@blueprint.response(200, UserStatusSchema)
def get_user_status(user_id: str) -> dict[str, Any]:
    """Report how a user is verified, and if not, why: the last run, the last refused start, the next attempt.

    With each provider of the tenant. No value of the user's is in the answer.
    """
    return status_body(_statuses().get(g.tenant, user_id))


@blueprint.post("/<user_id>/idv/unlock")
@blueprint.requires("internal_idv_claim_update")
@blueprint.refuses(Code.USER_NOT_FOUND, Code.CLAIM_PROVIDER_NOT_FOUND, *DIRECTORY)
@blueprint.arguments(UnlockSchema, location="query")
@blueprint.response(200, UserStatusSchema)
@blueprint.doc(requestBody={"required": False, "content": {"application/json": {"schema": ReasonSchema}}})
def unlock_user(query: dict[str, Any], user_id: str) -> dict[str, Any]:
    """Exclude a user's attempts so far from the limit, so that the next start is allowed now.

    For one provider, or for all where none is named. The audit trail records it, with the `reason` in the body, which
    may be left out.
    """
    users: Users = current_app.extensions["services"].users
    users.unlock(g.tenant, user_id, query["idVProviderId"], g.principal.actor, _reason())
    return status_body(_statuses().get(g.tenant, user_id))


@blueprint.post("/<user_id>/idv/attributes-changed")
@blueprint.requires("internal_idv_claim_update")
@blueprint.refuses(Code.USER_NOT_FOUND, *DIRECTORY, Code.NEEDS_THE_USER)
@blueprint.response(204)
def compare_values(user_id: str) -> None:
    """Compare a user's values with what was verified, because they have changed in the user directory.

    A claim that was verified for another value is no longer verified. Of a user who is gone from the directory, the
    claims are no longer verified, or everything is removed, as the tenant's settings say.
    """
    checks: DirectoryChecks = current_app.extensions["services"].directory_checks
    checks.changed(g.tenant, user_id)


def _reason() -> str | None:
    """Return the reason in the body; None without a body, as earlier clients call."""
    body = read_body()
    if not body.strip():
        return None
    try:
        given: dict[str, str | None] = ReasonSchema(unknown=ma.EXCLUDE).load(read_json(body))
    except ma.ValidationError as error:
        refuse("json", error.messages)
    return given["reason"]


def _statuses() -> UserStatuses:
    statuses: UserStatuses = current_app.extensions["services"].user_statuses
    return statuses
