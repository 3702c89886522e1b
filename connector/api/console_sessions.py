"""`/api/server/v1/console-sessions`: the sessions at the console, and ending them."""

from __future__ import annotations

from typing import Any

from flask import current_app, g

from connector.api.errors import PROVIDER_ERRORS
from connector.api.parsing import Blueprint
from connector.api.shapes.console_session import SessionPageSchema, SessionQuerySchema, SessionsOfSchema, sessions_body
from connector.services.console.console_sessions import ConsoleSessions

blueprint = Blueprint(
    "console-sessions",
    __name__,
    url_prefix="/api/server/v1/console-sessions",
    errors=PROVIDER_ERRORS,
    description="Sessions of the console",
)


@blueprint.get("")
@blueprint.requires("internal_idvp_view")
@blueprint.arguments(SessionQuerySchema, location="query")
@blueprint.response(200, SessionPageSchema)
def list_console_sessions(query: dict[str, Any]) -> dict[str, Any]:
    """List the sessions at the console of this tenant, the latest first.

    For the next page, send `nextCursor` as `cursor`.
    """
    page = _sessions().search(g.tenant, user_id=query["userId"], limit=query["limit"], cursor=query["cursor"])
    return sessions_body(page)


@blueprint.delete("")
@blueprint.requires("internal_idvp_update")
@blueprint.arguments(SessionsOfSchema, location="query")
@blueprint.response(204)
def end_console_sessions(query: dict[str, Any]) -> None:
    """Sign a person out of the console of this tenant.

    Without `userId`, all sessions of the tenant end.
    """
    _sessions().end_of_tenant(g.tenant, g.principal.actor, query["userId"])


@blueprint.delete("/<session_id>")
@blueprint.requires("internal_idvp_update")
@blueprint.response(204)
def end_console_session(session_id: str) -> None:
    """End one session of the console.

    Ending a session that has already ended is not an error.
    """
    _sessions().end(g.tenant, session_id, g.principal.actor)


def _sessions() -> ConsoleSessions:
    sessions: ConsoleSessions = current_app.extensions["services"].console_sessions
    return sessions
