"""Connections to PostgreSQL that wait for a limited time.

`statement_timeout` is enforced by the server, so it does not help if the server does not run: if its host has failed,
its disk hangs, or the network or a pooler passes nothing on. Without a limit of its own, a client would wait for a
quarter of an hour, or for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import errors

from connector.store.batch import IDLE
from connector.store.wake_up import NOTICES_DEATH

if TYPE_CHECKING:
    from psycopg.abc import PQGen

T = TypeVar("T")


class PatientConnection(psycopg.Connection[Any]):
    """Closes itself if an exchange takes longer than `patience` seconds; None means any time."""

    patience: float | None = None

    def commit(self) -> None:
        """Commit the transaction, if one is open: most have sent their COMMIT with their last statements."""
        if self.pgconn.transaction_status != IDLE:
            super().commit()

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Finish an exchange; raises `OperationalError` if the server does not answer in time."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.patience)
        except errors._WaitTimeout:
            self.pgconn.finish()
            raise errors.OperationalError(f"the server has not answered for {self.patience:g} seconds") from None


def connecting(patience: float) -> Callable[..., PatientConnection]:
    """Return the listener that opens connections for SQLAlchemy."""

    def connect(_dialect: Any, _record: Any, positional: Any, named: Mapping[str, Any]) -> PatientConnection:
        connection = PatientConnection.connect(*positional, **{**NOTICES_DEATH, **named})
        connection.patience = patience
        return connection

    return connect
