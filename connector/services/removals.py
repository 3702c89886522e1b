"""Deleting the rows of removed providers and OpenID clients, in the background.

    removal ──► hidden in one short transaction, with one delivery ──► finish_removals: 200 rows in each transaction
                                                                              ▲        └──► more is left: the next one
                                          the sweep, if none is queued any more ┘

From its removal on nothing hidden can be read or changed, so a deletion announces nothing: the removal has. It may be
killed at any point, and any number of workers may share it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import structlog
from sqlalchemy import Connection

from connector.domain.frozen import frozen
from connector.services.announcements.signal_announcement import NoteLevels
from connector.services.batches import forget
from connector.services.outbox import Handler
from connector.store import removals
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.store.removals import CLIENTS, PROVIDERS, Removable

log = structlog.get_logger(__name__)

SECONDS = 20.0  # of one delivery; well below the outbox' lease
PAUSE = 1.0  # seconds until the next one, so that other deliveries take their turn


@frozen
class FinishRemovals:
    """Delete hidden rows."""

    kind: ClassVar[str] = "finish_removals"


class Removals:
    """Deletes hidden rows; each delivery works for at most `seconds`."""

    def __init__(self, database: Database, *, seconds: float = SECONDS) -> None:
        self._database = database
        self._seconds = seconds

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [Handler(FinishRemovals, self.finish)]

    def resume(self) -> None:
        """Queue the deletion if something is hidden and no delivery is queued; part of the sweep."""
        with self._database.write() as connection:
            is_needed = any(removals.find(connection, each) for each in (CLIENTS, PROVIDERS))
            if is_needed and not removals.is_queued(connection, FinishRemovals.kind):
                queue(connection)

    def finish(self, _order: FinishRemovals) -> None:
        """Delete hidden rows, and queue the next delivery if any are left."""
        end = time.monotonic() + self._seconds
        are_gone = [self._finish_all(removable, end) for removable in (CLIENTS, PROVIDERS)]
        if not all(are_gone):
            with self._database.write() as connection:
                outbox.add(connection, FinishRemovals(), pause=PAUSE)

    def _finish_all(self, removable: Removable, end: float) -> bool:
        """Delete the hidden rows of a table with what belongs to them; False if some are left."""
        with self._database.read() as connection:
            hidden = removals.find(connection, removable)
        are_gone = [self._finish_one(removable, row_id, end) for row_id in hidden]
        return all(are_gone)

    def _finish_one(self, removable: Removable, row_id: str, end: float) -> bool:
        with self._database.read() as connection:
            if removals.is_queued(connection, NoteLevels.kind, row_id):  # it reads the claims
                return False
        for part in removable.parts:
            forget(self._database, partial(part.delete_some, owner_id=row_id), is_over=lambda: time.monotonic() > end)
        with self._database.write() as connection:
            is_gone = removals.finish(connection, removable, row_id)
        if is_gone:
            log.info("removal.finished", table=removable.table.name, id=row_id)
        return is_gone


def queue(connection: Connection) -> None:
    """Queue the deletion of the rows that the transaction has hidden."""
    outbox.add(connection, FinishRemovals())
