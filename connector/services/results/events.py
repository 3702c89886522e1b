"""Receiving Onfido's events: signed, each applied once, durable before it is acknowledged.

    signature ──► read ──► one transaction: insert the event (its digest is unique), act on it ──► 200

    a run's status         applied; if data must be read from Onfido first, parked, and a check is queued
    a task has started     a notice is queued, if it is configured
    new watchlist matches  the same; parked until the monitor was read from Onfido
    anything else          noted

An event of a run that is not known yet is parked, and applied as soon as the run is recorded: whichever of the two is
committed later searches for the other (`match`). An event of a run that was removed, or does not belong to this
connector, is noted without its body (`expectation.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from connector import metrics
from connector.domain.events import NO_SIGNATURE, NO_TOKEN, TOO_LARGE, UNREADABLE, WRONG_SIGNATURE
from connector.domain.messages import message
from connector.domain.notices import DECISION_WAITING, TASK_STARTED
from connector.domain.studio import MANUAL_REVIEW, TASK_EVENT, WATCHLIST_EVENT
from connector.domain.tenancy import Tenant
from connector.domain.verification import Verification
from connector.errors import Code, RequestError
from connector.onfido.client import OnfidoClient
from connector.onfido.reading import read_text
from connector.onfido.webhooks import PROBE, Event, is_signed, read_event
from connector.services.outbox import stamp
from connector.services.providers.refusals import webhook_not_found
from connector.services.providers.registry import Providers
from connector.services.refused_posts import RefusedPostCounts
from connector.services.results.capture import note_capture
from connector.services.results.deliveries import NotifyOfTask, UpdateMatches
from connector.services.results.expectation import expect
from connector.services.results.orphans import Orphans
from connector.services.results.results import Results
from connector.services.use_case import use_case
from connector.store import events, locked_runs, notices, outbox, providers
from connector.store.batch import Answer
from connector.store.engine import Database
from connector.store.events import ParkedEvent
from connector.store.locked_runs import LockedRun
from connector.store.providers import WebhookAccess
from connector.store.sealed import event_body
from connector.store.vault import Vault

log = structlog.get_logger(__name__)

DUPLICATE = "duplicate"

PARKED_TIME = timedelta(days=1)  # how long an event waits for its run: by then, the run is recorded or never will be
WEBHOOK = "webhook"  # a cause, for the history


@use_case
class Events:
    """Receives the events that Onfido posts to a provider's webhook."""

    _database: Database
    _vault: Vault
    _providers: Providers
    _results: Results
    _orphans: Orphans
    _refused_posts: RefusedPostCounts
    _clock: Callable[[], datetime]

    def receive(self, tenant: Tenant, provider_id: str, body: bytes, signature: str | None) -> str:
        """Receive one event and return its state; after this returns, the event is durable.

        Raises `RequestError`: provider unknown (OIDV-60001), signature missing or wrong (OIDV-60002), signed but
        unreadable (OIDV-60007).
        """
        digest = hashlib.sha256(body).hexdigest()
        access = self._providers.webhook_access(tenant, provider_id, digest)
        if not is_signed(body, signature, tuple(access.tokens.values())):
            self._refused_posts.count(provider_id, _why_not_signed(access, signature))
            raise RequestError(
                Code.WEBHOOK_SIGNATURE_WRONG,
                message("X-SHA2-Signature is missing or does not match: set the webhook's token as webhook_token."),
            )
        if access.is_known:  # the transaction that stores events would refuse it at the same moment
            return _received(provider_id, None, DUPLICATE)
        event = self._read(provider_id, body)
        if event.kind == PROBE:
            return events.NOTED
        row = self._row(provider_id, body, digest, event, _first_state(event, access))
        with self._database.write() as connection:
            state = self._store(connection, tenant, event, row)
        if state == events.PARKED and event.run_id is not None:
            self.match(provider_id, event.run_id)  # the run may have been recorded meanwhile
        metrics.observe_age(event.happened_at, row["received_at"])
        return _received(provider_id, event, state)

    def refuse_too_large(self, tenant: Tenant, provider_id: str) -> None:
        """Count a post whose body is too large to be read, if its provider exists."""
        with self._database.read() as connection:
            known = providers.find_known(connection, tenant.name, [provider_id])
        if known:
            self._refused_posts.count(provider_id, TOO_LARGE)

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
                news = self._results.apply(connection, locked, run, WEBHOOK, event_id)
                events.resolve(connection, event_id, events.APPLIED)
                self._results.announce(connection, news)

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

    def _read(self, provider_id: str, body: bytes) -> Event:
        try:
            return read_event(body)
        except RequestError:
            self._refused_posts.count(provider_id, UNREADABLE)
            raise

    def _row(self, provider_id: str, body: bytes, digest: str, event: Event, state: str) -> dict[str, Any]:
        event_id = events.new_id()
        return {
            "id": event_id,
            "provider_id": provider_id,
            "digest": digest,
            "kind": event.kind,
            "run_id": event.run_id,
            "verification_id": event.verification_id,
            "state": state,
            "body": None if state == events.NOTED else self._vault.seal(read_text(body), event_body(event_id)),
            "received_at": self._clock(),
            "happened_at": event.happened_at,
        }

    def _store(self, connection: Connection, tenant: Tenant, event: Event, row: Mapping[str, Any]) -> str:
        """Insert an event, apply it, and return its state."""
        provider_id, event_id, state = row["provider_id"], row["id"], str(row["state"])
        shared = providers.share_environment(connection, provider_id)
        added = events.add(connection, row)
        run = _lock_run(connection, provider_id, event, shared) if state == events.APPLIED else None
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
            news = self._results.apply(connection, run, event.run, WEBHOOK, event_id)
            return not news.has_to_wait, partial(self._results.announce, connection, news)
        if run.verification is not None:
            note_capture(connection, run.verification, event.task_def_id, self._clock())
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


def _why_not_signed(access: WebhookAccess, signature: str | None) -> str:
    if not access.tokens:
        return NO_TOKEN
    return WRONG_SIGNATURE if signature else NO_SIGNATURE


def _received(provider_id: str, event: Event | None, state: str) -> str:
    """Count an event (a duplicate is None), log it unless the run's status is logged; return its state."""
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


def _first_state(event: Event, access: WebhookAccess) -> str:
    """Return an event's first state: one of a monitor is parked until the monitor was read from Onfido."""
    if not _is_wanted(event, access):
        return events.NOTED
    return events.APPLIED if event.monitor_id is None else events.PARKED


def _is_wanted(event: Event, access: WebhookAccess) -> bool:
    """Whether an event is relevant to a provider with these Studio features, or to a notice endpoint."""
    if event.kind == TASK_EVENT and event.task_id is not None:
        return event.run_id is not None and (access.notifies_of_tasks or access.studio.notifies(event.task_def_id))
    if event.kind == WATCHLIST_EVENT and event.monitor_id is not None:
        return WATCHLIST_EVENT in access.studio.events(
            notifies_of_tasks=False, notifies_of_matches=access.notifies_of_matches
        )
    return event.run is not None


def _queue_matches(connection: Connection, tenant: Tenant, provider_id: str, monitor_id: str, event_id: str) -> None:
    """Queue a delivery that reads a monitor's user from Onfido."""
    update = UpdateMatches(tenant.name, provider_id, monitor_id, event_id)
    outbox.add(connection, update, dedupe_key=f"{UpdateMatches.kind}:event:{event_id}")
