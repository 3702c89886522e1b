"""Users' levels of assurance: when one changes, each stream of the tenant that has the user as a subject gets an event.

    tell_level ──► lock the user's level ──► lock the streams ──► read the user's claims
               ──► the level has changed: record it, and write an event for each stream     one transaction

Deliveries may overtake each other: the last one reads the result of all changes, and the lock on the user orders the
writing of events. So the last event of a user agrees with the database.

    seed_levels ──► a tenant's first stream: records who is already at the verified level, page by page, without events

A change that is still to be announced is no part of the state that is recorded: a user who was not verified before it
is left out, and the recording does not end before a user who was verified until then has been announced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Connection

from connector.domain.frozen import frozen
from connector.domain.openid.flow import is_guest
from connector.domain.people.written_status import status_of
from connector.domain.signals import DISABLED, LEVEL_CHANGE, Stream, level_change
from connector.domain.tenancy import Tenants
from connector.services.announcements.signal_announcement import AnnounceLevel, AnnounceLevels, NoteLevels
from connector.services.outbox import Handler
from connector.services.signals.writing import SignalWriter
from connector.services.use_case import use_case
from connector.store.claims import verified_claims
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.store.signals import signal_events, signal_levels, signal_streams

PAGE = 500
CHANGES_PAUSE = 1.0  # seconds that the end of the recording waits for changes to be announced


@frozen
class SeedLevels:
    """Record which of a tenant's users are at the verified level, after `position`."""

    kind: ClassVar[str] = "seed_levels"
    tenant: str
    position: str = ""


@use_case
class Levels:
    """Announces changed levels to streams."""

    _database: Database
    _tenants: Tenants
    _writer: SignalWriter
    _clock: Callable[[], datetime]

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [
            Handler(AnnounceLevel, self.announce),
            Handler(AnnounceLevels, self.announce_all),
            Handler(NoteLevels, self.note),
            Handler(SeedLevels, self.seed),
        ]

    def announce(self, order: AnnounceLevel) -> None:
        """Write an event to the streams if the user's level has changed."""
        with self._database.write() as connection:
            was_verified = signal_levels.lock(connection, order.tenant, order.user_id)
            streams = signal_streams.lock_all(connection, order.tenant)
            if not streams:
                signal_levels.remove(connection, order.tenant, order.user_id)
                return
            records = verified_claims.find_records(connection, order.tenant, order.user_id)
            is_verified = status_of(records).verified is True
            if not is_verified:
                signal_levels.remove(connection, order.tenant, order.user_id)
            before = _before(order, streams, was_verified=was_verified)
            named = signal_streams.find_named(connection, order.tenant, order.user_id)
            if order.is_removal:
                _forget(connection, order)
            if before is not is_verified:
                chosen = [each for each in streams if each.includes(named.get(each.stream_id))]
                self._write(connection, order, chosen, is_verified=is_verified, was_verified=before)

    def announce_all(self, order: AnnounceLevels) -> None:
        """Queue those of the next users at the verified level without a verified claim."""
        with self._database.write() as connection:
            page = signal_levels.find_page(connection, order.tenant, order.position, PAGE)
            others = _unverified(connection, order.tenant, page)
            outbox.add_all(connection, [AnnounceLevel(order.tenant, user_id) for user_id in others])
            if len(page) == PAGE:
                outbox.add(connection, AnnounceLevels(order.tenant, page[-1]))

    def note(self, order: NoteLevels) -> None:
        """Record the next users who were verified with a removed provider, and queue the check of their levels."""
        with self._database.write() as connection:
            page = signal_levels.note_page(connection, order.tenant, order.provider_id, order.position, PAGE)
            outbox.add_all(connection, [AnnounceLevel(order.tenant, user_id) for user_id in page])
            if len(page) == PAGE:
                outbox.add(connection, replace(order, position=page[-1]))

    def seed(self, order: SeedLevels) -> None:
        """Record the next users who are at the verified level, and queue the page after them.

        Their rows are inserted before their claims are read: a concurrent change waits for this transaction, and finds
        the rows.
        """
        with self._database.write() as connection:
            if not signal_streams.find_all(connection, order.tenant):
                return
            page = verified_claims.find_users(connection, order.tenant, order.position, PAGE)
            changing = signal_levels.find_changing(connection, AnnounceLevel.kind, order.tenant, page)
            known = signal_levels.find_known(connection, order.tenant, page)
            new = [each for each in page if each not in known and changing.get(each, True) and not is_guest(each)]
            signal_levels.add_all(connection, order.tenant, new)
            signal_levels.remove_all(connection, order.tenant, _unverified(connection, order.tenant, new))
            if len(page) == PAGE:
                outbox.add(connection, SeedLevels(order.tenant, page[-1]))
            elif signal_levels.is_any_falling(connection, AnnounceLevel.kind, order.tenant):
                outbox.add(connection, order, pause=CHANGES_PAUSE)
            else:
                signal_streams.set_seeded(connection, order.tenant)

    def _write(
        self,
        connection: Connection,
        order: AnnounceLevel,
        streams: Sequence[Stream],
        *,
        is_verified: bool,
        was_verified: bool | None,
    ) -> None:
        choice = self._tenants.named(order.tenant).signals
        payload = level_change(choice, is_verified=is_verified, was_verified=was_verified, at=self._clock())
        takers = [each for each in streams if each.status != DISABLED and LEVEL_CHANGE in each.delivered(choice)]
        self._writer.add(connection, takers, LEVEL_CHANGE, payload, order.user_id)


def _unverified(connection: Connection, tenant: str, user_ids: Sequence[str]) -> list[str]:
    """Return those of these users who are not verified."""
    records = verified_claims.find_records_of(connection, tenant, user_ids)
    return [user_id for user_id in user_ids if status_of(records.get(user_id, ())).verified is not True]


def _before(order: AnnounceLevel, streams: Sequence[Stream], *, was_verified: bool) -> bool | None:
    """Return the user's previous level; None if it is not recorded and the user may have been verified."""
    is_noted = was_verified or all(each.is_seeded for each in streams)
    return was_verified if is_noted or not order.was_verified else None


def _forget(connection: Connection, order: AnnounceLevel) -> None:
    """Delete the waiting events of a removed user, and the streams' entries for the user."""
    removed = Counter(signal_events.forget_user(connection, order.tenant, order.user_id))
    signal_streams.count_events(connection, {stream_id: -number for stream_id, number in removed.items()})
    signal_streams.forget_user(connection, order.tenant, order.user_id)
