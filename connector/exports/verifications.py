"""Verifications as CSV, written by a job: the lines of `…/verifications.csv`."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from connector.api.csv_lines import csv_text
from connector.domain.jobs import CSV, Job, Step
from connector.domain.tenancy import Tenants
from connector.domain.verifications.verification import VerificationFilter
from connector.domain.verifications.verification_filter import read_filter
from connector.services.jobs.steps import Work
from connector.services.lookup.verifications import ListedVerification, VerificationLookup
from connector.store.pages import Position

STEP_TIME = 2.0  # seconds that a step reads before it yields to other work
STEP_SIZE = 4_000_000  # maximum characters that it writes, plus the last batch
MOST_COUNTED = 100_000  # with more, the total is unknown


class VerificationsCsv:
    """Writes the matching verifications that were started before the job, the oldest first."""

    def __init__(self, lookup: VerificationLookup, tenants: Tenants) -> None:
        self._lookup = lookup
        self._tenants = tenants

    def total(self, job: Job) -> int | None:
        """Return the number of lines."""
        number = self._lookup.count(self._tenants.named(job.tenant), _criteria(job), most=MOST_COUNTED + 1)
        return number if number <= MOST_COUNTED else None

    def prepare(self, job: Job) -> Work:
        """Read and write batch after batch, until the time of the step is used up."""
        end, after = time.monotonic() + STEP_TIME, _read(job.position)
        pieces = [csv_text([], has_heading=True)] if job.step == 0 else []
        number = 0
        while True:
            batch, is_last = self._lookup.batch(self._tenants.named(job.tenant), _criteria(job), after)
            pieces.append(csv_text(batch))
            number += len(batch)
            if is_last:
                return _written(pieces, number, None)
            after = _position(batch)
            if time.monotonic() >= end or sum(map(len, pieces)) >= STEP_SIZE:
                return _written(pieces, number, [after.at.isoformat(), str(after.row_id)])


def _written(pieces: Sequence[str], number: int, position: list[str] | None) -> Work:
    step = Step(position, done=number, pieces={CSV.name: "".join(pieces)})

    def work(_connection: Connection) -> Step:
        return step

    return work


def _criteria(job: Job) -> VerificationFilter:
    given = defaultdict[str, Any](lambda: None, job.parameters)  # a previous version may have had fewer filters
    criteria = read_filter(given, provider_id=job.provider_id)
    before = criteria.created_before
    return replace(criteria, created_before=job.created_at if before is None else min(before, job.created_at))


def _position(batch: Sequence[ListedVerification]) -> Position:
    last = batch[-1].verification
    return Position(last.created_at, last.verification_id)


def _read(position: Sequence[str] | None) -> Position | None:
    return None if position is None else Position(datetime.fromisoformat(position[0]), position[1])
