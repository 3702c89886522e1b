"""Withdrawing the claims that Onfido's sandbox verified before a provider's credentials left it, in the background.

    change of the credentials ──► the period in the sandbox ends, in one short transaction, with one delivery
                                             │ from then on these claims are read as not verified (`store/lapsed.py`)
                                             ▼
    withdraw_claims: 200 claims in each transaction, with their history and its announcements
       ▲        └──► more are left: the next one
    the sweep, if none is queued any more

It may be killed at any point, and any number of workers may share it: a claim is withdrawn and announced in the same
transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

import structlog
from sqlalchemy import Connection

from connector.domain.frozen import frozen
from connector.services.batches import forget
from connector.services.journal import Journal
from connector.services.outbox import Handler
from connector.services.removals import PAUSE, SECONDS
from connector.store.claims import lapsed_claims
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.store.removals import is_queued

log = structlog.get_logger(__name__)


@frozen
class WithdrawClaims:
    """Withdraw a provider's claims that have lapsed."""

    kind: ClassVar[str] = "withdraw_claims"
    tenant: str
    provider_id: str


class Withdrawals:
    """Withdraws claims that have lapsed; each delivery works for at most `seconds`."""

    def __init__(
        self, database: Database, journal: Journal, clock: Callable[[], datetime], *, seconds: float = SECONDS
    ) -> None:
        self._database = database
        self._journal = journal
        self._clock = clock
        self._seconds = seconds

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [Handler(WithdrawClaims, self.withdraw)]

    def resume(self) -> None:
        """Queue the withdrawal for providers that need it and have no delivery queued; part of the sweep."""
        with self._database.write() as connection:
            for tenant, provider_id in lapsed_claims.find_providers(connection):
                if not is_queued(connection, WithdrawClaims.kind, provider_id):
                    queue(connection, tenant, provider_id)

    def withdraw(self, order: WithdrawClaims) -> None:
        """Withdraw claims, and queue the next delivery if any are left."""
        end = time.monotonic() + self._seconds
        forget(self._database, partial(self._withdraw_some, order=order), is_over=lambda: time.monotonic() > end)
        with self._database.write() as connection:
            if not lapsed_claims.finish(connection, order.provider_id):
                outbox.add(connection, order, pause=PAUSE)

    def _withdraw_some(self, connection: Connection, limit: int, *, order: WithdrawClaims) -> int:
        """Withdraw and announce some claims; return their number."""
        tenant, provider_id = order.tenant, order.provider_id
        number, changes = lapsed_claims.withdraw_some(connection, tenant, provider_id, self._clock(), limit)
        self._journal.record(connection, changes)
        if changes:
            log.info("provider.claims_withdrawn", provider_id=provider_id, claims=len(changes))
        return number


def queue(connection: Connection, tenant: str, provider_id: str) -> None:
    """Queue the withdrawal of the claims that have lapsed by the transaction."""
    outbox.add(connection, WithdrawClaims(tenant, provider_id))
