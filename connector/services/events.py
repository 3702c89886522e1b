"""Taking in what Onfido posts: signed, each event once, durable before it is acknowledged.

    signature ──► read ──► one transaction: insert the event (its digest is unique), apply it ──► 200
                                            run not known yet, or Onfido has to be asked first: parked

A parked event is applied as soon as its run is recorded: whoever commits later, the event or the run, looks for the
other one (`match`).
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import Connection

from connector.errors import Code, ConnectorError, RequestError
from connector.onfido.webhooks import Event, is_signed, read_event
from connector.services.providers import Providers
from connector.services.results import Outcome, Results
from connector.store import events
from connector.store.engine import Database
from connector.store.events import ParkedEvent
from connector.store.vault import Vault

log = structlog.get_logger(__name__)

DUPLICATE = "duplicate"
_WAITING = frozenset({Outcome.RUN_UNKNOWN, Outcome.COMPARISON_WANTED})

FETCH_BUDGET = 4.0  # seconds for asking Onfido while it waits for our answer; it gives up after 10


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
            self.match(tenant, provider_id, event.run_id)
        log.info("event.received", provider_id=provider_id, kind=event.kind, run_id=event.run_id, state=state)
        return state

    def match(self, tenant: str, provider_id: str, run_id: str) -> None:
        """Apply the events that wait for a run, now that the run may be known."""
        with self._database.write() as connection:
            outcomes = [
                self._results.apply(connection, provider_id, run)
                for parked in events.find_parked(connection, provider_id, run_id)
                if (run := read_event(self._opened(parked)).run)
            ]
            if not _WAITING.intersection(outcomes):
                events.settle(connection, provider_id, run_id)
        if Outcome.COMPARISON_WANTED in outcomes:
            self._ask(tenant, provider_id, run_id)

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
            received_at=self._clock(),
        )
        if not is_new:
            return DUPLICATE
        if event.run is None:
            return events.NOTED
        if self._results.apply(connection, provider_id, event.run) not in _WAITING:
            return events.APPLIED
        events.park(connection, event_id, self._vault.seal(body.decode(), _context(event_id)))
        return events.PARKED

    def _ask(self, tenant: str, provider_id: str, run_id: str) -> None:
        """Ask Onfido for what the event lacks; where that fails, the event stays parked and is durable all the same."""
        try:
            provider = self._providers.get(tenant, provider_id)
            self._results.refresh(provider, run_id, deadline=time.monotonic() + FETCH_BUDGET)
        except ConnectorError as error:
            log.warning("event.comparison_not_fetched", run_id=run_id, reason=error.description)

    def _opened(self, parked: ParkedEvent) -> bytes:
        return self._vault.open(parked.body, _context(parked.event_id)).encode()


def _context(event_id: str) -> str:
    return f"events/{event_id}/body"
