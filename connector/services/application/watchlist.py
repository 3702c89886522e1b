"""Changed matches of watchlist monitors, which continue after a run has ended.

    watchlist_monitor.matches_updated ──► parked, and a delivery is queued
    update: read the monitor's user from Onfido ──► ┌ one transaction ──────────────────────────────┐
                                                    │ history of the user; the event is applied     │
                                                    │ claims no longer verified, if so configured   │
                                                    │ notice into the outbox                        │──► notify
                                                    └───────────────────────────────────────────────┘

An event is applied once even if it is delivered repeatedly: it is resolved in the transaction that applies it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar

import structlog
from sqlalchemy import Connection

from connector.domain.answered import Answered
from connector.domain.audit.history import USER, WATCHLIST, of_verification
from connector.domain.claims import WATCHLIST_MATCH
from connector.domain.environment import counts
from connector.domain.frozen import frozen
from connector.domain.notices import MATCH_EVENTS
from connector.domain.providers.provider import Provider
from connector.domain.verifications.verification import Verification
from connector.errors import OnfidoError, RequestError
from connector.services.application.notices import Notices, matches_updated
from connector.services.journal import Journal
from connector.services.outbox import Handler, stamp
from connector.services.providers.onfido import Onfido
from connector.services.providers.registry import Providers
from connector.services.results.deliveries import UpdateMatches
from connector.services.timing import background
from connector.services.use_case import use_case
from connector.store.claims import claims
from connector.store.deliveries import notices as queued
from connector.store.deliveries.notices import NoticePayload
from connector.store.engine import Database
from connector.store.people import users
from connector.store.providers import events
from connector.store.verifications import user_verifications, verification_finds, verifications

log = structlog.get_logger(__name__)

MATCHES_UPDATED = "watchlist_matches_updated"  # the change, for the history
ASK_BUDGET = 25.0  # seconds of calls to Onfido; well below the outbox' lease


@frozen
class NotifyOfMatches(NoticePayload):
    """Notify an application of a user's new matches."""

    kind: ClassVar[str] = "tell_matches"
    monitor_id: str

    @property
    def events(self) -> tuple[str, ...]:
        """The specific event, or the general one."""
        return MATCH_EVENTS


@use_case
class Watchlist:
    """Applies changed matches, and notifies applications of them."""

    _database: Database
    _providers: Providers
    _onfido: Onfido
    _notices: Notices
    _journal: Journal
    _clock: Callable[[], datetime]

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [Handler(UpdateMatches, self.update), Handler(NotifyOfMatches, self.deliver)]

    def update(self, order: UpdateMatches) -> None:
        """Read the monitor's user from Onfido, and apply the new matches."""
        try:
            provider = self._providers.of(order)
        except RequestError:
            return  # the provider was removed, with all its claims
        verification = self._find_watched(provider, order.monitor_id)
        if verification is None:
            log.info("watchlist.user_unknown", provider_id=provider.provider_id, monitor_id=order.monitor_id)
        with self._database.write() as connection:
            if verification is not None and _lock(connection, verification):
                self._apply(connection, provider, verification, order)
            else:
                events.resolve(connection, order.event_id, events.NOTED)

    def deliver(self, order: NotifyOfMatches) -> Answered | None:
        """Notify the application of a user's new matches."""
        with self._database.read() as connection:
            verification = verifications.find(connection, order.verification_id or "")
        endpoint = None if verification is None else self._notices.endpoint(order)
        if verification is None or endpoint is None:
            return None
        notice = matches_updated(endpoint, order, verification, order.monitor_id)
        return self._notices.send(endpoint, notice).answered

    def _find_watched(self, provider: Provider, monitor_id: str) -> Verification | None:
        """Return the monitored user's latest verification; None if either was removed, or it does not count."""
        onfido = self._onfido.of_provider(provider, background(ASK_BUDGET))
        try:
            applicant_id = onfido.get_watched_applicant(monitor_id)
        except OnfidoError as error:
            if error.is_gone:
                return None
            raise
        with self._database.read() as connection:
            verification = verification_finds.find_of_applicant(connection, provider.provider_id, applicant_id)
        is_here = verification is not None and counts(verification.environment, provider.environment)
        return verification if is_here else None

    def _apply(
        self, connection: Connection, provider: Provider, verification: Verification, order: UpdateMatches
    ) -> None:
        claims.lock(connection, verification.tenant, verification.user_id)
        event_id, now = order.event_id, self._clock()
        if not events.resolve(connection, event_id, events.APPLIED):
            return
        changes = [
            of_verification(verification, now, WATCHLIST, event_id, USER, verification.user_id, None, MATCHES_UPDATED)
        ]
        if provider.studio.unverifies_on_match:
            changes += claims.unverify_all(
                connection,
                verification.tenant,
                verification.user_id,
                verification.provider_id,
                now,
                status=WATCHLIST_MATCH,
                cause=WATCHLIST,
                actor=event_id,
            )
        self._journal.record(connection, changes)
        key = f"{NotifyOfMatches.kind}:event:{event_id}"
        owner = (verification.tenant, verification.provider_id, verification.verification_id)
        queued.queue(connection, [NotifyOfMatches(*owner, *stamp(key, now), "", order.monitor_id)], key)
        log.info(
            "watchlist.matches_updated",
            verification_id=verification.verification_id,
            provider_id=verification.provider_id,
        )


def _lock(connection: Connection, verification: Verification) -> bool:
    """Lock the user and all verifications, in lock order; False if the user was removed meanwhile."""
    users.lock(connection, verification.tenant, verification.user_id)
    current = user_verifications.lock_all(connection, verification.tenant, verification.user_id)
    return any(each.verification_id == verification.verification_id for each in current)
