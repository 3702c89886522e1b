"""Statements that hide removed objects, and delete their rows, some in each transaction.

    hide_provider, hide_client ──► find ──► delete_some, part by part ──► finish

Rows that another transaction has locked are skipped, so that a deletion never waits for locks in another order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, literal, or_, select, update

from connector.domain.frozen import frozen
from connector.store.deliveries.outbox import READY, is_in
from connector.store.free_rows import lock_free
from connector.store.hidden import HIDDEN
from connector.store.models import (
    claims,
    events,
    notice_endpoints,
    openid_assertions,
    openid_clients,
    openid_flows,
    outbox,
    provider_health,
    providers,
    refused_posts,
    refused_starts,
    verifications,
)


@frozen
class Part:
    """Rows that belong to a provider or a client, by the column that names it; `order` follows it in an index."""

    owner: Column[str]
    order: Sequence[Column[Any]] = ()

    def delete_some(self, connection: Connection, limit: int, *, owner_id: str) -> int:
        """Delete some rows that no other transaction has locked; return their number."""
        table, key = self.owner.table, list(self.owner.table.primary_key)[-1]
        of_owner = self.owner == owner_id
        rows = lock_free(connection, select(key).where(of_owner).order_by(*self.order).limit(limit))
        if rows:
            connection.execute(delete(table).where(key.in_(rows), *([of_owner] if self.owner.primary_key else [])))
        return len(rows)


@frozen
class Removable:
    """A table whose rows are hidden first; `parts` are deleted before a row, `others` must have gone before it."""

    table: Table
    parts: Sequence[Part]
    others: Sequence[Column[str]] = ()


CLIENTS = Removable(
    openid_clients, (Part(openid_flows.c.client_id), Part(openid_assertions.c.client_id, (openid_assertions.c.digest,)))
)
PROVIDERS = Removable(
    providers,
    (
        # Claims come first: the deletion of their verification would change them. The other rows of a verification
        # are deleted with it.
        Part(claims.c.provider_id, (claims.c.user_id, claims.c.uri)),
        Part(verifications.c.provider_id, (verifications.c.created_at,)),
        Part(events.c.provider_id, (events.c.digest,)),
        Part(refused_starts.c.provider_id, (refused_starts.c.user_id,)),
    ),
    (openid_clients.c.provider_id,),
)
_FEW = (provider_health, refused_posts, notice_endpoints)  # with a handful of rows of a provider, whatever its users


def hide_provider(connection: Connection, provider_id: str, erased: Mapping[str, Any], now: datetime) -> None:
    """Hide a locked provider with its OpenID clients, free its name, and overwrite its secrets with `erased`."""
    hidden = {"tenant": HIDDEN, "name_key": provider_id, "is_enabled": False, "studio": None, "updated_at": now}
    connection.execute(update(providers).where(providers.c.id == provider_id).values({**hidden, **erased}))
    of_provider = openid_clients.c.provider_id == provider_id
    connection.execute(update(openid_clients).where(of_provider).values(tenant=HIDDEN))
    for table in _FEW:
        connection.execute(delete(table).where(table.c.provider_id == provider_id))


def hide_client(connection: Connection, client_id: str) -> None:
    """Hide a locked OpenID client."""
    connection.execute(update(openid_clients).where(openid_clients.c.id == client_id).values(tenant=HIDDEN))


def find(connection: Connection, removable: Removable) -> Sequence[str]:
    """Return the ids of hidden rows."""
    table = removable.table
    return connection.execute(select(table.c.id).where(table.c.tenant == HIDDEN)).scalars().all()


def finish(connection: Connection, removable: Removable, row_id: str) -> bool:
    """Delete a hidden row, and return whether it is gone; it stays while anything is left that belongs to it."""
    row = removable.table.c.id == row_id
    connection.execute(select(removable.table.c.id).where(row).with_for_update())  # no row of a part is added any more
    owners = [*(part.owner for part in removable.parts), *removable.others]
    left = (select(literal(1)).select_from(owner.table).where(owner == row_id).limit(1).exists() for owner in owners)
    if connection.execute(select(or_(*left))).scalar_one():
        return False
    connection.execute(delete(removable.table).where(row))
    return True


def is_queued(connection: Connection, kind: str, provider_id: str | None = None) -> bool:
    """Whether a delivery of a kind for a provider, or one that belongs to no tenant, is waiting or in progress."""
    owner = outbox.c.tenant.is_(None) if provider_id is None else outbox.c.provider_id == provider_id
    queued = (owner, outbox.c.kind == kind, is_in(READY))
    return connection.execute(select(outbox.c.id).where(*queued).limit(1)).first() is not None
