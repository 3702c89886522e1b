"""Statements on the users' levels as last sent to streams, and on the orders to check them again.

a transaction ──► queue ──► INSERT … SELECT, if the tenant has a stream at that moment
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import ColumnElement, Connection, bindparam, delete, literal, select

from connector.domain.openid.flow import GUEST_PREFIX
from connector.store import queueing
from connector.store.dialect import Extended, insert
from connector.store.models import claims
from connector.store.signal_models import signal_levels
from connector.store.signal_streams import is_of_tenant, is_unseeded

_T = signal_levels.c
_OF_USER = (_T.tenant == bindparam("of_tenant"), _T.user_id == bindparam("of_user"))


@dataclass(frozen=True)
class LevelPayload:
    """The base of payloads about levels, which are queued only for a tenant that has a stream."""

    kind: ClassVar[str]
    tenant: str


_QUEUE = queueing.insertions({}, is_of_tenant(queueing.parameter("tenant", "tenant")))
_ADD = insert(signal_levels, lambda statement: statement.on_conflict_do_nothing())


def _verified(condition: ColumnElement[bool]) -> Callable[[Connection], Extended]:
    """Return the insertion of the users who are verified by claims of this condition.

    It inserts nothing if the tenant's users are recorded already, or if it has no stream.
    """
    mine, other = claims.c, claims.alias().c
    is_judged = other.is_verified | other.verification_id.is_(None) | other.verification_status.is_not(None)
    of_same = (other.tenant == mine.tenant, other.user_id == mine.user_id, other.provider_id == mine.provider_id)
    is_contradicted = select(literal(1)).where(*of_same, ~other.is_verified, is_judged).exists()
    chosen = (
        select(mine.tenant, mine.user_id)
        .where(mine.tenant == bindparam("of_tenant"), condition, mine.is_verified, ~is_contradicted)
        .where(~mine.user_id.startswith(GUEST_PREFIX, autoescape=True), is_unseeded(bindparam("of_tenant")))
        .group_by(mine.tenant, mine.user_id)
        .order_by(mine.user_id)
    )
    return insert(
        signal_levels,
        lambda statement: statement.from_select([_T.tenant, _T.user_id], chosen).on_conflict_do_nothing(),
    )


_NOTE_USER = _verified(claims.c.user_id == bindparam("of_user"))
_NOTE_PROVIDER = _verified(claims.c.provider_id == bindparam("of_provider"))


def queue(connection: Connection, orders: Sequence[LevelPayload]) -> None:
    """Queue orders, each if its tenant has a stream."""
    for order in orders:
        queueing.add(connection, _QUEUE, order.tenant, order)


def lock(connection: Connection, tenant: str, user_id: str) -> bool:
    """Lock a user's level, and return whether it was the verified one."""
    is_new = connection.execute(_ADD(connection), {"tenant": tenant, "user_id": user_id}).rowcount == 1
    user = {"of_tenant": tenant, "of_user": user_id}
    is_there = connection.execute(select(_T.user_id).where(*_OF_USER).with_for_update(), user).one_or_none()
    if is_there is None:  # another transaction has deleted it in between
        return lock(connection, tenant, user_id)
    return not is_new


def remove(connection: Connection, tenant: str, user_id: str) -> None:
    """Record that a user is not at the verified level."""
    connection.execute(delete(signal_levels).where(*_OF_USER), {"of_tenant": tenant, "of_user": user_id})


def remove_all(connection: Connection, tenant: str, user_ids: Collection[str]) -> None:
    """Note that some users are not at the verified level."""
    connection.execute(delete(signal_levels).where(_T.tenant == tenant, _T.user_id.in_(user_ids)))


def prepare_removal(connection: Connection, tenant: str, user_id: str) -> None:
    """Record the level of a user whose claims are about to be deleted, unless the users of the tenant are recorded.

    If the tenant has no stream, nothing is announced, and the user's level is deleted.
    """
    connection.execute(_NOTE_USER(connection), {"of_tenant": tenant, "of_user": user_id})
    connection.execute(
        delete(signal_levels).where(*_OF_USER, ~is_of_tenant(literal(tenant))),
        {"of_tenant": tenant, "of_user": user_id},
    )


def note_provider(connection: Connection, tenant: str, provider_id: str) -> None:
    """Record the levels of users whose claims with a provider are about to be deleted, in the same way."""
    connection.execute(_NOTE_PROVIDER(connection), {"of_tenant": tenant, "of_provider": provider_id})


def find_known(connection: Connection, tenant: str, user_ids: Collection[str]) -> set[str]:
    """Return those of these users who are at the verified level."""
    statement = select(_T.user_id).where(_T.tenant == tenant, _T.user_id.in_(user_ids))
    return set(connection.execute(statement).scalars())


def add_all(connection: Connection, tenant: str, user_ids: Sequence[str]) -> None:
    """Record that users are at the verified level."""
    if user_ids:
        connection.execute(_ADD(connection), [{"tenant": tenant, "user_id": each} for each in user_ids])


def find_page(connection: Connection, tenant: str, after: str, limit: int) -> list[str]:
    """Return ids of users who are at the verified level, in order, after `after`."""
    statement = select(_T.user_id).where(_T.tenant == tenant, _T.user_id > after).order_by(_T.user_id).limit(limit)
    return list(connection.execute(statement).scalars())


def forget_some(connection: Connection, tenant: str, limit: int) -> int:
    """Delete the levels of some users of a tenant that no longer has a stream; return how many."""
    some = select(_T.user_id).where(_T.tenant == tenant).order_by(_T.user_id).limit(limit)
    of_tenant = (_T.tenant == tenant, _T.user_id.in_(some.scalar_subquery()))
    return connection.execute(delete(signal_levels).where(*of_tenant, ~is_of_tenant(literal(tenant)))).rowcount
