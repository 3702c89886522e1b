"""`/api/users/v1/{user-id}/idv`: a user's verification state, and the reasons if the user is not verified; for the help
desk.
"""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import current_app, g

from connector.api.errors import USER_ERRORS, refuse
from connector.api.openapi.error_responses import DIRECTORY
from connector.api.parsing import Blueprint, read_body, read_json
from connector.api.shapes.user_list import UserPageSchema, UserQuerySchema, users_body
from connector.api.shapes.user_status import ReasonSchema, UnlockSchema, UserStatusSchema, status_body
from connector.errors import Code
from connector.services.lookup.user_status import UserStatuses
from connector.services.people.directory_checks import DirectoryChecks
from connector.services.people.users import Users

blueprint = Blueprint(
    "user_status",
    __name__,
    url_prefix="/api/users/v1",
    errors=USER_ERRORS,
    description="The verification state of a user",
)


@blueprint.get("/idv")
@blueprint.requires("internal_idv_claim_view")
@blueprint.arguments(UserQuerySchema, location="query")
@blueprint.response(200, UserPageSchema)
def list_users(query: dict[str, Any]) -> dict[str, Any]:
    """List users ordered by id, with their verification state, and when the next attempt is possible.

    `prefix` finds ids by their beginning. Values are encrypted, so users cannot be searched by name. For the next page,
    send `nextCursor` as `cursor`. `total=true` adds `totalResults`, up to 1000.
    """
    services = current_app.extensions["services"]
    page = services.users.page(g.tenant, limit=query["limit"], cursor=query["cursor"], prefix=query["prefix"])
    total = services.user_list.count(g.tenant, query["prefix"]) if query["total"] else None
    return users_body(services.user_list.describe(g.tenant, page), total)


@blueprint.get("/<user_id>/idv")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(Code.USER_NOT_FOUND, *DIRECTORY)
@blueprint.response(200, UserStatusSchema)
def get_user_status(user_id: str) -> dict[str, Any]:
    """Report how a user is verified, and if not, why: the last run, the last refused start, the next attempt.

    For each provider of the tenant. The answer contains no value of the user.
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

    For one provider, or for all if none is named. The audit trail records it, with the optional `reason` in the body.
    """
    users: Users = current_app.extensions["services"].users
    users.unlock(g.tenant, user_id, query["idVProviderId"], g.principal.actor, _reason())
    return status_body(_statuses().get(g.tenant, user_id))


@blueprint.post("/<user_id>/idv/attributes-changed")
@blueprint.requires("internal_idv_claim_update")
@blueprint.refuses(Code.USER_NOT_FOUND, *DIRECTORY, Code.NEEDS_THE_USER)
@blueprint.response(204)
def compare_values(user_id: str) -> None:
    """Compare a user's values with the verified ones, because they have changed in the user directory.

    A claim that was verified for another value is no longer verified. If the user is gone from the directory, the
    claims are no longer verified, or all data are removed, according to the tenant's settings.
    """
    checks: DirectoryChecks = current_app.extensions["services"].directory_checks
    checks.changed(g.tenant, user_id)


def _reason() -> str | None:
    """Return the reason in the body; None without a body, which earlier clients send."""
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
