"""Statements on the users' levels as last sent to streams, and on the orders to check them again.

a transaction ──► queue ──► INSERT … SELECT, if the tenant has a stream at that moment
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, literal, select

from connector.domain.frozen import frozen
from connector.store.deliveries.outbox import READY, is_in
from connector.store.deliveries.queueing import Candidate, ConditionalPayload, Parameter, Source, candidate_of
from connector.store.dialect import insert
from connector.store.hidden import is_of_registered
from connector.store.models import claims, outbox, signal_levels
from connector.store.openid.guests import is_guest
from connector.store.signals.signal_streams import is_of_tenant, is_unseeded

_T = signal_levels.c
_OF_USER = (_T.tenant == bindparam("of_tenant"), _T.user_id == bindparam("of_user"))


@frozen
class LevelPayload(ConditionalPayload):
    """The base of payloads about levels, which are queued only for a tenant that has a stream."""

    tenant: str

    def candidate(self) -> Candidate:
        """Return the payload with the condition that its tenant has a stream."""
        return candidate_of(self, _has_stream, self.tenant)


def _has_stream(parameter: Parameter) -> Source:
    return Source([is_of_tenant(parameter("tenant", _T.tenant))])


_USER = outbox.c.payload["user_id"].as_string()
_WAS_VERIFIED = outbox.c.payload["was_verified"].as_boolean()
_ADD = insert(signal_levels, lambda statement: statement.on_conflict_do_nothing())


def _chosen(columns: Sequence[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the statement for the users who are verified by claims of these conditions.

    Claims that have lapsed are verified here until they are withdrawn: only that announces that the level has changed.
    """
    mine, other = claims.c, claims.alias().c
    is_judged = other.is_verified | other.verification_id.is_(None) | other.verification_status.is_not(None)
    of_same = (other.tenant == mine.tenant, other.user_id == mine.user_id, other.provider_id == mine.provider_id)
    is_contradicted = select(literal(1)).where(*of_same, ~other.is_verified, is_judged).exists()
    chosen: Select[Any] = select(*columns).where(
        *conditions, mine.is_verified, ~is_contradicted, ~is_guest(mine.user_id)
    )
    return chosen.group_by(*columns).order_by(mine.user_id)


_VERIFIED_USER = _chosen(
    (claims.c.tenant, claims.c.user_id),
    claims.c.tenant == bindparam("of_tenant"),
    claims.c.user_id == bindparam("of_user"),
    is_of_registered(claims.c.provider_id),
    is_unseeded(bindparam("of_tenant")),  # nothing is inserted if the levels are recorded, or there is no stream
)
_NOTE_USER = insert(
    signal_levels,
    lambda statement: statement.from_select([_T.tenant, _T.user_id], _VERIFIED_USER).on_conflict_do_nothing(),
)


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


def is_being_recorded(connection: Connection, tenant: str) -> bool:
    """Whether a tenant has a stream, and the levels of its users are not all recorded yet."""
    return connection.execute(select(is_unseeded(literal(tenant)))).scalar_one()


def note_page(connection: Connection, tenant: str, provider_id: str, after: str, limit: int) -> list[str]:
    """Record the next users after `after` who were verified with a removed provider; return their ids."""
    page = _chosen((claims.c.user_id,), claims.c.provider_id == provider_id, claims.c.user_id > after)
    users = list(connection.execute(page.limit(limit)).scalars())
    add_all(connection, tenant, users)
    return users


def find_known(connection: Connection, tenant: str, user_ids: Collection[str]) -> set[str]:
    """Return those of these users who are at the verified level."""
    statement = select(_T.user_id).where(_T.tenant == tenant, _T.user_id.in_(user_ids))
    return set(connection.execute(statement).scalars())


def find_changing(connection: Connection, kind: str, tenant: str, user_ids: Collection[str]) -> dict[str, bool]:
    """Return those of these users whose change waits to be announced, and whether they were verified before the first.

    `kind` is that of these deliveries.
    """
    statement = select(_USER, _WAS_VERIFIED).where(*_waiting(kind, tenant), _USER.in_(user_ids))
    latest_first = statement.order_by(outbox.c.created_at.desc(), outbox.c.id.desc())
    return {user_id: bool(was_verified) for user_id, was_verified in connection.execute(latest_first)}


def is_any_falling(connection: Connection, kind: str, tenant: str) -> bool:
    """Whether a change of a user who was verified until then waits to be announced."""
    falling = select(outbox.c.id).where(*_waiting(kind, tenant), _WAS_VERIFIED)
    return connection.execute(falling.limit(1)).first() is not None


def _waiting(kind: str, tenant: str) -> tuple[ColumnElement[bool], ...]:
    return (outbox.c.tenant == tenant, outbox.c.kind == kind, is_in(READY))


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
