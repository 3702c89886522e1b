"""The basis of all use cases: the open database, the keys, the journal, and the connections to Onfido."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from connector import __version__
from connector.bootstrap.part import part
from connector.bootstrap.signed_userinfo import Verifier
from connector.directory.directories import Directories
from connector.directory.local import LocalDirectory
from connector.directory.openid import openid_names
from connector.domain.providers.provider_rules import BaseUrlPolicy
from connector.domain.studio.studio import StudioPolicy
from connector.domain.urls import UrlPolicy
from connector.onfido.client import OnfidoTransport
from connector.private_file import make_data_dir
from connector.services.afterwards import Afterwards
from connector.services.announcements.monitor_announcement import MonitorAnnouncement
from connector.services.announcements.notice_announcement import announcements
from connector.services.announcements.signal_announcement import SignalAnnouncement
from connector.services.announcements.status_announcement import StatusAnnouncement
from connector.services.backlog import BacklogReader
from connector.services.console.console_sessions import ConsoleSessions
from connector.services.console.sign_in_record import SignInRecord
from connector.services.endpoint_secrets import EndpointSecrets
from connector.services.health import Health
from connector.services.journal import Journal, Subscriber
from connector.services.key_rotation import KeyRotation
from connector.services.outbox import Handler
from connector.services.processes import Processes
from connector.services.providers.budget import AccountBudgets
from connector.services.providers.onfido import Onfido
from connector.services.providers.own_endpoint import OwnEndpoints
from connector.services.providers.registry import Providers
from connector.services.providers.rules import ConfigurationRules
from connector.services.providers.secrets import Secrets
from connector.services.refusals.refusal_limit import RefusalLimit
from connector.services.refusals.refusal_record import RefusalRecord
from connector.services.refusals.refused_posts import RefusedPostCounts
from connector.services.signing import SigningKeys
from connector.services.timing import Timing
from connector.services.values import UserValues
from connector.settings import Settings
from connector.settings.tenancy import read_tenants
from connector.store.engine import Database
from connector.store.vault import Fingerprints, OpaqueTexts, Vault

if TYPE_CHECKING:
    from connector.services.assurance import VerifiedClaims
    from connector.services.refusals.refused_requests import RefusedRequests
    from connector.services.self_check import SelfCheck

Clock = Callable[[], datetime]
USER_AGENT = f"onfido-idvp-connector/{__version__}"


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def open_database(settings: Settings) -> Database:
    """Open the configured database, or the embedded one in the data directory (created on first use, mode 0700)."""
    if not settings.database_url:
        make_data_dir(settings.data_dir)
    return Database(settings.database)


class Ground:
    """An open database, the keys and the connections to Onfido, according to the settings."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        database: Database,
        vault: Vault,
        fingerprints: Fingerprints,
        texts: OpaqueTexts,
        subscribers: Sequence[Subscriber[Any]],
        handlers: Iterable[Handler[Any]],
    ) -> None:
        self.settings = settings
        self.database = database
        self.tenants = read_tenants(settings)
        self.openid_names = openid_names(settings.openid_dialects)
        self.lock = threading.RLock()
        self._clock = clock
        self._vault = vault
        self._fingerprints = fingerprints
        self._texts = texts
        self._handlers = handlers
        self._journal = Journal(
            [*subscribers, StatusAnnouncement(self.tenants)],
            [MonitorAnnouncement(), SignalAnnouncement(), *announcements()],
        )
        self._refusals = RefusalRecord(database, self._journal, RefusalLimit(clock))
        self._afterwards = Afterwards()
        self.refused_posts = RefusedPostCounts(database, clock)
        local = LocalDirectory(database, vault)
        self.directories = Directories(
            local, proxy=settings.outgoing_proxy, threads=settings.threads, verifier=Verifier(settings)
        )
        self._user_values = UserValues(database, self.directories, fingerprints, self._journal, clock)
        self._timing = Timing(settings.interactive_budget, settings.run_settle_time)
        self._secrets = Secrets(vault, timedelta(seconds=settings.webhook_token_overlap), clock)
        self._endpoint_secrets = EndpointSecrets(vault, timedelta(seconds=settings.notice_secret_overlap), clock)
        self._base_urls = BaseUrlPolicy(settings.allowed_base_url_hosts, settings.allow_http_loopback)
        self._studio_policy = StudioPolicy(
            notices=UrlPolicy(settings.allowed_notice_hosts, settings.allow_http_loopback, "allowed_notice_hosts"),
            browsers=UrlPolicy(None, settings.allow_http_loopback),
        )
        self._transport = OnfidoTransport(
            connect_timeout=settings.onfido_connect_timeout,
            read_timeout=settings.onfido_read_timeout,
            read_retries=settings.onfido_read_retries,
            user_agent=USER_AGENT,
            rate_limit=settings.onfido_rate_limit,
            budget=AccountBudgets(database, fingerprints),
            max_queued=max(1, settings.threads // 4),
            failures_to_open=settings.onfido_circuit_failures,
        )

    @part
    def health(self) -> Health:
        """Check that the database is usable."""
        return Health(self.database)

    @part
    def self_check(self) -> SelfCheck:
        """Recognise this installation behind its proxy."""
        from connector.services.self_check import SelfCheck

        return SelfCheck(self._fingerprints)

    @part
    def refused_requests(self) -> RefusedRequests:
        """Record refused requests of known callers."""
        from connector.services.refusals.refused_requests import RefusedRequests

        return RefusedRequests(self._refusals, self._clock)

    @part
    def sign_in_record(self) -> SignInRecord:
        """Record sign-ins to the console, including refused ones."""
        return SignInRecord(self._journal, self._refusals, self._clock)

    @part
    def processes(self) -> Processes:
        """List the running processes with their settings."""
        return Processes(self.database, self._fingerprints, self._journal, self._clock)

    @part
    def backlog(self) -> BacklogReader:
        """Read the backlog in the database, for the metrics."""
        return BacklogReader(self.database, self._clock)

    @part
    def signing_keys(self) -> SigningKeys:
        """Sign, publish the public keys, and rotate the keys."""
        overlap = timedelta(seconds=self.settings.signing_key_overlap)
        return SigningKeys(self.database, self._vault, self._journal, overlap, self._clock)

    @part
    def verified_claims(self) -> VerifiedClaims:
        """Assert which of a user's values are verified."""
        from connector.services.assurance import VerifiedClaims

        return VerifiedClaims(
            self.database,
            self._user_values,
            self._fingerprints,
            self.signing_keys,
            self.openid_names,
            timedelta(seconds=self.settings.verified_claims_lifetime),
            self._clock,
        )

    @part
    def key_rotation(self) -> KeyRotation:
        """Re-encrypt everything with the first of the encryption keys."""
        return KeyRotation(self.database, self._vault)

    @part
    def configuration_rules(self) -> ConfigurationRules:
        """Check configurations of providers."""
        return ConfigurationRules(self._base_urls, self._studio_policy)

    @part
    def providers(self) -> Providers:
        """Register, change and remove providers."""
        own = OwnEndpoints(self._endpoint_secrets, self._clock)
        return Providers(self.database, self._secrets, self._journal, self.configuration_rules, own, self._clock)

    @part
    def onfido(self) -> Onfido:
        """Reach Onfido on behalf of a provider."""
        return Onfido(self.providers, self._secrets, self._transport, self._base_urls)

    def open_directories(self) -> None:
        """Open the directories of the configured tenants, without calling them; raises `ConfigurationError`."""
        for each in self.tenants.configured:
            self.directories.remote(each)

    def close(self) -> None:
        """Close every connection, to Onfido and to the database."""
        self._afterwards.close()
        self.refused_posts.close()
        self._transport.close()
        self.database.close()

    @part
    def console_sessions(self) -> ConsoleSessions:
        """Sign people in to the console, and out."""
        lifetime, idle_time = (
            timedelta(seconds=each)
            for each in (self.settings.console_session_lifetime, self.settings.console_idle_time)
        )
        return ConsoleSessions(
            self.database, self._vault, self._texts, self.sign_in_record, lifetime, idle_time, self._clock
        )

    def derive_key(self, purpose: str) -> bytes:
        """Derive a key for a purpose; it is the same in every process of the deployment."""
        return self._fingerprints.derive(purpose)
