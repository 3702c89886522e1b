"""Statements on the console's sessions and one-time links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, Update, delete, insert, select, update

from connector.domain.frozen import frozen
from connector.store.free_rows import lock_free
from connector.store.models import console_links, console_sessions
from connector.store.pages import Branch, Order, Position, page


@frozen
class ConsoleSession:
    """A signed-in browser, with the person and the granted scopes."""

    session_id: str
    tenant: str
    user_id: str
    name: str
    client_id: str
    issuer: str
    subject: str
    issuer_session: str | None
    scopes: frozenset[str]
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    token_expires_at: datetime | None = None
    browser: str | None = None
    address: str | None = None


@frozen
class ConsoleLink:
    """A link that signs in once."""

    tenant: str
    user_id: str
    scopes: frozenset[str]


_COLUMNS = [each for each in console_sessions.c if each.name not in ("digest", "access_token", "draft")]
_NEWEST_FIRST = Order(console_sessions.c.created_at, console_sessions.c.id)


def add(
    connection: Connection,
    session: ConsoleSession,
    digest: str,
    sealed_token: str | None = None,
    sealed_draft: str | None = None,
) -> None:
    """Insert a session, with the person's encrypted access token and form if these are to be kept."""
    row = {**vars(session), "id": session.session_id, "digest": digest, "scopes": sorted(session.scopes)}
    del row["session_id"]
    sealed = {"access_token": sealed_token, "draft": sealed_draft}
    connection.execute(insert(console_sessions).values(row | sealed))


def find(connection: Connection, digest: str) -> ConsoleSession | None:
    """Return the session of a cookie."""
    row = connection.execute(select(*_COLUMNS).where(console_sessions.c.digest == digest)).one_or_none()
    return None if row is None else _read(row)


def find_token(connection: Connection, session_id: str) -> str | None:
    """Return the encrypted access token of a session."""
    statement = select(console_sessions.c.access_token).where(console_sessions.c.id == session_id)
    return connection.execute(statement).scalar_one_or_none()


def find_draft(connection: Connection, session_id: str) -> str | None:
    """Return the encrypted form that is kept for a session."""
    statement = select(console_sessions.c.draft).where(console_sessions.c.id == session_id)
    return connection.execute(statement).scalar_one_or_none()


def keep_draft(connection: Connection, session_id: str, sealed: str | None) -> None:
    """Keep an encrypted form for a session, in place of another one."""
    connection.execute(update(console_sessions).where(console_sessions.c.id == session_id).values(draft=sealed))


def touch(connection: Connection, session_id: str, now: datetime) -> None:
    """Record that a session is in use."""
    statement = update(console_sessions).where(console_sessions.c.id == session_id, console_sessions.c.seen_at < now)
    connection.execute(statement.values(seen_at=now))


def search(
    connection: Connection, tenant: str, user_id: str | None, limit: int, after: Position | None
) -> Sequence[ConsoleSession]:
    """Return the sessions of a tenant, or of one of its users, the newest first."""
    branch = Branch(_NEWEST_FIRST, _owned(tenant, user_id))
    statement = page(select(*_COLUMNS), _NEWEST_FIRST, [branch], limit=limit, after=after)
    return [_read(row) for row in connection.execute(statement)]


def end(connection: Connection, tenant: str, session_id: str, user_id: str | None = None) -> list[ConsoleSession]:
    """Delete one session of a tenant, or of one of its users; return it in a list, an empty one if there is none."""
    return _delete(connection, *_owned(tenant, user_id), console_sessions.c.id == session_id)


def end_of_tenant(connection: Connection, tenant: str, user_id: str | None = None) -> list[ConsoleSession]:
    """Delete the sessions of a tenant, or of one of its users, and return them."""
    return _delete(connection, *_owned(tenant, user_id))


def end_of_issuer(
    connection: Connection, issuer: str, *, subject: str | None, issuer_session: str | None
) -> list[ConsoleSession]:
    """Delete the sessions of a person at an issuer, or of one session there, and return them."""
    conditions = [console_sessions.c.issuer == issuer]
    if subject is not None:
        conditions.append(console_sessions.c.subject == subject)
    if issuer_session is not None:
        conditions.append(console_sessions.c.issuer_session == issuer_session)
    return _delete(connection, *conditions)


def add_link(connection: Connection, link: ConsoleLink, digest: str, expires_at: datetime) -> None:
    """Insert a one-time link."""
    row = {"digest": digest, "tenant": link.tenant, "user_id": link.user_id, "scopes": sorted(link.scopes)}
    connection.execute(insert(console_links).values(row | {"expires_at": expires_at}))


def use_link(connection: Connection, tenant: str, digest: str, now: datetime) -> ConsoleLink | None:
    """Delete a link of a tenant and return it; None if it was used already, or has expired.

    Of two concurrent uses, only one deletes the row.
    """
    row = connection.execute(
        select(console_links).where(
            console_links.c.digest == digest, console_links.c.tenant == tenant, console_links.c.expires_at > now
        )
    ).one_or_none()
    if row is None or connection.execute(delete(console_links).where(console_links.c.digest == digest)).rowcount != 1:
        return None
    return ConsoleLink(row.tenant, row.user_id, frozenset(row.scopes))


def forget_sessions(connection: Connection, now: datetime, limit: int) -> int:
    """Delete some expired sessions; return their number."""
    return _forget(connection, console_sessions, console_sessions.c.id, now, limit)


def forget_expired_tokens(connection: Connection, now: datetime, limit: int) -> int:
    """Delete some access tokens that have expired; return their number."""
    return _forget_tokens(connection, console_sessions.c.token_expires_at, now, limit)


def forget_idle_tokens(connection: Connection, idle_since: datetime, limit: int) -> int:
    """Delete some access tokens of sessions that were last used before a time; return their number."""
    return _forget_tokens(connection, console_sessions.c.seen_at, idle_since, limit)


def forget_user(connection: Connection, tenant: str, user_id: str) -> None:
    """Delete the sessions of a user, who is signed out by this."""
    connection.execute(delete(console_sessions).where(*_owned(tenant, user_id)))


def forget_links(connection: Connection, now: datetime, limit: int) -> int:
    """Delete some expired links; return their number."""
    return _forget(connection, console_links, console_links.c.digest, now, limit)


def _owned(tenant: str, user_id: str | None) -> list[ColumnElement[bool]]:
    """Return the conditions for the sessions of a tenant, or of one of its users."""
    conditions = [console_sessions.c.tenant == tenant]
    return conditions if user_id is None else [*conditions, console_sessions.c.user_id == user_id]


def _forget(connection: Connection, table: Table, key: Any, now: datetime, limit: int) -> int:
    expired = select(key).where(table.c.expires_at <= now).order_by(table.c.expires_at).limit(limit)
    free = lock_free(connection, expired)
    return connection.execute(delete(table).where(key.in_(free))).rowcount if free else 0


def _forget_tokens(connection: Connection, column: Column[datetime], until: datetime, limit: int) -> int:
    table = console_sessions.c
    ended = select(table.id).where(table.access_token.is_not(None), column <= until).order_by(column).limit(limit)
    free = lock_free(connection, ended)
    return connection.execute(_without_token(table.id.in_(free))).rowcount if free else 0


def _without_token(*conditions: ColumnElement[bool]) -> Update:
    return update(console_sessions).where(*conditions).values(access_token=None)


def _delete(connection: Connection, *conditions: ColumnElement[bool]) -> list[ConsoleSession]:
    deleted = connection.execute(delete(console_sessions).where(*conditions).returning(*_COLUMNS))
    return [_read(row) for row in deleted]


def _read(row: Any) -> ConsoleSession:
    values = dict(row._mapping)
    return ConsoleSession(session_id=values.pop("id"), **values | {"scopes": frozenset(values["scopes"])})
