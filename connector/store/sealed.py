"""What is encrypted at rest: every sealed column, and the place each of its values is sealed for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Table, select, tuple_, update

from connector.store.models import events, providers, secrets, user_attributes, verification_claims, verifications
from connector.store.vault import Vault

BATCH = 50  # what is read of a run may be large, and others wait for the rows of a batch

Key = tuple[Any, ...]


def provider_secret(provider_id: str, name: str) -> str:
    """Name the place of a provider's secret; `name` is its column."""
    return f"providers/{provider_id}/{name}"


def user_value(tenant: str, user_id: str, uri: str) -> str:
    """Name the place of a user's value."""
    return f"users/{tenant}/{len(user_id)}/{user_id}/{uri}"  # the length, for an id may hold a slash


def event_body(event_id: str) -> str:
    """Name the place of an event's body."""
    return f"events/{event_id}/body"


def run_result(verification_id: str) -> str:
    """Name the place of a finished run's output and reasons."""
    return f"verifications/{verification_id}/result"


def run_document(verification_id: str) -> str:
    """Name the place of what was read from a run's document."""
    return f"verifications/{verification_id}/document"


def output_value(verification_id: str, uri: str) -> str:
    """Name the place of the value that a run's output holds for a claim."""
    return f"verifications/{verification_id}/claims/{uri}"


def own_secret(name: str) -> str:
    """Name the place of one of the connector's own keys."""
    return f"secrets/{name}"


@dataclass(frozen=True)
class SealedColumn:
    """A column of sealed text; `context` makes a value's place from its row's key."""

    column: Column[Any]
    context: Callable[..., str]

    @property
    def _table(self) -> Table:
        return self.column.table

    def reseal(self, connection: Connection, vault: Vault, after: Key | None) -> tuple[Key | None, Mapping[Key, str]]:
        """Seal one batch of rows with the first key, from the one behind the key `after` on; gives the last row's key.

        Gives also what stands in rows that somebody is at, to be sealed one by one: others lock several rows in other
        orders, so who holds some waits for none.
        """
        keys = list(self._table.primary_key.columns)
        statement = select(*keys, self.column).where(self.column.is_not(None)).order_by(*keys).limit(BATCH)
        if after is not None:
            statement = statement.where(tuple_(*keys) > after)
        rows = {tuple(row[:-1]): row[-1] for row in connection.execute(statement)}
        old = {key: sealed for key, sealed in rows.items() if not vault.is_current(sealed)}
        free = select(*keys).where(tuple_(*keys).in_(list(old))).with_for_update(skip_locked=True, key_share=True)
        for key in [tuple(row) for row in connection.execute(free)] if old else []:
            self.reseal_one(connection, vault, key, old.pop(key))
        return next(reversed(rows), None), old

    def reseal_one(self, connection: Connection, vault: Vault, key: Key, sealed: str) -> None:
        """Seal what stands in one row with the first key.

        A value that changes meanwhile stays as it is: whoever writes seals with the first key already.
        """
        place = self.context(*key)
        same_row = (column == value for column, value in zip(self._table.primary_key.columns, key, strict=True))
        connection.execute(
            update(self._table)
            .where(*same_row, self.column == sealed)
            .values({self.column.name: vault.seal(vault.open(sealed, place), place)})
        )


def sealed_columns() -> Iterator[SealedColumn]:
    """Give every sealed column."""
    for name in ("api_token", "webhook_token", "previous_webhook_token", "notice_secret"):
        yield SealedColumn(providers.c[name], _provider_secret_in(name))
    yield SealedColumn(user_attributes.c.value, user_value)
    yield SealedColumn(verifications.c.result, run_result)
    yield SealedColumn(verifications.c.document, run_document)
    yield SealedColumn(verification_claims.c.output_value, output_value)
    yield SealedColumn(events.c.body, event_body)
    yield SealedColumn(secrets.c.value, own_secret)


def _provider_secret_in(name: str) -> Callable[[str], str]:
    return lambda provider_id: provider_secret(provider_id, name)
