"""The signed cookie for unstored state: a sign-in in progress, the token of forms, the notice for the next page.

The session of a person who is signed in is in the database (viewer.py).
"""

from __future__ import annotations

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface

from connector.console.viewer import host_cookie, is_secure
from connector.domain.tenancy import DEFAULT_TENANT


class ConsoleCookies(SecureCookieSessionInterface):
    """Flask's signed cookie, under a name that no other host and no other tenant's page can set."""

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name for the request's tenant."""
        return host_cookie(f"console-flow-{request.environ.get('connector.tenant', DEFAULT_TENANT)}")

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether the cookie is sent over https only."""
        return is_secure()

    def get_cookie_samesite(self, app: Flask) -> str:
        """Return Lax: the browser must send the cookie with the issuer's redirect."""
        return "Lax"

    def get_cookie_path(self, app: Flask) -> str:
        """Return the path that `__Host-` requires."""
        return "/"
