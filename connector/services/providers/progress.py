"""The setup progress of a provider, from its last check and later events; Onfido is not called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from connector.domain.events import RefusedPosts
from connector.domain.frozen import frozen
from connector.domain.notices import GONE, Endpoint
from connector.domain.providers.health import Health
from connector.domain.providers.provider import Provider
from connector.domain.providers.setup_steps import (
    SetupFacts,
    Step,
    headline,
    is_complete,
    last_known_steps,
    setup_steps,
)
from connector.domain.tenancy import Tenant
from connector.services.providers.health import HealthRecords
from connector.services.providers.registry import Providers
from connector.services.use_case import use_case
from connector.store.deliveries import endpoints
from connector.store.engine import Database
from connector.store.providers import refused_posts, setup_facts
from connector.store.providers.setup_facts import Since


@frozen
class Progress:
    """The steps of a setup, and the provider's health on which some of them depend.

    During a check, `headline` and `is_done` are those of before it.
    """

    headline: str
    is_done: bool
    health: Health
    steps: Sequence[Step]


@frozen
class SilentWebhook:
    """A provider to which Onfido has posted nothing, although a run has ended since its last event."""

    provider_id: str
    provider_name: str
    ended_at: datetime


@use_case
class SetupProgress:
    """Reports the setup progress of providers; the method takes the tenant."""

    _database: Database
    _providers: Providers
    _records: HealthRecords
    _clock: Callable[[], datetime]

    def of(self, tenant: Tenant, provider_id: str) -> Progress:
        """Return a provider's setup progress; raise `RequestError` if there is none."""
        provider, health = self._providers.get(tenant, provider_id), self._records.of(tenant, provider_id)
        with self._database.read() as connection:
            facts = self._facts(connection, tenant, provider, health)
        known = last_known_steps(provider, facts)
        return Progress(headline(known), is_complete(known), health, setup_steps(provider, facts))

    def silent(self, tenant: Tenant) -> list[SilentWebhook]:
        """Return the enabled providers whose last run has ended without an event since, although a webhook is set."""
        heard = {each.provider_id: each for each in self._records.all(tenant)}
        with self._database.read() as connection:
            runs = setup_facts.find_last_runs(connection, tenant.name, self._clock())
        known = [(run, heard[run.provider_id]) for run in runs if run.provider_id in heard]
        return [
            SilentWebhook(run.provider_id, health.provider_name, run.ended_at)
            for run, health in known
            if (last := max(filter(None, (run.webhook_at, health.last_event_at)), default=None)) is not None
            and run.ended_at > last + setup_facts.GRACE
        ]

    def _facts(self, connection: Connection, tenant: Tenant, provider: Provider, health: Health) -> SetupFacts:
        provider_id, now = provider.provider_id, self._clock()
        since = setup_facts.find_since(connection, provider_id)
        last_event_at = setup_facts.find_last_event(connection, provider_id)
        runs = setup_facts.find_recent_runs(connection, provider_id, since, last_event_at, now)
        approved, compared = setup_facts.count_compared(connection, provider_id)
        notified = [each for each in endpoints.find_all(connection, tenant.name, provider_id) if _is_in_use(each)]
        return SetupFacts(
            health=health,
            has_run=runs.has_run,
            last_event_at=last_event_at,
            webhook_set_at=since.webhook,
            refused=_since(refused_posts.find(connection, tenant.name, provider_id), since),
            ended_silently=runs.ended_silently,
            approved=approved,
            compared=compared,
            has_users=setup_facts.has_users(connection, tenant.name),
            has_own_directory=tenant.directory.is_local,
            endpoints=len(notified),
            refusing=sum(each.failures > 0 or each.disabled_because == GONE for each in notified),
            was_notified=any(each.test_accepted_at for each in notified)
            or setup_facts.was_notified(connection, [each.endpoint_id for each in notified]),
        )


def _since(refused: Sequence[RefusedPosts], since: Since) -> list[RefusedPosts]:
    return [each for each in refused if since.webhook is None or each.last_at >= since.webhook]


def _is_in_use(endpoint: Endpoint) -> bool:
    """Whether an endpoint is to be notified; one that an administrator disabled is not."""
    return endpoint.disabled_because in (None, GONE)
