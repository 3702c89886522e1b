"""`/api/users/v1/{user-id}/idv`: how a user is verified, and if not, why; for the help desk."""

from __future__ import annotations

from typing import Any

from flask import current_app, g

from connector.api.error_responses import DIRECTORY
from connector.api.errors import USER_ERRORS
from connector.api.parsing import Blueprint
from connector.api.user_status_shapes import UnlockSchema, UserStatusSchema, status_body
from connector.errors import Code
from connector.services.lookup.user_status import UserStatuses
from connector.services.people.directory_checks import DirectoryChecks
from connector.services.people.users import Users

blueprint = Blueprint(
    "user_status", __name__, url_prefix="/api/users/v1", errors=USER_ERRORS, description="How a user is verified"
)


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
def unlock_user(query: dict[str, Any], user_id: str) -> dict[str, Any]:
    """Exclude a user's attempts so far from the limit, so that the next start is allowed now.

    For one provider, or for all where none is named. The audit trail records it.
    """
    users: Users = current_app.extensions["services"].users
    users.unlock(g.tenant, user_id, query["idVProviderId"], g.principal.actor)
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


def _statuses() -> UserStatuses:
    statuses: UserStatuses = current_app.extensions["services"].user_statuses
    return statuses
