"""Registering identity verification providers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from connector.domain.audit.history import ADDED, CHANGED, PROVIDER, REMOVED, SYSTEM, by_administrator
from connector.domain.environment import SANDBOX
from connector.domain.ids import new_id, normal_id
from connector.domain.messages import message
from connector.domain.providers.health import AFTER_CHANGE
from connector.domain.providers.provider import Condition, Provider, ProviderConfig
from connector.domain.studio.studio import Studio
from connector.domain.tenancy import OfProvider, Tenant
from connector.errors import ChangedMeanwhile, Code, RequestError
from connector.services import removals
from connector.services.announcements.signal_announcement import NoteLevels
from connector.services.journal import Journal
from connector.services.providers import withdrawals
from connector.services.providers.own_endpoint import OwnEndpoints
from connector.services.providers.refusals import name_conflict, name_taken, not_found
from connector.services.providers.rules import ConfigurationRules
from connector.services.providers.secrets import Secrets, provider_differences
from connector.services.use_case import use_case
from connector.store import removals as hiding
from connector.store.claims import lapsed_claims
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.store.providers import provider_health, providers
from connector.store.signals import signal_levels
from connector.store.statistics import daily_counts
from connector.store.verifications import verification_finds

log = structlog.get_logger(__name__)

_PLAIN = {"studio": providers.studio_column(Studio())}
_OF_WORKFLOW = {"workflow_id", "base_url", "api_token", "client_id"}  # the columns that select a workflow
_NO_PREVIOUS = {"previous_webhook_token": None, "previous_webhook_token_expires_at": None}


@use_case
class Providers:
    """Registers the providers of one tenant, which each method takes."""

    _database: Database
    _secrets: Secrets
    _journal: Journal
    _rules: ConfigurationRules
    _own: OwnEndpoints
    _clock: Callable[[], datetime]

    def add(self, tenant: Tenant, config: ProviderConfig, actor: str = SYSTEM) -> Provider:
        """Register a provider; an API token or client credentials are required.

        Raises `RequestError`: a field is invalid, or the name is taken in this tenant.
        """
        config = self._rules.new(config)
        studio = config.studio or Studio()
        provider_id = new_id()
        columns = _plain_columns(config, studio) | self._secrets.new_columns(provider_id, config)
        columns |= self._times(columns)
        with name_conflict(config), self._database.write() as connection:
            providers.add(connection, provider_id, tenant.name, columns, self._clock())
            self._own.follow(connection, tenant.name, provider_id, studio.notices, config.notice_secret)
            provider_health.put_due(connection, provider_id, self._clock() + AFTER_CHANGE)
            self._record(connection, tenant, provider_id, ADDED, actor, _PLAIN, columns, config.name)
            return _find(connection, tenant.name, provider_id)

    def change(
        self,
        tenant: Tenant,
        provider_id: str,
        config: ProviderConfig,
        actor: str = SYSTEM,
        *,
        seen: Provider | None = None,
    ) -> Provider:
        """Replace a provider's configuration; secrets that are None are kept.

        With `seen`, raise `ChangedMeanwhile` if the provider is not as it was seen any more.

        A replaced webhook token stays valid for a limited time, so that events signed with it are not refused. Raises
        `RequestError`: no such provider, a field is invalid, or the name is taken.
        """
        config = self._rules.changed(config)
        with name_conflict(config), self._database.write() as connection:
            is_free = providers.lock_name(connection, provider_id, tenant.name, config.name)
            stored = self._lock(connection, tenant, provider_id)
            if not is_free:
                raise name_taken(config.name)
            _check_seen(connection, tenant.name, provider_id, seen)
            studio = config.studio or providers.read_studio(stored["studio"])
            has_notice_secret = (config.notice_secret or stored["notice_secret"]) is not None
            self._rules.check_studio(studio, has_notice_secret=has_notice_secret)
            column = stored["studio"]
            columns = _plain_columns(config, studio, column) | self._secrets.changed_columns(
                provider_id, config, stored
            )
            before = {**stored, "studio": providers.studio_column(providers.read_studio(column), column)}
            changed = {name: value for name, value in columns.items() if before[name] != value}
            providers.change(connection, provider_id, columns | self._times(changed), self._clock())
            provider_health.put_due(connection, provider_id, self._clock() + AFTER_CHANGE)
            self._end_sandbox(connection, stored, columns)
            secret = self._secrets.notice_secret(provider_id, config, stored)
            self._own.follow(connection, tenant.name, provider_id, studio.notices, secret)
            self._record(connection, tenant, provider_id, CHANGED, actor, before, changed, config.name)
            return _find(connection, tenant.name, provider_id)

    def _times(self, changed: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns with the time since which the workflow is unchanged, if it has changed."""
        return {"workflow_set_at": self._clock()} if _OF_WORKFLOW & set(changed) else {}

    def _end_sandbox(self, connection: Connection, stored: Mapping[str, Any], columns: Mapping[str, Any]) -> None:
        """End the period in the sandbox, if the provider's credentials are no longer for it.

        From then on the claims that it verified are read as not verified; they are withdrawn in the background.
        """
        before, after = stored["environment"], columns.get("environment", stored["environment"])
        if after in (before, SANDBOX):
            return
        if has_lapsed_claims := lapsed_claims.end_period(connection, stored["id"], stored["sandbox_period"]):
            withdrawals.queue(connection, stored["tenant"], stored["id"])
        log.warning(
            "provider.environment_changed",
            provider_id=stored["id"],
            previous=before,
            environment=after,
            has_lapsed_claims=has_lapsed_claims,
            advice="Results of Onfido's sandbox verify nothing now; their users can start again.",
        )

    def learn_environment(self, provider: Provider, environment: str | None) -> None:
        """Record the environment of credentials that do not show it themselves, as determined from an applicant."""
        if provider.environment is not None or environment is None:
            return
        with self._database.write() as connection:
            stored = providers.lock(connection, provider.provider_id, provider.tenant)
            if stored is not None and stored["environment"] is None and _has_credentials_of(stored, provider):
                providers.change(connection, provider.provider_id, {"environment": environment}, self._clock())
                log.info("provider.environment_known", provider_id=provider.provider_id, environment=environment)

    def count_sandbox_results(self, provider: Provider) -> int:
        """Return the number, up to a thousand, of sandbox verifications that do not count: the provider is live."""
        if provider.environment == SANDBOX:
            return 0
        with self._database.read() as connection:
            return verification_finds.count_in_sandbox(connection, provider.provider_id)

    def end_overlap(
        self, tenant: Tenant, provider_id: str, actor: str = SYSTEM, *, seen: Provider | None = None
    ) -> Provider:
        """End the validity of the previous webhook token now, for example because it leaked; `seen` as in `change`."""
        with self._database.write() as connection:
            stored = self._lock(connection, tenant, provider_id)
            _check_seen(connection, tenant.name, provider_id, seen)
            providers.change(connection, provider_id, _NO_PREVIOUS, self._clock())
            self._record(connection, tenant, provider_id, CHANGED, actor, stored, _NO_PREVIOUS, stored["name"])
            return _find(connection, tenant.name, provider_id)

    def get(self, tenant: Tenant, provider_id: str) -> Provider:
        """Return a provider of the tenant; raises `RequestError` if there is none."""
        return self._get(tenant.name, provider_id)

    def of(self, record: OfProvider) -> Provider:
        """Return the provider that a stored record belongs to; raises `RequestError` if it was removed."""
        return self._get(record.tenant, record.provider_id)

    def named(self, tenant: Tenant, id_or_name: str) -> Provider:
        """Return a provider of the tenant by its id, or by its name, ignoring case."""
        with self._database.read() as connection:
            provider = providers.find(connection, normal_id(id_or_name), tenant.name)
            provider = provider or providers.find_named(connection, id_or_name, tenant.name)
        if provider is None:
            raise not_found(id_or_name)
        return provider

    def page(
        self, tenant: Tenant, *, conditions: Sequence[Condition] = (), limit: int, offset: int
    ) -> tuple[list[Provider], int]:
        """Return a page of the tenant's providers, ordered by name, and the number of all that match."""
        with self._database.read() as connection:
            return providers.find_page(connection, tenant.name, conditions, limit, offset)

    def all(self, tenant: Tenant) -> list[Provider]:
        """Return all providers of the tenant, ordered by name."""
        with self._database.read() as connection:
            return providers.find_page(connection, tenant.name, (), None, 0)[0]

    def is_any(self) -> bool:
        """Whether a provider is registered, in any tenant."""
        with self._database.read() as connection:
            return providers.is_any(connection)

    def remove(self, tenant: Tenant, provider_id: str, actor: str = SYSTEM) -> None:
        """Remove a provider with its verifications; raises `RequestError` if there is none.

        After this returns nothing of it can be read or changed; its rows are deleted in the background.
        """
        with self._database.write() as connection:
            stored = self._lock(connection, tenant, provider_id)
            hiding.hide_provider(connection, provider_id, self._secrets.erased(provider_id), self._clock())
            daily_counts.forget_provider(connection, tenant.name, provider_id)
            self._record(connection, tenant, provider_id, REMOVED, actor, {}, {}, stored["name"])
            if signal_levels.is_being_recorded(connection, tenant.name):
                outbox.add(connection, NoteLevels(tenant.name, provider_id))
            removals.queue(connection)

    def find_enabled(self, tenant: Tenant, provider_id: str) -> Provider:
        """Return a provider that may be used for verification; raises `RequestError` (OIDV-10009) otherwise."""
        with self._database.read() as connection:
            return enabled(connection, tenant.name, provider_id)

    def _get(self, tenant_name: str, provider_id: str) -> Provider:
        with self._database.read() as connection:
            return _find(connection, tenant_name, provider_id)

    def _lock(self, connection: Connection, tenant: Tenant, provider_id: str) -> Mapping[str, Any]:
        stored = providers.lock(connection, provider_id, tenant.name)
        if stored is None:
            raise not_found(provider_id)
        return stored

    def _record(
        self,
        connection: Connection,
        tenant: Tenant,
        provider_id: str,
        what: str,
        actor: str,
        before: Mapping[str, Any],
        changed: Mapping[str, Any],
        name: str,
    ) -> None:
        detail = {"properties": sorted(name for name in changed if not name.endswith("_set_at"))}
        changes = provider_differences(before, changed)
        entry = by_administrator(self._clock(), actor, tenant.name, PROVIDER, name, what, detail, provider_id, changes)
        self._journal.record(connection, [entry])


def _find(connection: Connection, tenant_name: str, provider_id: str) -> Provider:
    provider = providers.find(connection, provider_id, tenant_name)
    if provider is None:
        raise not_found(provider_id)
    return provider


def _check_seen(connection: Connection, tenant_name: str, provider_id: str, seen: Provider | None) -> None:
    if seen is not None and _find(connection, tenant_name, provider_id) != seen:
        raise ChangedMeanwhile(f"The provider {provider_id} was changed meanwhile: read it again.")


def enabled(connection: Connection, tenant_name: str, provider_id: str) -> Provider:
    """Return a provider that may be used for verification; raises `RequestError` (OIDV-10009) otherwise."""
    provider = providers.find(connection, provider_id, tenant_name)
    if provider is None or not provider.is_enabled:
        state = "disabled: enable it" if provider else "not registered: check the id and the tenant"
        raise RequestError(
            Code.PROVIDER_UNAVAILABLE,
            message(
                "The identity verification provider %(provider_id)s is %(state)s.", provider_id=provider_id, state=state
            ),
        )
    return provider


def _plain_columns(
    config: ProviderConfig, studio: Studio, stored_studio: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "studio": providers.studio_column(studio, stored_studio),
        "name": config.name,
        "description": config.description,
        "image": config.image,
        "is_enabled": config.is_enabled,
        "claims": dict(config.claims),
        "workflow_id": config.workflow_id,
        "base_url": config.base_url,
        "max_attempts": config.max_attempts,
        "attempt_window": config.attempt_window,
        "missing_name": config.missing_name,
        "accent_color": config.accent_color,
    }


def _has_credentials_of(stored: Mapping[str, Any], provider: Provider) -> bool:
    """Whether the credentials are those of the provider; a new secret of the same client makes no difference."""
    known = (provider.client_id, provider.sealed_api_token, provider.base_url)
    return known == (stored["client_id"], stored["api_token"], stored["base_url"])
