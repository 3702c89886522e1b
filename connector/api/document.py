"""The API's description of itself: `/openapi.json`, and `/docs`, where it can be read."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from flask import Flask
from flask_smorest import Api
from flask_swagger_ui import get_swaggerui_blueprint
from werkzeug.wrappers import Response

from connector.api import errors
from connector.api.parsing import SECURITY_SCHEME
from connector.domain.tenancy import DEFAULT_TENANT


class ConnectorApi(Api):  # type: ignore[misc]
    """flask-smorest's, with our error body in place of its own."""

    ERROR_SCHEMA = errors.ErrorSchema

    def _register_error_handlers(self) -> None:
        """Leave errors to `connector.api.errors`."""

    def _openapi_json(self) -> Response:
        """Serve the description; it is made once, because anybody may ask for it."""
        return Response(self._document, mimetype="application/json")

    @cached_property
    def _document(self) -> str:
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
            "servers": [{"url": public_url}, {"url": f"{public_url}/t/{{tenant}}", "variables": tenants}],
        },
    }


def install(app: Flask) -> ConnectorApi:
    """Serve the description and its reader; blueprints that are registered with the result are in it."""
    api = ConnectorApi(app)
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    api.spec.components.security_scheme(SECURITY_SCHEME, scheme)
    # Without a validator: Swagger's own would be told of this server. Without the place that an authorization server
    # sends browsers back to, which would name whatever host the request names.
    ui = {"app_name": "Onfido IdVP connector", "validatorUrl": None, "oauth2RedirectUrl": None}
    app.register_blueprint(get_swaggerui_blueprint("/docs", "../openapi.json", ui))
    return api
