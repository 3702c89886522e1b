"""The append-only history: every change of a run's or claim's status, and every change by an administrator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from connector.store.models import history

RUN, CLAIM, PROVIDER, USER = "run", "claim", "provider", "user"


@dataclass(frozen=True)
class Change:
    """One change; `actor` is the administrator or the event's id, `detail` holds no secret and no value."""

    at: datetime
    tenant: str
    subject: str
    current: str
    cause: str
    previous: str | None = None
    name: str | None = None
    provider_id: str | None = None
    verification_id: str | None = None
    actor: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


_COLUMNS = [column for column in history.c if column.name != "id"]


def append(connection: Connection, changes: Sequence[Change]) -> None:
    """Write changes."""
    if changes:
        connection.execute(insert(history), [vars(change) | {"detail": dict(change.detail)} for change in changes])


def find_of_verification(connection: Connection, verification_id: str) -> list[Change]:
    """Give what happened to a verification and its claims, the first first."""
    statement = select(*_COLUMNS).where(history.c.verification_id == verification_id).order_by(history.c.id)
    return [Change(**row._asdict()) for row in connection.execute(statement)]
