"""The person who views a page: the session that the browser's cookie names, and the person's permissions."""

from __future__ import annotations

from flask import current_app, g, request
from werkzeug.wrappers import Response

from connector.access.claims import Principal
from connector.api.middleware.origins import client_address
from connector.console.ground import console_sessions, public_url, settings
from connector.domain.browsers import describe_browser
from connector.domain.frozen import frozen
from connector.services.console.console_sessions import ConsoleSession, Person, Place
from connector.settings.issuers import OPERATE

POLLED = "is_polled"  # of views: an open page requests it by itself
INCLUDED_IN = {"internal_idv_audit_view": ("internal_idv_claim_view",)}


@frozen
class Viewer:
    """A signed-in person."""

    session: ConsoleSession

    @property
    def name(self) -> str:
        """The person's name on pages."""
        return self.session.name

    def may(self, scope: str) -> bool:
        """Whether the person has a scope, or one that includes it; an empty scope is always granted."""
        if scope == OPERATE and g.tenant.name != settings().operator_tenant:
            return False
        return not scope or not {scope, *INCLUDED_IN.get(scope, ())}.isdisjoint(self.session.scopes)

    @property
    def principal(self) -> Principal:
        """The caller, as the API represents callers."""
        session = self.session
        return Principal(session.user_id, session.client_id, session.scopes, session.tenant, session.issuer)


def current_viewer() -> Viewer | None:
    """Return the person who is signed in at the request's tenant; None if the browser has no session."""
    if "viewer" not in g:
        secret = request.cookies.get(cookie_name())
        session = console_sessions().find(g.tenant, secret, is_use=not _is_polled()) if secret else None
        g.viewer = Viewer(session) if session else None
    viewer: Viewer | None = g.viewer
    return viewer


def _is_polled() -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    return bool(getattr(view, POLLED, False))


def actor() -> str:
    """Return the actor for the history."""
    principal: Principal = g.principal
    return principal.actor


def sign_in(response: Response, person: Person, *, is_by_link: bool = False) -> None:
    """Begin a session and set its cookie; any earlier session of the browser ends."""
    who = Principal(person.user_id, person.client_id, person.scopes, g.tenant.name, person.issuer)
    replaced = request.cookies.get(cookie_name())
    secret = console_sessions().begin(g.tenant, person, who.actor, replaced, place=_place(), is_by_link=is_by_link)
    response.set_cookie(
        cookie_name(), secret, secure=is_secure(), httponly=True, samesite="Lax", path="/", max_age=None
    )


def _place() -> Place:
    return Place(describe_browser(request.headers.get("User-Agent", "")), client_address() or None)


def sign_out(response: Response) -> None:
    """End the session, and delete the cookie."""
    if viewer := current_viewer():
        console_sessions().end(g.tenant, viewer.session.session_id, viewer.principal.actor)
    response.delete_cookie(cookie_name(), secure=is_secure(), httponly=True, samesite="Lax", path="/")


def cookie_name() -> str:
    """Return the cookie's name: `__Host-` binds it to this host over https; each tenant has its own name."""
    return host_cookie(f"console-{g.tenant.name}")


def host_cookie(name: str) -> str:
    """Return the name of a cookie that no other host can set; over http, for development, the plain name."""
    return f"__Host-{name}" if is_secure() else name


def is_secure() -> bool:
    """Whether browsers reach the console over https."""
    return public_url().startswith("https://")
