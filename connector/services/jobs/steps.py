"""The steps of jobs, one for each lease of the outbox, so that no job holds a worker.

    AdvanceJob(step n) ──► begin: a slot of the tenant, tries + 1 ──► prepare, without a transaction
                       ──► one transaction: what the step changes, its part of the result, step n + 1, its delivery

A committed step is never repeated: its number is a fence. The outbox retries one that failed, or whose worker was
killed, up to `MOST_TRIES` times.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol, TypeAlias

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from connector.domain.frozen import frozen
from connector.domain.jobs import (
    DONE,
    FAILED,
    LARGEST_RESULT,
    MOST_TRIES,
    QUEUED,
    RUNNING,
    RUNNING_AT_ONCE,
    Job,
    JobFailed,
    Step,
    result_lifetime,
)
from connector.errors import ConfigurationError, ConnectorError
from connector.services.outbox import Handler
from connector.store import jobs
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.store.people import users
from connector.store.sealed import job_part
from connector.store.vault import Vault

log = structlog.get_logger(__name__)

STALLED_AFTER = timedelta(hours=1)  # longer than the outbox waits between two tries
STALLED_AT_ONCE = 100  # jobs that one sweep queues again
SECOND_LOOK = 1.0  # seconds until the retry, after another worker took the slot

Work: TypeAlias = Callable[[Connection], Step]


@frozen
class AdvanceJob:
    """Do the next step of a job, unless it was done already."""

    kind: ClassVar[str] = "advance_job"
    tenant: str
    job_id: str
    step: int


class Kind(Protocol):
    """The implementation of one kind of job. A `ConnectorError` fails the job, or is retried if it is retryable."""

    def total(self, job: Job) -> int | None:
        """Return the number of items that the job will process, None if it cannot be determined cheaply."""
        ...

    def prepare(self, job: Job) -> Work:
        """Read the data for the next step, without a transaction; return the function that its transaction runs."""
        ...


class JobSteps:
    """Executes the steps of jobs."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        kinds: Mapping[str, Callable[[], Kind]],
        clock: Callable[[], datetime],
        largest: int = LARGEST_RESULT,
    ) -> None:
        self._database = database
        self._vault = vault
        self._kinds = kinds
        self._clock = clock
        self._largest = largest

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [Handler(AdvanceJob, self.advance)]

    def advance(self, order: AdvanceJob) -> None:
        """Execute one step of a job; one that was done, or belongs to a job that has ended, changes nothing."""
        job = self._begin(order)
        if job is None:
            return
        kind = self._kinds[job.kind]()
        try:
            total = kind.total(job) if job.step == 0 else job.total
            self._commit(job, total, kind.prepare(job))
        except ConnectorError as error:
            if _may_succeed(error):
                raise
            self._fail(job.job_id, error.summary)

    def resume_stalled(self) -> None:
        """Queue the next step of stalled jobs, for example after a delivery was dropped."""
        now = self._clock()
        with self._database.write() as connection:
            stalled = jobs.find_stalled(connection, now - STALLED_AFTER, STALLED_AT_ONCE)
            jobs.touch(connection, [job_id for _, job_id, _ in stalled], now)
            outbox.add_all(connection, [AdvanceJob(*each) for each in stalled])

    def _begin(self, order: AdvanceJob) -> Job | None:
        """Count a try, and take a slot for a queued job; None if there is nothing to do now."""
        try:
            with self._database.write() as connection:
                job = jobs.lock(connection, order.job_id)
                if job is None or not job.is_open or job.step != order.step:
                    return None
                if job.tries >= MOST_TRIES:
                    end(
                        connection, job, FAILED, self._clock(), f"A step was begun {MOST_TRIES} times and not finished."
                    )
                    return None
                return job if self._start(connection, job) else None
        except IntegrityError:  # another worker took the slot at the same time
            with self._database.write() as connection:
                queue(connection, order, SECOND_LOOK)
            return None

    def _start(self, connection: Connection, job: Job) -> bool:
        now = self._clock()
        values: dict[str, Any] = {"tries": job.tries + 1, "updated_at": now}
        if job.state == QUEUED:
            free = sorted(set(range(RUNNING_AT_ONCE)) - jobs.used_slots(connection, job.tenant))
            if not free:
                return False  # the end of another job queues it again
            jobs.change(connection, job.job_id, {"state": RUNNING, "slot": free[0], "started_at": now, **values})
            if len(free) > 1:
                wake_next(connection, job.tenant)
        else:
            jobs.change(connection, job.job_id, values)
        return True

    def _commit(self, job: Job, total: int | None, work: Work) -> None:
        with self._database.write() as connection:
            if job.user_id is not None:
                # first, in lock order: a removal waits, or has been committed
                users.lock(connection, job.tenant, job.user_id)
            locked = jobs.lock(connection, job.job_id)
            if locked is None or locked.state != RUNNING or locked.step != job.step:
                return
            self._record(connection, replace(locked, total=total), work(connection))

    def _record(self, connection: Connection, job: Job, step: Step) -> None:
        now, size = self._clock(), job.size + step.size
        if size > self._largest:
            raise JobFailed(f"The result would have more than {self._largest} characters: narrow the filters.")
        is_last = step.position is None
        pieces = {name: piece for name, piece in step.pieces.items() if piece or is_last}
        jobs.add_parts(connection, job.job_id, job.step, self._sealed(job, pieces))
        progress: dict[str, Any] = {"step": job.step + 1, "tries": 0, "done": job.done + step.done, "total": job.total}
        progress |= {"position": step.position, "size": size, "summary": _added(job.summary, step.counted)}
        jobs.change(connection, job.job_id, {**progress, "updated_at": now})
        if is_last:
            end(connection, job, DONE, now)
        else:
            queue(connection, AdvanceJob(job.tenant, job.job_id, job.step + 1), step.pause)

    def _sealed(self, job: Job, pieces: Mapping[str, str]) -> dict[str, str]:
        return {
            name: self._vault.seal(compressed(piece), job_part(job.job_id, name, job.step))
            for name, piece in pieces.items()
        }

    def _fail(self, job_id: str, why: str) -> None:
        with self._database.write() as connection:
            job = jobs.lock(connection, job_id)
            if job is not None and job.is_open:
                end(connection, job, FAILED, self._clock(), why)
        log.warning("job.failed", job_id=job_id, reason=why)


def queue(connection: Connection, order: AdvanceJob, pause: float = 0.0) -> None:
    """Queue a step."""
    key = f"{order.kind}:{order.job_id}:{order.step}:{jobs.new_key()}"
    outbox.add(connection, order, dedupe_key=key, pause=pause)


def end(connection: Connection, job: Job, state: str, now: datetime, failure: str | None = None) -> None:
    """End a locked job, and queue the tenant's next one; only a completed job keeps its result."""
    lifetime = result_lifetime(job.kind) if state == DONE else None
    if state != DONE:
        jobs.remove_parts(connection, [job.job_id])
    expires_at = None if lifetime is None else now + lifetime
    jobs.end(connection, job.job_id, {"state": state, "failure": failure, "ended_at": now, "expires_at": expires_at})
    wake_next(connection, job.tenant)


def wake_next(connection: Connection, tenant: str) -> None:
    """Queue the first step of the tenant's oldest queued job."""
    if (job_id := jobs.next_queued(connection, tenant)) is not None:
        queue(connection, AdvanceJob(tenant, job_id, 0))


def compressed(text: str) -> str:
    """Compress a text."""
    return base64.b64encode(zlib.compress(text.encode())).decode()


def decompressed(text: str) -> str:
    """Return the text that `compressed` was given."""
    return zlib.decompress(base64.b64decode(text)).decode()


def _may_succeed(error: ConnectorError) -> bool:
    """Whether the same step may succeed later."""
    return isinstance(error, ConfigurationError) or bool(getattr(error, "is_retryable", False))


def _added(summary: Mapping[str, int], counted: Mapping[str, int]) -> dict[str, int]:
    return {name: summary.get(name, 0) + counted.get(name, 0) for name in {**summary, **counted}}
