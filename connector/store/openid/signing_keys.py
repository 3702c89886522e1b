"""Statements on the keys that sign the connector's assertions.

One key is `current` and signs, one is `next` and is published before it signs, former ones are `previous` and stay
published until they expire. Each of the two slots is unique: if several processes create the first keys, one succeeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, bindparam, delete, or_, select, update

from connector.domain.signing import SigningKey
from connector.store.dialect import insert
from connector.store.models import secrets, signing_keys

_COLUMNS = (
    signing_keys.c.id,
    *(signing_keys.c[name] for name in ("public_key", "private_key", "created_at", "slot", "expires_at")),
)
_ADD = insert(signing_keys, lambda statement: statement.on_conflict_do_nothing())
# Rotations are serialized by rows that all of them lock: new keys appear while others wait for the former ones.
_LOCK = select(secrets.c.name).order_by(secrets.c.name).with_for_update()
_ALL = select(*_COLUMNS)
_PUBLISHED = _ALL.where(or_(signing_keys.c.expires_at.is_(None), signing_keys.c.expires_at > bindparam("now")))


def add(connection: Connection, keys: Iterable[SigningKey]) -> None:
    """Insert keys, except those whose slot is taken."""
    for key in keys:
        row = {"id" if name == "key_id" else name: value for name, value in vars(key).items()}
        connection.execute(_ADD(connection), row)


def find_published(connection: Connection, now: datetime) -> list[SigningKey]:
    """Return the keys that have not expired: the current one, the next one, and former ones."""
    return _read(connection.execute(_PUBLISHED, {"now": now}).mappings())


def lock(connection: Connection) -> list[SigningKey]:
    """Wait until no other transaction changes the keys, and return them."""
    connection.execute(_LOCK).all()
    return find_all(connection)


def find_all(connection: Connection) -> list[SigningKey]:
    """Return all keys, including expired ones."""
    return _read(connection.execute(_ALL).mappings())


def move(connection: Connection, key_id: str, slot: str | None, expires_at: datetime | None = None) -> None:
    """Move a key to another slot, or out of both."""
    statement = update(signing_keys).where(signing_keys.c.id == key_id)
    connection.execute(statement.values(slot=slot, expires_at=expires_at))


def remove(connection: Connection, key_ids: Sequence[str]) -> None:
    """Delete keys."""
    connection.execute(delete(signing_keys).where(signing_keys.c.id.in_(key_ids)))


def _read(rows: Iterable[RowMapping]) -> list[SigningKey]:
    """Return the keys, the current one first."""
    keys = (SigningKey(**{"key_id" if name == "id" else name: row[name] for name in row}) for row in rows)
    return sorted(keys, key=lambda each: (each.role, each.created_at))
