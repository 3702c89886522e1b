"""Statements on the events that Onfido posted, each stored once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, case, func, literal_column, select, update

from connector.domain.frozen import frozen
from connector.store import batch
from connector.store.batch import Answer
from connector.store.dialect import insert
from connector.store.hidden import is_of_registered
from connector.store.models import events, verifications
from connector.store.pages import unindexed

PARKED = "parked"  # waits until its run is known, or until missing data were read from Onfido
APPLIED = "applied"
NOTED = "noted"  # without meaning for the connector
STATES = (PARKED, APPLIED, NOTED)

MOST_PARKED = 1_000  # parked events of one provider for unknown runs
MAKE_ROOM_FOR = 100  # further events that are removed at once when there are too many, the oldest first

# Written out, so that the database uses the index of parked events, independent of the number of others.
_IS_PARKED = events.c.state == literal_column(f"'{PARKED}'")
_RUN_IS_KNOWN = (
    select(verifications.c.id)
    .where(unindexed(verifications.c.provider_id) == events.c.provider_id, verifications.c.run_id == events.c.run_id)
    .exists()
)
# Events without a run only wait for Onfido's answer.
_IS_UNKNOWN = and_(_IS_PARKED, events.c.run_id.is_not(None), ~_RUN_IS_KNOWN)
_SETTLED = case((events.c.state == PARKED, NOTED), else_=events.c.state)
_PARKED = (
    unindexed(events.c.provider_id) == bindparam("of_provider"),
    events.c.run_id == bindparam("of_run"),
    unindexed(events.c.state) == literal_column(f"'{PARKED}'"),  # few events have the same run
)
_FIND_PARKED = select(events.c.id, events.c.body).where(*_PARKED).order_by(events.c.received_at)
_SETTLE = update(events).where(*_PARKED).values(state=APPLIED)

_FORGET = update(events).where(events.c.body.is_not(None)).values(body=None, state=_SETTLED)

_ADD = insert(
    events,
    lambda statement: statement.on_conflict_do_nothing(index_elements=[events.c.provider_id, events.c.digest]),
)


@frozen
class ParkedEvent:
    """A parked event, with its encrypted body."""

    event_id: str
    body: str


def add(connection: Connection, row: Mapping[str, Any]) -> Answer:
    """Insert an event with its encrypted body; no row if it was received before."""
    return batch.execute(connection, _ADD(connection), row)


def find_last(connection: Connection, provider_id: str) -> datetime | None:
    """Return the time of a provider's latest relevant event."""
    latest = (
        select(events.c.received_at)
        .where(events.c.provider_id == provider_id, events.c.state == state)
        .order_by(events.c.received_at.desc())
        .limit(1)
        for state in (APPLIED, PARKED)
    )
    row = connection.execute(select(*(each.scalar_subquery() for each in latest))).one()
    return max((at for at in row if at is not None), default=None)


def park(connection: Connection, event_id: str) -> None:
    """Park an event."""
    connection.execute(update(events).where(events.c.id == event_id).values(state=PARKED))


def note(connection: Connection, event_id: str) -> None:
    """Delete an event's body and record only that it arrived."""
    connection.execute(update(events).where(events.c.id == event_id).values(state=NOTED, body=None))


def find_parked(connection: Connection, provider_id: str, run_id: str) -> list[ParkedEvent]:
    """Return the events parked for a run, in the order in which they arrived."""
    rows = connection.execute(_FIND_PARKED, {"of_provider": provider_id, "of_run": run_id})
    return [ParkedEvent(row.id, row.body) for row in rows]


def find_parked_after(connection: Connection, provider_id: str, run_id: str) -> Sequence[ParkedEvent]:
    """Return the events that are parked for a run after the transaction's commit."""
    with batch.after_commit(connection):
        answer = batch.execute(connection, _FIND_PARKED, {"of_provider": provider_id, "of_run": run_id})
    return answer.each(lambda row: ParkedEvent(row.id, row.body))


def settle(connection: Connection, provider_id: str, run_id: str) -> None:
    """Mark the events parked for a run as applied."""
    batch.execute(connection, _SETTLE, {"of_provider": provider_id, "of_run": run_id})


def resolve(connection: Connection, event_id: str, state: str) -> bool:
    """End the parking of an event; False if it was applied before, or no longer exists."""
    statement = update(events).where(events.c.id == event_id, events.c.state != APPLIED)
    return connection.execute(statement.values(state=state)).rowcount == 1


def find_matchable(connection: Connection) -> list[tuple[str, str]]:
    """Return the provider and run of parked events whose run is known."""
    statement = (
        select(events.c.provider_id, events.c.run_id)
        .distinct()
        .join(
            verifications,
            (unindexed(verifications.c.provider_id) == events.c.provider_id)
            & (verifications.c.run_id == events.c.run_id),
        )
        .where(_IS_PARKED, is_of_registered(events.c.provider_id))
    )
    return [(row.provider_id, row.run_id) for row in connection.execute(statement)]


def forget_bodies(connection: Connection, received_before: datetime, limit: int) -> int:
    """Remove the bodies of some old events, and return their number; parked ones become `noted`.

    Events that another transaction has locked are skipped until the next time, which avoids deadlocks.
    """
    old = select(events.c.id).where(events.c.received_at < received_before, events.c.body.is_not(None))
    return _forget_free(connection, old.order_by(events.c.received_at).limit(limit), state=_SETTLED)


def forget_unknown(connection: Connection, received_before: datetime, limit: int) -> int:
    """Remove the bodies of some events that were parked for unknown runs since then; return their number."""
    given_up = select(events.c.id).where(_IS_UNKNOWN, events.c.received_at < received_before)
    return _forget_free(connection, given_up.limit(limit), state=NOTED)


def make_room(connection: Connection, provider_id: str) -> None:
    """Remove a provider's oldest events of unknown runs if there are too many, those without a tag first."""
    of_provider = (events.c.provider_id == provider_id, _IS_PARKED)
    counted = select(events.c.run_id).where(*of_provider).order_by(events.c.run_id).limit(MOST_PARKED + 1).subquery()
    if (connection.execute(select(func.count()).select_from(counted)).scalar() or 0) <= MOST_PARKED:
        return
    oldest = select(events.c.id).where(*of_provider, _IS_UNKNOWN)
    by_worth = (events.c.verification_id.is_not(None), events.c.received_at)
    _forget_free(connection, oldest.order_by(*by_worth).limit(MAKE_ROOM_FOR), state=NOTED)


def _forget_free(connection: Connection, chosen: Select[Any], state: object) -> int:
    """Remove the bodies of those of the chosen events that no other transaction has locked; return their number."""
    free = chosen.with_for_update(skip_locked=True).cte("free")
    statement = update(events).where(events.c.id == free.c.id)
    return connection.execute(statement.values(body=None, state=state)).rowcount


def forget_runs(connection: Connection, provider_id: str, run_ids: Collection[str]) -> None:
    """Remove the bodies of the events of some runs."""
    of_runs = (unindexed(events.c.provider_id) == provider_id, events.c.run_id.in_(run_ids))
    connection.execute(_FORGET.where(*of_runs))


def forget_of_verifications(connection: Connection, verification_ids: Collection[str]) -> None:
    """Remove the bodies of the events of some verifications' runs, recorded or not, by the runs' tags.

    This includes events of such a run without a tag.
    """
    if not verification_ids:  # for none, SQLite would read them all
        return
    of_verifications = (events.c.verification_id.in_(verification_ids), events.c.body.is_not(None))
    of_runs = select(events.c.provider_id, events.c.run_id).where(*of_verifications, events.c.run_id.is_not(None))
    runs = connection.execute(of_runs.distinct()).all()
    connection.execute(_FORGET.where(of_verifications[0]))
    for provider_id in sorted({provider_id for provider_id, _ in runs}):
        forget_runs(connection, provider_id, [run_id for owner, run_id in runs if owner == provider_id])
