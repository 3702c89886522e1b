"""Onfido's events: each applied once, durable before it is acknowledged.

    one transaction: insert the event (its digest is unique), act on it

    a run's status         applied; if data must be read from Onfido first, parked, and a check is queued
    a task has started     a notice is queued, if it is configured
    new watchlist matches  the same; parked until the monitor was read from Onfido
    anything else          noted

An event of a run that is not known yet is parked, and applied as soon as the run is recorded: whichever of the two is
committed later searches for the other (`match`). An event of a run that was removed, or does not belong to this
connector, is noted without its body (`expectation.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from connector import metrics
from connector.domain.frozen import frozen
from connector.domain.ids import new_id
from connector.domain.notices import DECISION_WAITING, TASK_STARTED
from connector.domain.studio.studio import MANUAL_REVIEW
from connector.domain.tenancy import Tenant
from connector.domain.verifications.verification import Verification
from connector.errors import ChangedMeanwhile
from connector.onfido.client import OnfidoClient
from connector.onfido.reading import read_text
from connector.onfido.webhooks import Event, read_event
from connector.services.outbox import stamp
from connector.services.providers.refusals import webhook_not_found
from connector.services.results.awaited import note_decision
from connector.services.results.capture import note_capture
from connector.services.results.deliveries import NotifyOfTask, UpdateMatches
from connector.services.results.expectation import expect
from connector.services.results.orphans import Orphans
from connector.services.results.results import Results
from connector.services.use_case import use_case
from connector.store.batch import Answer
from connector.store.deliveries import notices, outbox
from connector.store.engine import Database
from connector.store.providers import events, providers
from connector.store.providers.events import ParkedEvent
from connector.store.providers.webhook_access import SealedTokens, read_tokens
from connector.store.sealed import event_body
from connector.store.vault import Vault
from connector.store.verifications import locked_runs
from connector.store.verifications.locked_runs import LockedRun

log = structlog.get_logger(__name__)

DUPLICATE = "duplicate"

PARKED_TIME = timedelta(days=1)  # how long an event waits for its run: by then, the run is recorded or never will be
WEBHOOK = "webhook"  # a cause, for the history


@frozen
class Posted:
    """A signed event, as it was posted and as it was read; `digest` is the SHA-256 of the body."""

    body: bytes
    digest: str
    event: Event


@use_case
class Events:
    """Stores and applies events whose signature was checked (`posts.py`)."""

    _database: Database
    _vault: Vault
    _results: Results
    _orphans: Orphans
    _clock: Callable[[], datetime]

    def receive(
        self, tenant: Tenant, provider_id: str, posted: Posted, state: str, remembered: SealedTokens | None = None
    ) -> str:
        """Store an event with its first state, apply it, and return its state; after this returns, it is durable.

        Raises `RequestError` if the provider was removed, and `ChangedMeanwhile` if the event was accepted by
        remembered tokens that are no longer the provider's.
        """
        event, row = posted.event, self._row(provider_id, posted, state)
        with self._database.write() as connection:
            state = self._store(connection, tenant, event, row, remembered)
        if state == events.PARKED and event.run_id is not None:
            self.match(provider_id, event.run_id)  # the run may have been recorded meanwhile
        if state != DUPLICATE:
            metrics.observe_age(event.happened_at, row["received_at"])
        return note_received(provider_id, event, state)

    def match(self, provider_id: str, run_id: str) -> None:
        """Apply the events parked for a run, if the run is known now."""
        with self._database.write() as connection:
            follow_ups = []
            for parked in events.find_parked(connection, provider_id, run_id):
                event = read_event(self._opened(parked))
                run = _lock_run(connection, provider_id, event)
                is_applied, follow_up = self._apply(connection, run, event, parked.event_id)
                if is_applied:
                    events.resolve(connection, parked.event_id, events.APPLIED)
                follow_ups.append(follow_up)
            for follow_up in follow_ups:
                follow_up()

    def complete(self, provider_id: str, run_id: str, onfido: OnfidoClient) -> None:
        """Apply the events parked for a document's comparison, although Onfido does not show the run as ended yet.

        The status in a signed event is trusted; only the run's document check is read from Onfido.
        """
        with self._database.read() as connection:
            parked = events.find_parked(connection, provider_id, run_id)
        runs = ((each.event_id, read_event(self._opened(each)).run) for each in parked)
        completed = [(event_id, onfido.ask_document_check(run)) for event_id, run in runs if run and run.lacks_document]
        for event_id, run in completed:
            with self._database.write() as connection:
                locked = locked_runs.lock(connection, provider_id, run.run_id, with_claims=run.is_final)
                applied = self._results.apply(connection, locked, run, WEBHOOK, event_id)
                events.resolve(connection, event_id, events.APPLIED)
                self._results.announce(connection, applied)

    def replay(self, tenant: Tenant, provider_id: str, stored: ParkedEvent) -> None:
        """Apply a stored event again; the monitor of a watchlist event is read again."""
        event = read_event(self._opened(stored))
        with self._database.write() as connection:
            if event.monitor_id is not None:
                _queue_matches(connection, tenant, provider_id, event.monitor_id, stored.event_id)
                return
            run = _lock_run(connection, provider_id, event)
            is_applied, follow_up = self._apply(connection, run, event, stored.event_id)
            if is_applied:
                events.resolve(connection, stored.event_id, events.APPLIED)
            follow_up()

    def match_all(self) -> None:
        """Apply all events that are parked for runs known by now."""
        with self._database.read() as connection:
            waiting = events.find_matchable(connection)
        for provider_id, run_id in waiting:
            self.match(provider_id, run_id)

    def _row(self, provider_id: str, posted: Posted, state: str) -> dict[str, Any]:
        event, event_id = posted.event, new_id()
        return {
            "id": event_id,
            "provider_id": provider_id,
            "digest": posted.digest,
            "kind": event.kind,
            "run_id": event.run_id,
            "verification_id": event.verification_id,
            "state": state,
            "body": None if state == events.NOTED else self._vault.seal(read_text(posted.body), event_body(event_id)),
            "received_at": self._clock(),
            "happened_at": event.happened_at,
        }

    def _store(
        self,
        connection: Connection,
        tenant: Tenant,
        event: Event,
        row: Mapping[str, Any],
        remembered: SealedTokens | None,
    ) -> str:
        provider_id, event_id, state = row["provider_id"], row["id"], str(row["state"])
        shared = providers.share(connection, provider_id)
        added = events.add(connection, row)
        run = _lock_run(connection, provider_id, event, shared) if state == events.APPLIED else None
        if remembered is not None and [read_tokens(each) for each in shared.rows] != [remembered]:
            raise ChangedMeanwhile("The provider's webhook tokens were changed: read them again.")
        if not shared.rows:
            raise webhook_not_found(provider_id)
        if added.rowcount != 1:
            return DUPLICATE
        if state == events.PARKED:
            _queue_matches(connection, tenant, provider_id, event.monitor_id or "", event_id)
        elif run is not None:
            is_applied, follow_up = self._apply(connection, run, event, event_id)
            if not is_applied:
                state = self._let_wait(connection, provider_id, event, event_id)
            follow_up()
        return state

    def _let_wait(self, connection: Connection, provider_id: str, event: Event, event_id: str) -> str:
        """Park an event, unless no verification of the provider can ever have its run; return its state."""
        expected = expect(connection, provider_id, event)
        if expected.may_come:
            events.park(connection, event_id)
            events.make_room(connection, provider_id)
            return events.PARKED
        events.note(connection, event_id)
        if expected.lost_by is not None:
            self._orphans.add(connection, expected.lost_by, event.run_id or "", WEBHOOK, event_id)
        return events.NOTED

    def _apply(
        self, connection: Connection, run: LockedRun, event: Event, event_id: str
    ) -> tuple[bool, Callable[[], None]]:
        """Apply an event of a run; return whether it is applied, and a function that queues its deliveries."""
        if event.run is not None:
            applied = self._results.apply(connection, run, event.run, WEBHOOK, event_id)
            return not applied.has_to_wait, partial(self._results.announce, connection, applied)
        if run.verification is not None:
            for note in (note_capture, note_decision):
                note(connection, run.verification, event.task_def_id, self._clock())
        put_task = partial(self._put_task, connection, run.verification, event)
        return run.verification is not None, put_task

    def _put_task(self, connection: Connection, verification: Verification | None, event: Event) -> None:
        """Queue the notices of a task, if its run is known."""
        if verification is None:
            return
        provider_id, task_id = verification.provider_id, event.task_id or ""
        key = f"{NotifyOfTask.kind}:{provider_id}:{verification.run_id}:{task_id}"
        notice_id, at = stamp(key, self._clock())
        name = DECISION_WAITING if event.task_def_id == MANUAL_REVIEW else TASK_STARTED
        owner = (verification.tenant, provider_id, verification.verification_id)
        notices.queue(connection, [NotifyOfTask(*owner, notice_id, at, "", task_id, name)], key)

    def _opened(self, parked: ParkedEvent) -> bytes:
        return self._vault.open(parked.body, event_body(parked.event_id)).encode()


def note_received(provider_id: str, event: Event | None, state: str) -> str:
    """Count an event, None if it was not read; log it unless the run's status is logged; return its state."""
    metrics.EVENTS.labels(state).inc()
    if event is not None and event.run is not None and state == events.APPLIED:
        return state
    kind, run_id = (event.kind, event.run_id) if event else (None, None)
    log.info("event.received", provider_id=provider_id, kind=kind, run_id=run_id, state=state)
    return state


def _lock_run(connection: Connection, provider_id: str, event: Event, shared: Answer | None = None) -> LockedRun:
    """Lock the run of an event; its claims only if the run has ended."""
    has_ended = event.run is not None and event.run.is_final
    return locked_runs.lock(connection, provider_id, event.run_id or "", with_claims=has_ended, shared=shared)


def _queue_matches(connection: Connection, tenant: Tenant, provider_id: str, monitor_id: str, event_id: str) -> None:
    """Queue a delivery that reads a monitor's user from Onfido."""
    update = UpdateMatches(tenant.name, provider_id, monitor_id, event_id)
    outbox.add(connection, update, dedupe_key=f"{UpdateMatches.kind}:event:{event_id}")
