"""Statements on authorization requests; every step is a compare-and-set on their state."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from connector.domain.openid.flow import ANSWERED, OPENED, PUSHED, REDEEMED, REFUSED, STARTED
from connector.store.openid_models import openid_flows

_T = openid_flows.c
_COLUMNS = (
    *(_T.id, _T.tenant, _T.client_id, _T.provider_id, _T.state, _T.user_id, _T.subject_digest),
    *(_T.browser_digest, _T.uris, _T.parameters, _T.sent_values, _T.result, _T.created_at, _T.expires_at),
)


@dataclass(frozen=True)
class StoredFlow:
    """A row, its texts encrypted."""

    id: str
    tenant: str
    client_id: str
    provider_id: str
    state: str
    user_id: str | None
    subject_digest: str
    browser_digest: str | None = field(repr=False)
    uris: Sequence[str]
    parameters: str = field(repr=False)
    sent_values: str | None = field(repr=False)
    result: str | None = field(repr=False)
    created_at: datetime
    expires_at: datetime


def add(connection: Connection, row: dict[str, Any]) -> None:
    """Insert a pushed request."""
    connection.execute(insert(openid_flows).values(state=PUSHED, **row))


def find(connection: Connection, tenant: str, flow_id: str) -> StoredFlow | None:
    """Return a flow of a tenant, if it exists."""
    return _one(connection, _T.tenant == tenant, _T.id == flow_id)


def find_pushed(connection: Connection, tenant: str, request_digest: str) -> StoredFlow | None:
    """Return the flow of a `request_uri`, whatever its state."""
    return _one(connection, _T.tenant == tenant, _T.request_digest == request_digest)


def find_by_code(connection: Connection, tenant: str, code_digest: str) -> StoredFlow | None:
    """Return the flow of a code, whatever its state."""
    return _one(connection, _T.tenant == tenant, _T.code_digest == code_digest)


def find_by_token(connection: Connection, tenant: str, token_digest: str, now: datetime) -> StoredFlow | None:
    """Return the flow of an access token that is valid."""
    return _one(connection, _T.tenant == tenant, _T.token_digest == token_digest, _T.expires_at > now)


def open_pushed(connection: Connection, flow_id: str, browser_digest: str, now: datetime, expires_at: datetime) -> bool:
    """Open a pushed request for a browser; False where it was used already, or has expired."""
    values = {"state": OPENED, "browser_digest": browser_digest, "expires_at": expires_at}
    return _move(connection, flow_id, (PUSHED,), now, values)


def start(connection: Connection, flow_id: str, user_id: str, now: datetime) -> bool:
    """Note that a flow's verification is started; False where another request does, or did."""
    return _move(connection, flow_id, (OPENED,), now, {"state": STARTED, "user_id": user_id})


def refuse(connection: Connection, flow_id: str, now: datetime) -> bool:
    """End a flow without an answer; False where it had one."""
    return _move(connection, flow_id, (OPENED, STARTED), now, {"state": REFUSED, "sent_values": None})


def answer(
    connection: Connection, flow_id: str, code_digest: str, result: str, now: datetime, expires_at: datetime
) -> bool:
    """Issue a flow's code; False where another request has."""
    values = {"code_digest": code_digest, "result": result, "sent_values": None, "expires_at": expires_at}
    return _move(connection, flow_id, (OPENED, STARTED), now, {"state": ANSWERED, **values})


def redeem(connection: Connection, flow_id: str, now: datetime, token_digest: str, expires_at: datetime) -> bool:
    """Exchange a flow's code for a token; False where it was exchanged already, or has expired."""
    values = {"state": REDEEMED, "token_digest": token_digest, "expires_at": expires_at}
    return _move(connection, flow_id, (ANSWERED,), now, values)


def revoke_token(connection: Connection, flow_id: str, now: datetime) -> None:
    """End a flow's access token."""
    _move(connection, flow_id, (REDEEMED,), now, {"token_digest": None, "result": None})


def count_started(connection: Connection, provider_id: str, subject_digest: str, since: datetime) -> int:
    """Return how many verifications of one subject were started since a time."""
    is_started = _T.state.in_((STARTED, ANSWERED, REDEEMED, REFUSED)) & _T.user_id.is_not(None)
    of_subject = (_T.provider_id == provider_id, _T.subject_digest == subject_digest, _T.created_at > since)
    return connection.execute(select(func.count()).where(*of_subject, is_started)).scalar_one()


def erase_values(connection: Connection, now: datetime, limit: int) -> int:
    """Erase the values of some flows that have expired; return how many."""
    expired = _T.sent_values.is_not(None) & (_T.expires_at <= now)
    chosen = select(_T.id).where(expired).order_by(_T.expires_at).limit(limit)
    return connection.execute(update(openid_flows).where(_T.id.in_(chosen)).values(sent_values=None)).rowcount


def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete some flows that had expired by then; return how many."""
    chosen = select(_T.id).where(_T.expires_at <= before).order_by(_T.expires_at).limit(limit)
    return connection.execute(delete(openid_flows).where(_T.id.in_(chosen))).rowcount


def _one(connection: Connection, *conditions: ColumnElement[bool]) -> StoredFlow | None:
    row = connection.execute(select(*_COLUMNS).where(*conditions)).one_or_none()
    return None if row is None else StoredFlow(**row._mapping)


def _move(connection: Connection, flow_id: str, states: Collection[str], now: datetime, values: dict[str, Any]) -> bool:
    """Change a flow that is in one of these states and has not expired; False where it is not so any more."""
    is_there = (_T.id == flow_id, _T.state.in_(states), _T.expires_at > now)
    return connection.execute(update(openid_flows).where(*is_there).values(values)).rowcount == 1
