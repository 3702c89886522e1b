"""The web application, on top of the use cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flask import Flask, Response

from connector import __version__, pages
from connector.access.development import trusted_issuers
from connector.access.gate import Access
from connector.api import (
    applicants,
    assurance,
    audit,
    console_sessions,
    csv,
    deliveries,
    delivery_proof,
    errors,
    events,
    evidence,
    ids,
    jobs,
    notices,
    openid_clients,
    operations,
    operator,
    pictures,
    providers,
    self_check,
    setup,
    statistics,
    user_status,
    users,
    verifications,
    webhooks,
)
from connector.api.middleware import (
    access_log,
    browsers,
    content_policy,
    origins,
    paths,
    refused_requests,
    tenancy,
    tracing,
)
from connector.api.openapi import docs, document
from connector.api.routing import Route
from connector.api.tasks import blueprint as tasks_blueprint
from connector.bootstrap import Services, create_services
from connector.bootstrap.ground import Clock, utc_now
from connector.connections import connections
from connector.domain.text import encodable
from connector.services.journal import Subscriber
from connector.services.outbox import Handler
from connector.settings import Settings
from connector.settings.secret import read_secret
from connector.signals import installation as signals
from connector.signals import reports as signal_reports


class Answer(Response):
    """Flask's response, whose text may hold lone surrogates: stored JSON, such as an event's body, can have some."""

    def set_data(self, value: bytes | str) -> None:
        """Encode a text as UTF-8."""
        super().set_data(encodable(value) if isinstance(value, str) else value)


class Application(Flask):
    """Flask, without checking for each function of each request whether it is asynchronous: none is."""

    response_class = Answer
    url_rule_class = Route

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func


def create_app(
    settings: Settings,
    clock: Clock = utc_now,
    subscribers: Sequence[Subscriber[Any]] = (),
    handlers: Iterable[Handler[Any]] = (),
    malformed: Sequence[type[Exception]] = (),
) -> Flask:
    """Create the web application; raises `ConfigurationError` if it must not start.

    `malformed` are the server's exceptions for a body that it cannot read.
    """
    issuers, secrets = trusted_issuers(settings), _console_secrets(settings)
    services = create_services(settings, clock, subscribers, handlers)
    app = _application(settings, services)
    app.config |= document.document_config(settings.public_url, __version__)
    app.config |= {"PUBLIC_URL": settings.public_url, "MAX_BODY_BYTES": settings.max_body_bytes}
    app.extensions |= {"access": Access(issuers), "issuers": issuers, "services": services, "settings": settings}
    checked = connections(settings, services.directories, services.tenants.configured, clock)
    app.extensions |= {"clock": clock, "since": clock(), "connections": checked}
    _register_routes(app)
    signals.install(app)
    errors.install(app, malformed)
    if settings.console_enabled:
        _install_pages(app, secrets, malformed)
    return app


def _application(settings: Settings, services: Services) -> Flask:
    """Return an application without routes, which treats every request by the same rules."""
    app = Application("connector", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    tenancy.install(app, services.tenants)
    access_log.install(app)
    refused_requests.install(app)
    tracing.install(app)
    origins.install(app)
    browsers.install(app)
    content_policy.install(app, settings.public_url)
    paths.install(app)
    ids.install(app)
    return app


def _register_routes(app: Flask) -> None:
    api = document.install(app)
    for blueprint in (  # the order of the OpenAPI description: the routes for applications first
        users.blueprint,
        assurance.blueprint,
        tasks_blueprint,
        providers.blueprint,
        setup.blueprint,
        verifications.blueprint,
        statistics.blueprint,
        user_status.blueprint,
        csv.blueprint,
        evidence.blueprint,
        pictures.blueprint,
        delivery_proof.blueprint,
        applicants.blueprint,
        notices.blueprint,
        events.blueprint,
        deliveries.blueprint,
        console_sessions.blueprint,
        jobs.blueprint,
        openid_clients.blueprint,
        signal_reports.blueprint,
        audit.blueprint,
        operator.blueprint,
        webhooks.blueprint,
    ):
        api.register_blueprint(blueprint)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(operations.blueprint)
    app.register_blueprint(self_check.blueprint)
    app.register_blueprint(assurance.keys_blueprint)


def _console_secrets(settings: Settings) -> Mapping[str, str]:
    """Read the console's secrets as a client of issuers; later, a file may be gone."""
    references = [each.console_client_secret for each in settings.all_issuers if settings.console_enabled]
    return {each: read_secret(each) for each in references if each}


def _install_pages(app: Flask, secrets: Mapping[str, str], malformed: Sequence[type[Exception]]) -> None:
    """Pass the requests for pages to an application of their own, with the same configuration and use cases."""
    settings, services = app.extensions["settings"], app.extensions["services"]

    def create() -> Flask:
        from connector import oidc as openid  # noqa: PLC0415  its pages are in the console's frame
        from connector.console import frame  # noqa: PLC0415

        created = _application(settings, services)
        created.config, created.extensions = app.config, app.extensions
        frame.install(created, settings, secrets)
        openid.install(created)
        errors.install(created, malformed)
        return created

    app.extensions[pages.EXTENSION] = app.wsgi_app = pages.Pages(app.wsgi_app, create)  # type: ignore[method-assign]
