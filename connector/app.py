"""The web application, on top of the use cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask import Flask, request
from flask_smorest import Api
from flask_swagger_ui import get_swaggerui_blueprint
from werkzeug.exceptions import NotFound

from connector import __version__
from connector.access.development import trusted_issuers
from connector.access.gate import Access
from connector.api import (
    applicants,
    errors,
    exports,
    ids,
    operations,
    providers,
    setup,
    tenancy,
    tracing,
    users,
    webhooks,
)
from connector.api import verifications as runs
from connector.api.parsing import SECURITY_SCHEME
from connector.api.tasks import blueprint as tasks_blueprint
from connector.bootstrap import Clock, create_services, utc_now
from connector.domain.tenancy import DEFAULT_TENANT
from connector.services.journal import Subscriber
from connector.services.outbox import Handler
from connector.settings import Settings

MAX_PATH_VALUE = 255


def create_app(
    settings: Settings,
    clock: Clock = utc_now,
    subscribers: Sequence[Subscriber] = (),
    handlers: Iterable[Handler[Any]] = (),
) -> Flask:
    """Create the web application; raises `ConfigurationError` where it must not start."""
    issuers = trusted_issuers(settings)
    services = create_services(settings, clock, subscribers, handlers)
    app = Flask("connector", static_folder=None)
    app.url_map.merge_slashes = False  # a redirect of the router's would go to whatever host the request names
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config |= _flask_config(settings)
    app.extensions |= {"access": Access(issuers), "issuers": issuers, "services": services, "settings": settings}
    tenancy.install(app)
    tracing.install(app)
    ids.install(app)
    app.before_request(_check_path)
    _register_routes(app)
    errors.install(app)
    return app


def _flask_config(settings: Settings) -> dict[str, Any]:
    tenants = {"tenant": {"default": DEFAULT_TENANT}}
    return {
        "PUBLIC_URL": settings.public_url,
        "MAX_CONTENT_LENGTH": settings.max_body_bytes + 1,  # a longer one is cut off: `read_body` sees that it is
        "API_TITLE": "Onfido IdVP connector",
        "API_VERSION": __version__,
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/",
        "OPENAPI_JSON_PATH": "openapi.json",
        "API_SPEC_OPTIONS": {
            "servers": [
                {"url": settings.public_url},
                {"url": f"{settings.public_url}/t/{{tenant}}", "variables": tenants},
            ],
        },
    }


class _ConnectorApi(Api):  # type: ignore[misc]
    """flask-smorest's, with our error body in place of its own."""

    ERROR_SCHEMA = errors.ErrorSchema

    def _register_error_handlers(self) -> None:
        """Leave errors to `connector.api.errors`."""


def _register_routes(app: Flask) -> None:
    api = _ConnectorApi(app)
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    api.spec.components.security_scheme(SECURITY_SCHEME, scheme)
    for module in (applicants, exports, providers, runs, setup, users, webhooks):
        api.register_blueprint(module.blueprint)
    api.register_blueprint(tasks_blueprint)
    app.register_blueprint(operations.blueprint)
    # Without a validator: Swagger's own would be told of this server.
    ui = {"app_name": "Onfido IdVP connector", "validatorUrl": None}
    app.register_blueprint(get_swaggerui_blueprint("/docs", "../openapi.json", ui))


def _check_path() -> None:
    """No id in a path is longer than the database's columns, or holds what no id holds."""
    for value in (request.view_args or {}).values():
        if isinstance(value, str) and (len(value) > MAX_PATH_VALUE or not value.isprintable()):
            raise NotFound
