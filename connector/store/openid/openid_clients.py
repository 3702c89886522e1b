"""Statements on the clients of the OpenID provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from connector.domain.openid.clients import Client, ClientConfig
from connector.store.dialect import insert as insert_unless
from connector.store.models import openid_assertions, openid_clients

_T = openid_clients.c
_ADD_ASSERTION = insert_unless(openid_assertions, lambda statement: statement.on_conflict_do_nothing())


def add(connection: Connection, client: Client, digest: str) -> None:
    """Insert a client, with the digest of its secret."""
    row = {"id": client.client_id, "tenant": client.tenant, "secret_digest": digest} | _columns(client.config)
    connection.execute(insert(openid_clients).values(created_at=client.created_at, updated_at=client.updated_at, **row))


def find(connection: Connection, tenant: str, client_id: str, now: datetime) -> Client | None:
    """Return a client of a tenant, if it exists, with the digests of its valid secrets."""
    row = connection.execute(select(openid_clients).where(_T.tenant == tenant, _T.id == client_id)).one_or_none()
    return None if row is None else _read(row, now)


def find_all(connection: Connection, tenant: str, now: datetime) -> list[Client]:
    """Return a tenant's clients, the oldest first."""
    rows = connection.execute(select(openid_clients).where(_T.tenant == tenant).order_by(_T.created_at, _T.id))
    return [_read(row, now) for row in rows]


def lock(connection: Connection, tenant: str, client_id: str, now: datetime) -> Client | None:
    """Lock a client of a tenant and return it."""
    connection.execute(select(_T.id).where(_T.tenant == tenant, _T.id == client_id).with_for_update())
    return find(connection, tenant, client_id, now)


def change(connection: Connection, client_id: str, config: ClientConfig, now: datetime) -> None:
    """Replace a client's configuration."""
    connection.execute(update(openid_clients).where(_T.id == client_id).values(updated_at=now, **_columns(config)))


def replace_secret(connection: Connection, client_id: str, digest: str, until: datetime, now: datetime) -> None:
    """Replace a client's secret; the one before stays valid until then."""
    former: Mapping[str, Any] = {"previous_secret_digest": _T.secret_digest, "previous_secret_expires_at": until}
    statement = update(openid_clients).where(_T.id == client_id)
    connection.execute(statement.values(secret_digest=digest, updated_at=now, **former))


def use_assertion(connection: Connection, client_id: str, digest: str, expires_at: datetime) -> bool:
    """Record the use of an assertion; False if it was used before."""
    row = {"client_id": client_id, "digest": digest, "expires_at": expires_at}
    return connection.execute(_ADD_ASSERTION(connection), row).rowcount == 1


def forget_assertions(connection: Connection, now: datetime, limit: int) -> int:
    """Delete some expired assertions; return their number."""
    key = (openid_assertions.c.client_id, openid_assertions.c.digest)
    order = openid_assertions.c.expires_at
    rows: Sequence[Any] = connection.execute(select(*key).where(order <= now).order_by(order).limit(limit)).all()
    for client_id, digest in rows:
        of_row = (openid_assertions.c.client_id == client_id, openid_assertions.c.digest == digest)
        connection.execute(delete(openid_assertions).where(*of_row))
    return len(rows)


def _columns(config: ClientConfig) -> dict[str, Any]:
    lists = {"redirect_uris": config.redirect_uris, "claims": config.claims, "keys": [dict(key) for key in config.keys]}
    row: dict[str, Any] = {"name": config.name, "profile": config.profile, "provider_id": config.provider_id}
    row |= {"is_enabled": config.is_enabled, "allows_sandbox": config.allows_sandbox}
    return row | {name: list(value) for name, value in lists.items()}


def _read(row: Row[Any], now: datetime) -> Client:
    config = ClientConfig(
        name=row.name,
        profile=row.profile,
        provider_id=row.provider_id,
        redirect_uris=tuple(row.redirect_uris),
        claims=tuple(row.claims),
        keys=tuple(row._mapping["keys"]),
        is_enabled=row.is_enabled,
        allows_sandbox=row.allows_sandbox,
    )
    expires_at = row.previous_secret_expires_at
    is_previous_valid = expires_at is not None and expires_at > now
    former = (row.previous_secret_digest,) if is_previous_valid else ()
    times = (row.created_at, row.updated_at, expires_at if is_previous_valid else None)
    return Client(row.id, row.tenant, config, *times, digests=(row.secret_digest, *former))
