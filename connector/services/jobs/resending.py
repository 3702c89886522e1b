"""Repeating deliveries: all that became dead since a time, or every notice since then.

The latter is for an application that has lost its database. Receivers recognize repeated notices by their ids.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from connector.domain.jobs import EVERYTHING, Job, Step
from connector.services.jobs.steps import Work
from connector.services.use_case import use_case
from connector.store.deliveries import redelivery
from connector.store.deliveries.redelivery import Redelivery
from connector.store.engine import Database
from connector.store.pages import Position

PAGE = 200  # rows that one step examines
PAUSE = 1.0  # seconds between two steps, so that receivers get at most one page in this time
MOST_COUNTED = 10_000


@use_case
class Resending:
    """Makes deliveries of a tenant due again."""

    _database: Database

    def total(self, job: Job) -> int | None:
        """Return the number of matching deliveries; None if there are very many."""
        return self.count(_wanted(job))

    def count(self, criteria: Redelivery) -> int | None:
        """Return the number for the same criteria before there is a job."""
        with self._database.read() as connection:
            return redelivery.preview(connection, criteria, MOST_COUNTED).number

    def prepare(self, job: Job) -> Work:
        """Make the next page of deliveries due, in the step's transaction."""
        criteria = _wanted(job)
        state, after = _read(job, criteria)

        def work(connection: Connection) -> Step:
            number, last = redelivery.redeliver(connection, criteria, state, after, PAGE)
            position = _following(criteria, state, last)
            return Step(position, done=number, counted={"queued": number}, pause=PAUSE)

        return work


def _wanted(job: Job) -> Redelivery:
    return Redelivery(
        tenant=job.tenant,
        since=datetime.fromisoformat(job.parameters["since"]),
        until=job.created_at,
        is_everything=job.parameters["which"] == EVERYTHING,
        endpoint_id=job.parameters.get("endpointId"),
        provider_id=job.provider_id,
        kind=job.parameters.get("kind"),
    )


def _read(job: Job, criteria: Redelivery) -> tuple[str, Position | None]:
    if job.position is None:
        return criteria.states[0], None
    state, at, row_id = job.position
    return state, None if at is None else Position(datetime.fromisoformat(at), row_id)


def _following(criteria: Redelivery, state: str, last: Position | None) -> list[str | None] | None:
    """Return where the next step starts: after the last row, or with the next state; None after the last one."""
    if last is not None:
        return [state, last.at.isoformat(), str(last.row_id)]
    remaining = criteria.states[criteria.states.index(state) + 1 :]
    return [remaining[0], None, None] if remaining else None
