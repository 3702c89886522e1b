"""The OpenAPI document, `/openapi.json`; `docs.py` has the page that displays it."""

from __future__ import annotations

import json
import threading
from typing import Any

from flask import Flask
from flask_smorest import Api, Blueprint
from werkzeug.wrappers import Response

from connector.api import errors
from connector.api.parsing import SECURITY_SCHEME
from connector.domain.tenancy import DEFAULT_TENANT

INTRODUCTION = """\
The connector has users' claims verified by Onfido. Its HTTP interface is that of WSO2 Identity Server 7.

An application verifies the claims of the user who is signed in:

1. `POST /api/users/v1/me/idv/verify` with `status` INITIATED answers with an SDK token, or with a link.
2. Onfido's SDK, started with that token, takes the user through capture; or the user follows the link.
3. The same call with COMPLETED, and `Prefer: wait=20`, answers with the claims: each is verified, or not.
4. `GET /api/users/v1/me/idv/claims` answers with them at any later time.

A user who comes back before capture has ended gets another token with REINITIATED.

**Access tokens.** Every call but Onfido's own carries `Authorization: Bearer …`: a JWT (RFC 9068) that the identity
provider issued, one of the issuers in the connector's settings. An application asks its identity provider for the scope
`internal_login`; each other operation names the scope that it needs. For development, `connector serve --dev` accepts
what `connector token --user ann` prints.

**The provider's id** (`idVProviderId`) comes from the administrator who registered the provider: `connector provider
list`, or `GET /api/server/v1/idv-providers`.

**Tenants.** Every path also exists behind `/t/{tenant}`; without it, the tenant is `carbon.super`.

**Errors** have one body: a code, what it means, what is at fault and a trace id that the logs have as well.
"""


class ConnectorApi(Api):  # type: ignore[misc]
    """flask-smorest's API, with the contract's error body, whose document is created when it is first requested.

    Few processes ever show it, and its creation is a tenth of the CPU time that a process takes to start.
    """

    ERROR_SCHEMA = errors.ErrorSchema

    def __init__(self, app: Flask) -> None:
        self._blueprints: list[Blueprint] = []
        self._lock = threading.Lock()
        self._document = ""
        super().__init__(app)

    def register_blueprint(self, blueprint: Blueprint) -> None:
        """Register the routes of a blueprint, which will be in the document."""
        self._app.register_blueprint(blueprint)
        self._blueprints.append(blueprint)

    def _register_error_handlers(self) -> None:
        """Leave errors to `connector.api.errors`."""

    def _register_responses(self) -> None:
        """Leave the responses of all statuses to the document's creation."""

    def _openapi_json(self) -> Response:
        """Serve the document; it is created once, because it is public."""
        with self._lock:
            self._document = self._document or self._describe()
        return Response(self._document, mimetype="application/json")

    def _describe(self) -> str:
        super()._register_responses()
        for each in self._blueprints:
            each.register_views_in_doc(self, self._app, self.spec, name=each.name, parameters=None)
            self.spec.tag({"name": each.name, "description": each.description})
        return json.dumps(self.spec.to_dict(), indent=2, sort_keys=False)


def document_config(public_url: str, version: str) -> dict[str, Any]:
    """Return flask-smorest's part of the application's configuration."""
    tenants = {"tenant": {"default": DEFAULT_TENANT}}
    return {
        "API_TITLE": "Onfido IdVP connector",
        "API_VERSION": version,
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/",
        "OPENAPI_JSON_PATH": "openapi.json",
        "API_SPEC_OPTIONS": {
            "info": {"description": INTRODUCTION},
            "servers": [{"url": public_url}, {"url": f"{public_url}/t/{{tenant}}", "variables": tenants}],
        },
    }


def install(app: Flask) -> ConnectorApi:
    """Serve the description; blueprints that are registered with the result are in it."""
    api = ConnectorApi(app)
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    api.spec.components.security_scheme(SECURITY_SCHEME, scheme)
    return api
