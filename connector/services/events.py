"""Taking in what Onfido posts: signed, each event once, durable before it is acknowledged.

    signature ──► read ──► one transaction: insert the event (its digest is unique), apply it ──► 200
                                            run not known yet, or Onfido has to be asked first: parked,
                                            and the question put into the outbox

A parked event is applied as soon as its run is recorded: whoever commits later, the event or the run, looks for the
other one (`match`).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from connector import telemetry
from connector.domain.runs import RunSnapshot
from connector.errors import Code, RequestError
from connector.onfido.webhooks import Event, is_signed, read_event
from connector.services.outbox import CHECK_VERIFICATION
from connector.services.providers import Providers
from connector.services.results import Outcome, Results
from connector.store import events, outbox, verifications
from connector.store.engine import Database
from connector.store.events import ParkedEvent
from connector.store.sealed import event_body
from connector.store.vault import Vault

log = structlog.get_logger(__name__)

DUPLICATE = "duplicate"
_WAITING = frozenset({Outcome.RUN_UNKNOWN, Outcome.COMPARISON_WANTED})

WEBHOOK = "webhook"  # a cause, for the history


class Events:
    """What Onfido posts to a provider's webhook."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        providers: Providers,
        results: Results,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._providers = providers
        self._results = results
        self._clock = clock

    def receive(self, tenant: str, provider_id: str, body: bytes, signature: str | None) -> str:
        """Take in one event and give the state it was left in; what returns normally is durable.

        Raises `RequestError`: provider unknown (OIDV-60001), signature missing or wrong (OIDV-60002), signed but
        unreadable (OIDV-60007).
        """
        tokens = self._providers.webhook_tokens(tenant, provider_id)
        if not is_signed(body, signature, tokens):
            raise RequestError(
                Code.WEBHOOK_SIGNATURE_WRONG,
                "X-SHA2-Signature is missing or does not match: register the webhook's token with the provider.",
            )
        event = read_event(body)
        with self._database.write() as connection:
            state = self._store(connection, provider_id, body, event)
        if state == events.PARKED and event.run_id is not None:
            self.match(provider_id, event.run_id)  # the run may have been recorded meanwhile
        telemetry.EVENTS.labels(state).inc()
        log.info("event.received", provider_id=provider_id, kind=event.kind, run_id=event.run_id, state=state)
        return state

    def match(self, provider_id: str, run_id: str) -> None:
        """Apply the events that wait for a run, now that the run may be known."""
        with self._database.read() as connection:
            if not events.find_parked(connection, provider_id, run_id):
                return
        with self._database.write() as connection:
            outcomes = [
                self._apply(connection, provider_id, run, parked.event_id)
                for parked in events.find_parked(connection, provider_id, run_id)
                if (run := read_event(self._opened(parked)).run)
            ]
            if not _WAITING.intersection(outcomes):
                events.settle(connection, provider_id, run_id)

    def match_all(self) -> None:
        """Apply all events that wait for a run which is known by now."""
        with self._database.read() as connection:
            waiting = events.find_matchable(connection)
        for provider_id, run_id in waiting:
            self.match(provider_id, run_id)

    def forget_bodies(self, retention: timedelta) -> None:
        """Remove the bodies of events that came longer than `retention` ago; what still waits then waits in vain."""
        with self._database.write() as connection:
            events.forget_bodies(connection, self._clock() - retention)

    def _store(self, connection: Connection, provider_id: str, body: bytes, event: Event) -> str:
        event_id = str(uuid.uuid4())
        is_new = events.add(
            connection,
            provider_id,
            event_id,
            digest=hashlib.sha256(body).hexdigest(),
            kind=event.kind,
            run_id=event.run_id,
            state=events.APPLIED if event.run else events.NOTED,
            body=self._vault.seal(body.decode(), event_body(event_id)),
            received_at=self._clock(),
        )
        if not is_new:
            return DUPLICATE
        if event.run is None:
            return events.NOTED
        if self._apply(connection, provider_id, event.run, event_id) not in _WAITING:
            return events.APPLIED
        events.park(connection, event_id)
        return events.PARKED

    def _apply(self, connection: Connection, provider_id: str, run: RunSnapshot, event_id: str) -> Outcome:
        """Apply a run's news; where Onfido has to be asked for more, put that into the outbox."""
        outcome = self._results.apply(connection, provider_id, run, WEBHOOK, event_id)
        if outcome is Outcome.COMPARISON_WANTED:
            verification = verifications.lock_run(connection, provider_id, run.run_id)
            if verification is not None:
                payload = {"verification_id": verification.verification_id}
                key = f"{CHECK_VERIFICATION}:event:{event_id}"
                outbox.add(connection, CHECK_VERIFICATION, payload, dedupe_key=key)
        return outcome

    def _opened(self, parked: ParkedEvent) -> bytes:
        return self._vault.open(parked.body, event_body(parked.event_id)).encode()
