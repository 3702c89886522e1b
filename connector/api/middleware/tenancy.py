"""The tenant of a request: `/t/{tenant}` before any path, `carbon.super` without it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, g, request

from connector.domain.tenancy import DEFAULT_TENANT, Tenants

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_OF_NO_TENANT = r"(?!/(?:metrics|openapi\.json|docs)(?:/|$))"
_PREFIX = re.compile(rf"/t/([A-Za-z0-9][A-Za-z0-9._-]{{0,127}})(?=/){_OF_NO_TENANT}")


class TenantPrefix:
    """WSGI middleware: moves `/t/{tenant}` from the path into the script name, so that routes are defined once."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if match := _PREFIX.match(environ.get("PATH_INFO", "")):
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + match[0]
            environ["PATH_INFO"] = environ["PATH_INFO"][match.end() :]
            environ["connector.tenant"] = match[1]
        return self._application(environ, start_response)


def install(app: Flask, tenants: Tenants) -> None:
    """Set `g.tenant` for every request."""

    def set_tenant() -> None:
        g.tenant = tenants.named(request.environ.get("connector.tenant", DEFAULT_TENANT))

    app.wsgi_app = TenantPrefix(app.wsgi_app)  # type: ignore[method-assign]
    app.before_request(set_tenant)
