"""The statements of a removal, and the rows that it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, Table, func, select

from connector.store.engine import Database
from connector.store.models import (
    claims,
    events,
    openid_clients,
    providers,
    refused_starts,
    verification_claims,
    verifications,
)
from tests.listening import listening

OF_PROVIDER = (claims, verifications, verification_claims, events, refused_starts, openid_clients)


@dataclass
class Changes:
    """The statements that change rows, with the number of changed rows, by transaction."""

    transactions: list[list[tuple[str, int]]] = field(default_factory=lambda: [[]])

    @property
    def all(self) -> list[tuple[str, int]]:
        """The statements of all transactions."""
        return [each for transaction in self.transactions for each in transaction]

    def most(self, beginning: str) -> int:
        """Return the most rows that the statements with this beginning changed in one transaction."""
        return max(sum(n for text, n in each if text.startswith(beginning)) for each in self.transactions)

    def note(self, _connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            self.transactions[-1].append((statement, cursor.rowcount))

    def end(self, *_: Any) -> None:
        self.transactions.append([])


@contextmanager
def changes() -> Iterator[Changes]:
    """Record the statements that change rows; only one thread may change rows meanwhile."""
    noted = Changes()
    with listening((Engine, "after_cursor_execute", noted.note), (Engine, "commit", noted.end)):
        yield noted


def rows_left(database: Database, provider_id: str) -> dict[str, int]:
    """Return the number of a provider's rows by table, without tables that have none."""
    with database.read() as connection:
        numbers = {
            table.name: connection.execute(
                select(func.count()).select_from(table).where(_owner(table) == provider_id)
            ).scalar_one()
            for table in (*OF_PROVIDER, providers)
        }
    return {name: number for name, number in numbers.items() if number}


def _owner(table: Table) -> Any:
    return table.c.id if table is providers else table.c.provider_id
