"""Upkeep in short transactions: the hot path never waits for more than one batch."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from connector.store.engine import Database

BATCH = 200  # rows of one transaction


def forget(
    database: Database, forget_some: Callable[[Connection, int], int], is_over: Callable[[], bool] = lambda: False
) -> None:
    """Call `forget_some` with a batch size, once per transaction, until it removes fewer rows, or `is_over`."""
    is_left = True
    while is_left and not is_over():
        with database.write() as connection:
            is_left = forget_some(connection, BATCH) == BATCH
