"""Encryption at rest: every encrypted column, and the context to which each of its values is bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, bindparam, func, select, tuple_, update

from connector.domain.frozen import frozen
from connector.store.models import (
    console_sessions,
    events,
    job_parts,
    notice_endpoints,
    openid_flows,
    outbox,
    providers,
    secrets,
    signal_streams,
    signing_keys,
    user_attributes,
    verification_claims,
    verifications,
)
from connector.store.vault import Vault

BATCH = 500  # rows that are read and locked at once
FEW = 50  # for columns whose values may be a megabyte each

Key = tuple[Any, ...]


def provider_secret(provider_id: str, name: str) -> str:
    """Return the context of a provider's secret; `name` is its column."""
    return f"providers/{provider_id}/{name}"


def user_value(tenant: str, user_id: str, uri: str) -> str:
    """Return the context of a user's value."""
    return f"users/{tenant}/{len(user_id)}/{user_id}/{uri}"  # with the length, because an id may contain a slash


def event_body(event_id: str) -> str:
    """Return the context of an event's body."""
    return f"events/{event_id}/body"


def run_result(verification_id: str) -> str:
    """Return the context of a finished run's output and reasons."""
    return f"verifications/{verification_id}/result"


def run_document(verification_id: str) -> str:
    """Return the context of the values read from a run's document."""
    return f"verifications/{verification_id}/document"


def output_value(verification_id: str, uri: str) -> str:
    """Return the context of a claim's value in a run's output."""
    return f"verifications/{verification_id}/claims/{uri}"


def delivery_answer(delivery_id: str) -> str:
    """Return the context of the start of a delivery's answer."""
    return f"outbox/{delivery_id}/answer"


def job_part(job_id: str, result_format: str, number: int) -> str:
    """Return the context of a part of a job's result."""
    return f"jobs/{job_id}/{result_format}/{number}"


def signing_key(key_id: str) -> str:
    """Return the context of a private signing key."""
    return f"signing_keys/{key_id}"


def endpoint_secret(endpoint_id: str, name: str) -> str:
    """Return the context of a secret of a notice endpoint; `name` is its column."""
    return f"notice_endpoints/{endpoint_id}/{name}"


def openid_flow(flow_id: str, name: str) -> str:
    """Return the context of a text of an authorization request; `name` is its column."""
    return f"openid_flows/{flow_id}/{name}"


def session_token(session_id: str) -> str:
    """Return the context of the access token of a person who is signed in."""
    return f"console_sessions/{session_id}/access_token"


def session_draft(session_id: str) -> str:
    """Return the context of a form that a person sent after the session had ended."""
    return f"console_sessions/{session_id}/draft"


def stream_header(stream_id: str) -> str:
    """Return the context of the header with which a stream's events are pushed."""
    return f"signal_streams/{stream_id}/authorization_header"


def own_secret(name: str) -> str:
    """Return the context of one of the connector's own keys."""
    return f"secrets/{name}"


@frozen
class SealedColumn:
    """A column of encrypted text; `context` creates a value's context from its row's key, `batch` rows are read at
    once.
    """

    column: Column[Any]
    context: Callable[..., str]
    batch: int = BATCH

    @property
    def _table(self) -> Table:
        return self.column.table

    @property
    def _keys(self) -> list[Column[Any]]:
        return list(self._table.primary_key.columns)

    def count_outdated(self, connection: Connection, vault: Vault) -> int:
        """Return the number of values that are not encrypted with the first key."""
        statement = select(func.count()).select_from(self._table).where(self._is_outdated(vault))
        return connection.execute(statement).scalar_one()

    def outdated(self, connection: Connection, vault: Vault) -> list[Key]:
        """Return the keys of the rows whose value is not encrypted with the first key."""
        statement = select(*self._keys).where(self._is_outdated(vault)).order_by(*self._keys)
        return [tuple(row) for row in connection.execute(statement)]

    def reseal_batch(self, connection: Connection, vault: Vault, after: Key | None) -> list[Key]:
        """Encrypt the next values with the first key, after the key `after`; return the rows' keys.

        Rows that others have locked are skipped: they lock several rows in other orders, and waiting could deadlock.
        """
        statement = self._outdated_rows(vault).order_by(*self._keys).limit(self.batch)
        if after is not None:
            statement = statement.where(tuple_(*self._keys) > after)
        return self._reseal(connection, vault, statement.with_for_update(skip_locked=True, key_share=True))

    def reseal_one(self, connection: Connection, vault: Vault, key: Key) -> list[Key]:
        """Encrypt one value with the first key, after waiting for its row's lock; return its key if it was outdated."""
        statement = self._outdated_rows(vault).where(tuple_(*self._keys) == key)
        return self._reseal(connection, vault, statement.with_for_update(key_share=True))

    def _is_outdated(self, vault: Vault) -> ColumnElement[bool]:
        return ~self.column.startswith(vault.prefix, autoescape=True)  # false for null as well

    def _outdated_rows(self, vault: Vault) -> Select[Any]:
        return select(*self._keys, self.column).where(self._is_outdated(vault))

    def _reseal(self, connection: Connection, vault: Vault, locked: Select[Any]) -> list[Key]:
        rows = [(tuple(key), sealed) for *key, sealed in connection.execute(locked)]
        if rows:
            is_row = (column == bindparam(f"key_{column.name}") for column in self._keys)
            statement = update(self._table).where(*is_row).values({self.column.name: bindparam("sealed_anew")})
            connection.execute(statement, [self._row(vault, key, sealed) for key, sealed in rows])
        return [key for key, _ in rows]

    def _row(self, vault: Vault, key: Key, sealed: str) -> dict[str, Any]:
        place = self.context(*key)
        names = (f"key_{column.name}" for column in self._keys)
        return dict(zip(names, key, strict=True)) | {"sealed_anew": vault.seal(vault.open(sealed, place), place)}


def sealed_columns() -> Iterator[SealedColumn]:
    """Return every encrypted column, that of the connector's own keys last: a rotation is complete once it is done."""
    for name in ("api_token", "client_secret", "webhook_token", "previous_webhook_token", "notice_secret"):
        yield SealedColumn(providers.c[name], _provider_secret_in(name))
    yield SealedColumn(user_attributes.c.value, user_value)
    yield SealedColumn(verifications.c.result, run_result, FEW)
    yield SealedColumn(verifications.c.document, run_document, FEW)
    yield SealedColumn(verification_claims.c.output_value, output_value)
    yield SealedColumn(events.c.body, event_body, FEW)
    yield SealedColumn(outbox.c.answer, delivery_answer)
    yield SealedColumn(job_parts.c.content, job_part, FEW)
    for name in ("secret", "previous_secret"):
        yield SealedColumn(notice_endpoints.c[name], _endpoint_secret_in(name))
    for name in ("parameters", "sent_values", "result"):
        yield SealedColumn(openid_flows.c[name], _openid_flow_in(name))
    yield SealedColumn(console_sessions.c.access_token, session_token)
    yield SealedColumn(console_sessions.c.draft, session_draft, FEW)
    yield SealedColumn(signal_streams.c.authorization_header, stream_header)
    yield SealedColumn(signing_keys.c.private_key, signing_key)
    yield SealedColumn(secrets.c.value, own_secret)


def _endpoint_secret_in(name: str) -> Callable[[str], str]:
    return lambda endpoint_id: endpoint_secret(endpoint_id, name)


def _openid_flow_in(name: str) -> Callable[[str], str]:
    return lambda flow_id: openid_flow(flow_id, name)


def _provider_secret_in(name: str) -> Callable[[str], str]:
    return lambda provider_id: provider_secret(provider_id, name)
