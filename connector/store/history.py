"""The append-only history: every change of a run's or claim's status, and every change by an administrator."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from connector.domain.history import Change
from connector.store.models import history

_COLUMNS = [column for column in history.c if column.name != "id"]
_INSERT = insert(history)


def append(connection: Connection, changes: Sequence[Change]) -> None:
    """Write changes."""
    if changes:
        connection.execute(_INSERT, [vars(change) | {"detail": dict(change.detail)} for change in changes])


def find_of_verification(connection: Connection, verification_id: str) -> list[Change]:
    """Give what happened to a verification and its claims, the first first."""
    statement = select(*_COLUMNS).where(history.c.verification_id == verification_id).order_by(history.c.id)
    return [Change(**row._asdict()) for row in connection.execute(statement)]
