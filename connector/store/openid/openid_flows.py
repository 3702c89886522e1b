"""Statements on authorization requests; every step is a compare-and-set on their state."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from connector.domain.openid.flow import ANSWERED, OPENED, PUSHED, REDEEMED, REFUSED, STARTED, Flow, guest_of
from connector.store.hidden import is_of_registered_client
from connector.store.models import openid_flows
from connector.store.sealed import openid_flow
from connector.store.vault import Vault

_T = openid_flows.c
_IS_THERE = is_of_registered_client(_T.client_id)
_COLUMNS = (
    *(_T.id, _T.tenant, _T.client_id, _T.provider_id, _T.state, _T.user_id, _T.subject_digest),
    *(_T.browser_digest, _T.uris, _T.parameters, _T.sent_values, _T.result, _T.created_at, _T.expires_at),
)


def add(connection: Connection, vault: Vault, flow: Flow, request_digest: str) -> None:
    """Insert a pushed request, with the digest of its `request_uri`."""
    values = _seal(vault, flow.flow_id, "sent_values", flow.values) if flow.values else None
    connection.execute(
        insert(openid_flows).values(
            id=flow.flow_id,
            tenant=flow.tenant,
            client_id=flow.client_id,
            provider_id=flow.provider_id,
            state=flow.state,
            subject_digest=flow.subject_digest,
            request_digest=request_digest,
            uris=list(flow.uris),
            parameters=_seal(vault, flow.flow_id, "parameters", flow.parameters),
            sent_values=values,
            created_at=flow.created_at,
            expires_at=flow.expires_at,
        )
    )


def find(connection: Connection, vault: Vault, tenant: str, flow_id: str) -> Flow | None:
    """Return a flow of a tenant, if it exists."""
    return _one(connection, vault, _T.tenant == tenant, _T.id == flow_id)


def find_pushed(connection: Connection, vault: Vault, tenant: str, request_digest: str) -> Flow | None:
    """Return the flow of a `request_uri`, in any state."""
    return _one(connection, vault, _T.tenant == tenant, _T.request_digest == request_digest)


def find_by_code(connection: Connection, vault: Vault, tenant: str, code_digest: str) -> Flow | None:
    """Return the flow of a code, in any state."""
    return _one(connection, vault, _T.tenant == tenant, _T.code_digest == code_digest)


def find_by_token(connection: Connection, vault: Vault, tenant: str, token_digest: str, now: datetime) -> Flow | None:
    """Return the flow of an access token that is valid."""
    return _one(connection, vault, _T.tenant == tenant, _T.token_digest == token_digest, _T.expires_at > now)


def open_pushed(connection: Connection, flow_id: str, browser_digest: str, now: datetime, expires_at: datetime) -> bool:
    """Open a pushed request for a browser; False if it was used already, or has expired."""
    values = {"state": OPENED, "browser_digest": browser_digest, "expires_at": expires_at}
    return _move(connection, flow_id, (PUSHED,), now, values)


def start(connection: Connection, flow_id: str, user_id: str, now: datetime) -> bool:
    """Record that a flow's verification is started; False if another request has started it."""
    return _move(connection, flow_id, (OPENED,), now, {"state": STARTED, "user_id": user_id})


def refuse(connection: Connection, flow_id: str, now: datetime) -> bool:
    """End a flow without an answer; False if it had one."""
    return _move(connection, flow_id, (OPENED, STARTED), now, {"state": REFUSED, "sent_values": None})


def answer(
    connection: Connection,
    vault: Vault,
    flow_id: str,
    code_digest: str,
    result: Mapping[str, Any],
    now: datetime,
    expires_at: datetime,
) -> bool:
    """Issue a flow's code; False if another request has."""
    sealed = _seal(vault, flow_id, "result", result)
    values = {"code_digest": code_digest, "result": sealed, "sent_values": None, "expires_at": expires_at}
    return _move(connection, flow_id, (OPENED, STARTED), now, {"state": ANSWERED, **values})


def answer_again(connection: Connection, flow_id: str, code_digest: str, now: datetime, expires_at: datetime) -> bool:
    """Issue another code for a flow, whose former code is then none; False if that was exchanged, or has expired."""
    return _move(connection, flow_id, (ANSWERED,), now, {"code_digest": code_digest, "expires_at": expires_at})


def redeem(
    connection: Connection, flow_id: str, code_digest: str, now: datetime, token_digest: str, expires_at: datetime
) -> bool:
    """Exchange a flow's code for a token; False if it was exchanged already, or has expired."""
    values = {"state": REDEEMED, "token_digest": token_digest, "expires_at": expires_at}
    return _move(connection, flow_id, (ANSWERED,), now, values, _T.code_digest == code_digest)


def revoke_token(connection: Connection, flow_id: str, now: datetime) -> None:
    """Revoke a flow's access token."""
    _move(connection, flow_id, (REDEEMED,), now, {"token_digest": None, "result": None})


def count_started(connection: Connection, provider_id: str, subject_digest: str, since: datetime) -> int:
    """Return the number of verifications of one subject that were started since a time."""
    is_started = _T.state.in_((STARTED, ANSWERED, REDEEMED, REFUSED)) & _T.user_id.is_not(None)
    of_subject = (_T.provider_id == provider_id, _T.subject_digest == subject_digest, _T.created_at > since)
    return connection.execute(select(func.count()).where(*of_subject, is_started)).scalar_one()


def count_under_way(connection: Connection, tenant: str, client_id: str, now: datetime) -> int:
    """Return how many requests of a client can still be answered."""
    of_client = (_T.tenant == tenant, _T.client_id == client_id, _T.expires_at > now)
    is_under_way = _T.state.in_((PUSHED, OPENED, STARTED))
    return connection.execute(select(func.count()).where(*of_client, is_under_way)).scalar_one()


def erase_values(connection: Connection, now: datetime, limit: int) -> int:
    """Erase the values of some expired flows; return their number."""
    expired = _T.sent_values.is_not(None) & (_T.expires_at <= now)
    chosen = select(_T.id).where(expired).order_by(_T.expires_at).limit(limit)
    return connection.execute(update(openid_flows).where(_T.id.in_(chosen)).values(sent_values=None)).rowcount


def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete some flows that had expired by then; return their number."""
    chosen = select(_T.id).where(_T.expires_at <= before).order_by(_T.expires_at).limit(limit)
    return connection.execute(delete(openid_flows).where(_T.id.in_(chosen))).rowcount


def forget_user(connection: Connection, tenant: str, user_id: str) -> None:
    """Delete the flows that verify a user, with their codes, tokens and results."""
    connection.execute(delete(openid_flows).where(_T.user_id == user_id, _T.tenant == tenant))


def _one(connection: Connection, vault: Vault, *conditions: ColumnElement[bool]) -> Flow | None:
    row = connection.execute(select(*_COLUMNS).where(*conditions, _IS_THERE)).one_or_none()
    return None if row is None else _read(vault, row)


def _read(vault: Vault, row: Any) -> Flow:
    values = _open(vault, row.id, "sent_values", row.sent_values)
    return Flow(
        flow_id=row.id,
        tenant=row.tenant,
        client_id=row.client_id,
        provider_id=row.provider_id,
        subject_digest=row.subject_digest,
        created_at=row.created_at,
        expires_at=row.expires_at,
        uris=tuple(row.uris),
        parameters=_open(vault, row.id, "parameters", row.parameters),
        values=values,
        state=row.state,
        user_id=row.user_id or (guest_of(row.client_id, row.id) if values else None),
        browser_digest=row.browser_digest,
        result=_open(vault, row.id, "result", row.result),
    )


def _seal(vault: Vault, flow_id: str, name: str, content: Mapping[str, Any]) -> str:
    return vault.seal(json.dumps(dict(content)), openid_flow(flow_id, name))


def _open(vault: Vault, flow_id: str, name: str, sealed: str | None) -> dict[str, Any]:
    opened: dict[str, Any] = {} if sealed is None else json.loads(vault.open(sealed, openid_flow(flow_id, name)))
    return opened


def _move(
    connection: Connection,
    flow_id: str,
    states: Collection[str],
    now: datetime,
    values: dict[str, Any],
    *conditions: ColumnElement[bool],
) -> bool:
    """Change a flow that is in one of these states and has not expired; False if it is not so any more."""
    is_there = (_T.id == flow_id, _T.state.in_(states), _T.expires_at > now, _IS_THERE, *conditions)
    return connection.execute(update(openid_flows).where(*is_there).values(values)).rowcount == 1
