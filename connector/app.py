"""Where the parts are wired together, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
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
from connector.directory.local import LocalDirectory
from connector.domain.provider import BaseUrlPolicy
from connector.domain.studio import StudioPolicy
from connector.domain.tenancy import DEFAULT_TENANT
from connector.domain.urls import UrlPolicy
from connector.errors import ConfigurationError
from connector.http.client import HttpClient
from connector.http.webhook_sender import Notifier
from connector.onfido.client import OnfidoTransport
from connector.private_file import make_data_dir
from connector.relay import Relay
from connector.services.application.notices import Notices
from connector.services.application.tasks import Tasks
from connector.services.application.watchlist import Watchlist
from connector.services.journal import Journal, Subscriber
from connector.services.key_rotation import fingerprint_key, rotate_keys
from connector.services.lookup.evidence import RunFiles
from connector.services.lookup.verifications import Runs
from connector.services.outbox import SWEEP, Kind, Outbox
from connector.services.people.applicants import Applicants
from connector.services.people.claims import Claims
from connector.services.people.users import Users
from connector.services.providers.registry import Providers
from connector.services.providers.setup import Setup
from connector.services.providers.webhook_token import Tokens
from connector.services.results.decisions import Decisions
from connector.services.results.events import Events
from connector.services.results.kept import Archive
from connector.services.results.results import Results
from connector.services.starting.attempts import Attempts
from connector.services.starting.binding import Binding
from connector.services.starting.initiation import Initiation
from connector.services.starting.recording import Recorder
from connector.services.starting.requests import Verifications
from connector.services.timing import Timing
from connector.services.upkeep import Upkeep
from connector.settings import Settings
from connector.store.engine import Database
from connector.store.vault import Fingerprints, Vault, read_keys

Clock = Callable[[], datetime]
MAX_PATH_VALUE = 255


def utc_now() -> datetime:
    """The one clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Services:
    """The use cases, wired; the command line works on them directly, the web application through HTTP."""

    database: Database
    providers: Providers
    setup: Setup
    verifications: Verifications
    runs: Runs
    files: RunFiles
    tasks: Tasks
    decisions: Decisions
    archive: Archive
    applicants: Applicants
    events: Events
    claims: Claims
    users: Users
    upkeep: Upkeep
    outbox: Outbox
    rotate_keys: Callable[[], None]
    close: Callable[[], None]


def create_services(
    settings: Settings,
    clock: Clock = utc_now,
    subscribers: Sequence[Subscriber] = (),
    kinds: Mapping[str, Kind] = MappingProxyType({}),
) -> Services:
    """Open the database and wire the use cases.

    `subscribers` hear of every change, `kinds` are what is delivered to them.
    The embedded default is migrated here; raises `ConfigurationError` where another database is not.
    """
    database = open_database(settings)
    with ExitStack() as on_failure:
        on_failure.callback(database.close)
        _check_schema(database)
        vault = Vault(read_keys(settings.encryption_keys, settings.data_dir))
        fingerprints = Fingerprints(fingerprint_key(database, vault))
        on_failure.pop_all()
    user_agent = f"onfido-idvp-connector/{__version__}"
    onfido = OnfidoTransport(
        connect_timeout=settings.onfido_connect_timeout,
        read_timeout=settings.onfido_read_timeout,
        read_retries=settings.onfido_read_retries,
        user_agent=user_agent,
        rate_limit=settings.onfido_rate_limit,
        failures_to_open=settings.onfido_circuit_failures,
    )
    directory = LocalDirectory(database, vault)
    journal = Journal(subscribers)
    timing = Timing(settings.interactive_budget, settings.run_settle_time)
    policy = BaseUrlPolicy(settings.allowed_base_url_hosts, settings.allow_http_loopback)
    studio_policy = StudioPolicy(
        notices=UrlPolicy(settings.allowed_notice_hosts, settings.allow_http_loopback, "allowed_notice_hosts"),
        browsers=UrlPolicy(None, settings.allow_http_loopback),
    )
    token_overlap = timedelta(seconds=settings.webhook_token_overlap)
    provider_service = Providers(database, vault, onfido, journal, policy, studio_policy, token_overlap, clock)
    archive = Archive(vault)
    results = Results(database, provider_service, archive, fingerprints, journal, clock)
    events = Events(database, vault, provider_service, results, clock)
    attempts = Attempts(database, provider_service, results, journal, timing, clock)
    binding = Binding(database, directory, fingerprints, attempts, journal, clock)
    recorder = Recorder(database, attempts, results, events, journal, clock)
    initiation = Initiation(database, binding, attempts, recorder, timing, clock)
    event_retention = timedelta(days=settings.event_retention_days)
    run_service = Runs(database, provider_service, results, archive, timing)
    outgoing = HttpClient(ca_file=settings.notice_ca_file, proxy=settings.outgoing_proxy)
    notices = Notices(provider_service, Notifier(outgoing), studio_policy.notices, clock)
    tasks = Tasks(database, provider_service, run_service, notices, journal, timing, clock)
    watchlist = Watchlist(database, provider_service, notices, journal, clock)
    kinds = {**kinds, **tasks.kinds, **watchlist.kinds}
    upkeep = Upkeep(
        database, provider_service, results, archive, events, initiation, journal, kinds, event_retention, clock
    )
    max_waiting = max(1, settings.threads // 2)

    def close() -> None:
        onfido.close()
        database.close()

    return Services(
        database=database,
        providers=provider_service,
        setup=Setup(provider_service, Tokens(database, vault, journal, token_overlap, clock), timing),
        verifications=Verifications(database, provider_service, results, initiation, timing, max_waiting, clock),
        runs=run_service,
        tasks=tasks,
        files=RunFiles(run_service, provider_service, timing),
        decisions=Decisions(database, provider_service, results, directory, fingerprints, journal, timing, clock),
        archive=archive,
        applicants=Applicants(database, provider_service, directory, fingerprints, journal, timing, clock),
        events=events,
        claims=Claims(database, directory, fingerprints, journal, clock),
        users=Users(database, vault, fingerprints, journal, clock),
        upkeep=upkeep,
        outbox=upkeep.outbox,
        rotate_keys=partial(rotate_keys, database, vault),
        close=close,
    )


def create_relay(services: Services, settings: Settings, *, threads: int, poll_interval: float = 1.0) -> Relay:
    """Make the worker's loop; the caller starts and stops it."""
    periodic = {SWEEP: float(settings.sweep_interval)}
    return Relay(services.database, services.outbox, periodic, threads=threads, poll_interval=poll_interval)


def _check_schema(database: Database) -> None:
    if database.is_sqlite:
        database.migrate()
    elif not database.is_current():
        raise ConfigurationError("The database's schema is not this version's: run `connector migrate`.")


def open_database(settings: Settings) -> Database:
    """Open the configured database, or the embedded one in the data directory (made on first use, mode 0700)."""
    make_data_dir(settings.data_dir)
    return Database(settings.database_url or f"sqlite:///{settings.data_dir / 'connector.db'}")


def create_app(
    settings: Settings,
    clock: Clock = utc_now,
    subscribers: Sequence[Subscriber] = (),
    kinds: Mapping[str, Kind] = MappingProxyType({}),
) -> Flask:
    """Make the web application; raises `ConfigurationError` where it must not start."""
    trusted = trusted_issuers(settings)
    services = create_services(settings, clock, subscribers, kinds)
    app = Flask("connector", static_folder=None)
    app.url_map.merge_slashes = False  # a redirect of the router's would go to whatever host the request names
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config |= _flask_config(settings)
    app.extensions |= vars(services) | {
        "access": Access(trusted),
        "count_outbox": services.outbox.counts,
        "issuers": trusted,
        "is_current": services.database.is_current,
        "services": services,
        "settings": settings,
    }
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
