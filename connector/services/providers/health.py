"""The last check of every provider, stored with its time, so that the provider's health is known without calling
Onfido.

    a test by an administrator ──► recorded
    a change of a provider     ──► due a minute later ─┐
    each 6 hours               ──► due ────────────────┴─► sweep ──► check_provider ──► recorded

If Onfido does not answer, the last known result is kept, and the next check is sooner. When a provider becomes
unhealthy or healthy, this is recorded in the history and logged once. When it becomes unhealthy, applications are
notified that it needs attention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection

from connector.domain.audit.history import CHECKED, PROVIDER, Change
from connector.domain.providers.health import AFTER_SILENCE, BAD, GOOD, Health, is_answered, turn
from connector.domain.providers.provider import Provider
from connector.domain.providers.readiness import Readiness
from connector.domain.tenancy import Tenant
from connector.errors import Code, RequestError
from connector.services.journal import Journal
from connector.services.outbox import new_owner
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.providers import provider_health

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)  # of a check: longer than any check takes


@use_case
class HealthRecords:
    """Records and reads checks of providers; the methods for people take the tenant."""

    _database: Database
    _journal: Journal
    _clock: Callable[[], datetime]

    def now(self) -> datetime:
        """Return the time at which a check starts."""
        return self._clock()

    def of(self, tenant: Tenant, provider_id: str) -> Health:
        """Return the health of a provider; raise `RequestError` if there is none."""
        with self._database.read() as connection:
            health = provider_health.find(connection, provider_id, tenant.name, self._clock())
        if health is None:
            why = f"There is no identity verification provider {provider_id}: check the id and the tenant."
            raise RequestError(Code.PROVIDER_NOT_FOUND, why)
        return health

    def all(self, tenant: Tenant) -> list[Health]:
        """Return the health of all providers of the tenant, ordered by name."""
        with self._database.read() as connection:
            return provider_health.find_all(connection, tenant.name, self._clock())

    @contextmanager
    def checking(self, provider_id: str) -> Iterator[bool]:
        """Hold the lease for a check; yield False if another check is in progress."""
        owner, now = new_owner(), self._clock()
        with self._database.write() as connection:
            has_lease = provider_health.begin(connection, provider_id, owner, now, now + LEASE)
        try:
            yield has_lease
        finally:
            if has_lease:
                with self._database.write() as connection:
                    provider_health.end(connection, provider_id, owner)

    def record(self, provider: Provider, readiness: Readiness, began_at: datetime) -> None:
        """Record a check that started at this time; one that started before the recorded one changes nothing."""
        with self._database.write() as connection:
            before = provider_health.lock(connection, provider.provider_id, provider.tenant)
            if before is None or (before.tried_at is not None and before.tried_at > began_at):
                return
            if is_answered(readiness):
                self._record_answer(connection, provider, before, readiness, began_at)
            else:
                self._record_silence(connection, provider, before, began_at)

    def _record_answer(
        self, connection: Connection, provider: Provider, before: Health, readiness: Readiness, began_at: datetime
    ) -> None:
        is_good = readiness.passed
        values: dict[str, Any] = {"is_answered": True, "checked_at": began_at, "is_good": is_good}
        values |= provider_health.checks_columns(readiness.checks)
        if is_good:
            values["good_at"] = began_at
        provider_health.record(connection, provider.provider_id, began_at, values)
        if turned := turn(before, is_good=is_good):
            self._announce(connection, provider, before, turned, readiness)

    def _record_silence(self, connection: Connection, provider: Provider, before: Health, began_at: datetime) -> None:
        provider_health.record(connection, provider.provider_id, began_at, {"is_answered": False})
        provider_health.put_due_by(connection, provider.provider_id, self._clock() + AFTER_SILENCE)
        if before.is_answered:
            log.warning("provider.check_unanswered", provider_id=provider.provider_id, last_known=before.known_state)

    def _announce(
        self, connection: Connection, provider: Provider, before: Health, turned: str, readiness: Readiness
    ) -> None:
        write = log.info if turned == GOOD else log.warning
        write(f"provider.turned_{turned}", provider_id=provider.provider_id, failed=readiness.failed)
        change = Change(
            at=self._clock(),
            tenant=provider.tenant,
            subject=PROVIDER,
            name=provider.name,
            provider_id=provider.provider_id,
            previous=before.known_state,
            current=turned,
            cause=CHECKED,
            detail={"failed": readiness.failed} if turned == BAD else {},
        )
        self._journal.record(connection, [change])
