"""Statements on the deliveries of notices: one row for each endpoint that has chosen the event.

a transaction ──► queue ──► INSERT … SELECT from the endpoints that exist at that moment
worker ──► lease: one at a time, for an endpoint to which nothing is being sent
an endpoint does not answer ──► postpone: none of its notices is due for some time     answers again ──► resume
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, literal, or_, select, tuple_, update
from sqlalchemy.sql.dml import ReturningUpdate

from connector.domain.frozen import frozen
from connector.domain.ids import new_id
from connector.store import batch
from connector.store.deliveries import queueing
from connector.store.deliveries.outbox import READY, Delivery, is_for, is_in, leasing
from connector.store.deliveries.queueing import Candidate, ConditionalPayload, Parameter, Source
from connector.store.dialect import from_now
from connector.store.models import notice_endpoints, notice_subscriptions, outbox
from connector.store.pages import Position
from connector.store.wake_up import announce


@frozen
class NoticePayload(ConditionalPayload):
    """The base of the payload of a notice; `endpoint_id` is its row's.

    `notice_id` and `at`, when the connector detected the event, never change; an empty id is assigned when it is
    queued.
    """

    tenant: str
    provider_id: str | None
    verification_id: str | None
    notice_id: str
    at: str
    endpoint_id: str

    @property
    def events(self) -> tuple[str, ...]:
        """The events of which an endpoint must have chosen at least one."""
        raise NotImplementedError

    def candidate(self, dedupe_key: str | None = None) -> Candidate:
        """Return the notice with the condition that an endpoint has chosen it, for each such endpoint."""
        first, *others = self.events
        payload = vars(self) | {"notice_id": self.notice_id or new_id()}
        del payload["endpoint_id"]
        parameters = {
            "provider_id": self.provider_id,
            "verification_id": self.verification_id,
            "key": dedupe_key,
            "event": first,
            "other_event": others[0] if others else first,
        }
        return Candidate(_of_endpoints, self.tenant, self.kind, payload, parameters)


def _of_endpoints(parameter: Parameter) -> Source:
    """One row for each endpoint that has chosen the event."""
    provider, event = parameter("provider_id", outbox.c.provider_id), notice_subscriptions.c.event
    chosen = select(literal(1)).where(
        notice_subscriptions.c.endpoint_id == notice_endpoints.c.id,
        event.in_([parameter("event", event), parameter("other_event", event)]),
    )
    return Source(
        [
            notice_endpoints.c.tenant == parameter("tenant", outbox.c.tenant),
            notice_endpoints.c.disabled_because.is_(None),
            or_(
                notice_endpoints.c.provider_id.is_(None), provider.is_(None), notice_endpoints.c.provider_id == provider
            ),
            chosen.exists(),
        ],
        {
            "provider_id": provider,
            "verification_id": parameter("verification_id", outbox.c.verification_id),
            "endpoint_id": notice_endpoints.c.id,
            "dedupe_key": parameter("key", outbox.c.dedupe_key) + literal(":") + notice_endpoints.c.id,
        },
    )


def queue(connection: Connection, notices: Sequence[NoticePayload], dedupe_key: str | None = None) -> None:
    """Queue notices for the endpoints that have chosen them, except those whose dedupe key exists."""
    queueing.add_all(connection, [notice.candidate(dedupe_key) for notice in notices])


def lease(
    connection: Connection, owner: str, kinds: Collection[str], busy: Collection[str], seconds: float
) -> Delivery | None:
    """Lease the notice that is due first, for an endpoint that is not `busy`; None if there is none."""
    parameters = {"owner": owner, **{f"of_busy_{at}": endpoint_id for at, endpoint_id in enumerate(busy)}}
    row = batch.execute(connection, _leasing(tuple(kinds), len(busy), seconds), parameters).one_or_none()
    return None if row is None else Delivery(*row)


@cache
def _leasing(kinds: Sequence[str], busy: int, seconds: float) -> ReturningUpdate[Any]:
    others = [outbox.c.endpoint_id != bindparam(f"of_busy_{at}", type_=outbox.c.endpoint_id.type) for at in range(busy)]
    of_kinds = or_(*(outbox.c.kind == kind for kind in kinds))
    return leasing(outbox.c.endpoint_id.is_not(None), of_kinds, *others, limit=1, seconds=seconds)


def postpone(connection: Connection, endpoint_id: str, seconds: float) -> None:
    """Postpone all notices of an endpoint for some seconds."""
    later = from_now(seconds)
    connection.execute(update(outbox).where(_waits(endpoint_id), outbox.c.due_at < later).values(due_at=later))


def resume(connection: Connection, endpoint_id: str) -> None:
    """Make the notices of an endpoint that answers again due at once, except those that failed themselves."""
    now = from_now(0)
    waiting = (_waits(endpoint_id), outbox.c.due_at > now, outbox.c.attempts == 0)
    connection.execute(update(outbox).where(*waiting).values(due_at=now))


def drop_some(connection: Connection, endpoint_id: str, limit: int) -> int:
    """Remove some notices of an endpoint that are not being sent; return their number."""
    some = select(outbox.c.id).where(_waits(endpoint_id)).order_by(outbox.c.created_at).limit(limit)
    return connection.execute(delete(outbox).where(outbox.c.id.in_(some.scalar_subquery()))).rowcount


def is_being_sent(connection: Connection, endpoint_id: str) -> bool:
    """Whether a worker is sending a notice to an endpoint, or holds a lease on one."""
    under_way = (is_for(endpoint_id), is_in(READY), outbox.c.lease_until > from_now(0))
    return connection.execute(select(outbox.c.id).where(*under_way).limit(1)).one_or_none() is not None


def resend(connection: Connection, endpoint_id: str, since: datetime, after: str, limit: int) -> Position | None:
    """Make the next settled notices since a time due again, from the id `after` on.

    Return the position of the last one if there may be more.
    """
    place = (outbox.c.created_at, outbox.c.id)
    of_endpoint = (is_for(endpoint_id), ~is_in(READY), tuple_(*place) > tuple_(since, after))
    page = connection.execute(select(*place).where(*of_endpoint).order_by(*place).limit(limit)).all()
    again = {"state": READY, "attempts": 0, "due_at": from_now(0), "settled_at": None}
    announce(connection)
    connection.execute(update(outbox).where(outbox.c.id.in_([row.id for row in page]), ~is_in(READY)).values(again))
    return Position(page[-1].created_at, page[-1].id) if len(page) == limit else None


def rate(connection: Connection, endpoint_id: str, limit: int, since: datetime | None = None) -> tuple[int, int, int]:
    """Return the number of an endpoint's latest deliveries, of their attempts, and of successful ones."""
    latest = (
        select(outbox.c.attempts, (outbox.c.state == "done").label("is_done"))
        .where(is_for(endpoint_id), *([] if since is None else [outbox.c.created_at >= since]))
        .order_by(outbox.c.created_at.desc())
        .limit(limit)
        .subquery()
    )
    done = func.count().filter(latest.c.is_done)
    row = connection.execute(
        select(func.count(), func.coalesce(func.sum(latest.c.attempts), 0), done).select_from(latest)
    )
    total, attempts, delivered = row.one()
    return int(total), int(attempts), int(delivered)


def _waits(endpoint_id: str) -> ColumnElement[bool]:
    """Return the condition of a notice that is queued and not being sent."""
    is_free = outbox.c.lease_until.is_(None) | (outbox.c.lease_until <= from_now(0))
    return and_(is_for(endpoint_id), is_in(READY), is_free)
