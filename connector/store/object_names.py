"""The names of objects that the history and deliveries know by their ids, in one statement for a page."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, func, literal, select, union_all

from connector.domain.audit.history import CLIENT, ENDPOINT, STREAM
from connector.store.models import notice_endpoints, openid_clients, signal_streams

_NAMES: Mapping[str, tuple[Table, Column[Any] | ColumnElement[Any]]] = {
    ENDPOINT: (notice_endpoints, notice_endpoints.c.url),
    CLIENT: (openid_clients, openid_clients.c.name),
    STREAM: (signal_streams, func.coalesce(signal_streams.c.description, signal_streams.c.client_id)),
}
NAMED = frozenset(_NAMES)  # kinds of objects, as the history names them


def find(connection: Connection, tenant: str, ids: Mapping[str, Collection[str]]) -> dict[tuple[str, str], str]:
    """Return the names of a tenant's objects by kind and id, of those that still exist; `ids` are by kind."""
    each = [
        select(literal(kind).label("kind"), table.c.id, name.label("name")).where(
            table.c.tenant == tenant, table.c.id.in_(ids[kind])
        )
        for kind, (table, name) in _NAMES.items()
        if ids.get(kind)
    ]
    if not each:
        return {}
    return {(row.kind, row.id): row.name for row in connection.execute(union_all(*each))}
