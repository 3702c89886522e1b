"""Requesting, following and cancelling jobs, and downloading their results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from connector.domain.audit.history import JOB, SYSTEM, by_administrator
from connector.domain.ids import new_id
from connector.domain.jobs import CANCELLED, DONE, OPEN_AT_MOST, Format, Job, JobFailed, JobRequest
from connector.domain.messages import message
from connector.domain.tenancy import Tenant
from connector.errors import Code, RequestError, TooManyRequests
from connector.services.batches import forget
from connector.services.cursors import Cursors, Page, key_of
from connector.services.jobs.steps import AdvanceJob, decompressed, end, queue
from connector.services.journal import Journal
from connector.store import jobs
from connector.store.engine import Database
from connector.store.sealed import job_part
from connector.store.vault import OpaqueTexts, Vault

REQUESTED, DOWNLOADED = "requested", "downloaded"  # actions, for the history
RETRY_AFTER = 60  # seconds, if a tenant has reached its limit of jobs


class Jobs:
    """The jobs of one tenant, which each method takes."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        texts: OpaqueTexts,
        journal: Journal,
        retention: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._cursors = Cursors(texts, "jobs")
        self._journal = journal
        self._retention = retention
        self._clock = clock

    def request(self, tenant: Tenant, request: JobRequest, actor: str = SYSTEM, key: str | None = None) -> Job:
        """Queue a job and return it; the same request, repeated, returns the existing job.

        Requests are the same as long as the job has not ended, or with the caller's `key` as long as it is kept. Raise
        `RequestError` if the key belongs to another request, `TooManyRequests` if too many jobs are open.
        """
        digest = _digest(request)
        request_key = _request_key(actor, digest, key)
        job_id = new_id()
        with self._database.write() as connection:
            jobs.add(connection, job_id, tenant.name, request, actor, (request_key, digest), self._clock())
            job, stored = jobs.get_requested(connection, tenant.name, request_key)
            if job.job_id == job_id:
                self._begin(connection, job, actor, request)
        if stored != digest:
            raise RequestError(
                Code.JOB_KEY_USED, message("The Idempotency-Key must be new: it was sent for another job.")
            )
        return job

    def page(self, tenant: Tenant, *, limit: int, cursor: str | None = None) -> Page[Job]:
        """Return the tenant's jobs, the latest first, from a cursor's page on."""
        after = self._cursors.position(tenant.name, cursor)
        with self._database.read() as connection:
            matches = jobs.find_page(connection, tenant.name, limit + 1, after)
        return self._cursors.page(tenant.name, matches, limit, lambda job: key_of(job.created_at, job.job_id))

    def get(self, tenant: Tenant, job_id: str) -> Job:
        """Return a job; raise `RequestError` if there is none."""
        with self._database.read() as connection:
            job = jobs.find(connection, tenant.name, job_id)
        if job is None:
            raise _not_found(job_id)
        return job

    def state(self, job: Job) -> str:
        """Return a job's state now."""
        return job.state_at(self._clock())

    def cancel(self, tenant: Tenant, job_id: str, actor: str = SYSTEM) -> Job:
        """Cancel a job; completed steps are not undone. Raise `RequestError` if there is none, or it has ended."""
        with self._database.write() as connection:
            job = jobs.lock(connection, job_id, tenant.name)
            if job is None:
                raise _not_found(job_id)
            if not job.is_open:
                raise RequestError(
                    Code.JOB_ENDED,
                    message(
                        "The job %(job_id)s has ended (%(state)s): ask for another one.", job_id=job_id, state=job.state
                    ),
                )
            end(connection, job, CANCELLED, self._clock())
            self._record(connection, job, CANCELLED, actor, {})
        return self.get(tenant, job_id)

    def result(
        self, tenant: Tenant, job_id: str, result_format: str | None = None, actor: str = SYSTEM
    ) -> tuple[Format, Iterator[str]]:
        """Return a result in one of its formats, by default the first, in parts; each download is recorded.

        Raise `RequestError` if there is no result, or not in this format.
        """
        job = self.get(tenant, job_id)
        chosen = next((each for each in job.formats if result_format in (None, each.name)), None)
        if chosen is None or (state := self.state(job)) != DONE:
            raise RequestError(Code.JOB_RESULT_UNAVAILABLE, _unavailable(job, "" if chosen is None else state))
        with self._database.write() as connection:
            self._record(connection, job, DOWNLOADED, actor, {"format": chosen.name})
        return chosen, self._parts(job, chosen)

    def forget(self) -> None:
        """Delete expired results, and jobs that ended long ago."""
        now = self._clock()
        forget(self._database, lambda connection, size: jobs.expire(connection, now, size))
        forget(self._database, lambda connection, size: jobs.forget_ended(connection, now - self._retention, size))

    def _begin(self, connection: Connection, job: Job, actor: str, request: JobRequest) -> None:
        """Queue the first step of an added job; raise if the tenant has too many."""
        if jobs.count_open(connection, job.tenant) > OPEN_AT_MOST:
            raise TooManyRequests(
                message(
                    "The tenant has %(open_at_most)s jobs that have not ended: wait for one to end, or cancel one.",
                    open_at_most=OPEN_AT_MOST,
                ),
                RETRY_AFTER,
            )
        self._record(connection, job, REQUESTED, actor, request.parameters)
        queue(connection, AdvanceJob(job.tenant, job.job_id, 0))

    def _parts(self, job: Job, chosen: Format) -> Iterator[str]:
        """Yield the parts; raise if the result is erased meanwhile: a partial result must not pass for the whole."""
        number = -1
        while (part := self._next_part(job, chosen, number)) is not None:
            number, content = part
            yield content
        if number != job.step - 1:
            raise JobFailed(f"The result of the job {job.job_id} was erased during the download.")

    def _next_part(self, job: Job, chosen: Format, after: int) -> tuple[int, str] | None:
        with self._database.read() as connection:
            matches = jobs.find_part(connection, job.job_id, chosen.name, after)
        if matches is None:
            return None
        number, content = matches
        return number, decompressed(self._vault.open(content, job_part(job.job_id, chosen.name, number)))

    def _record(self, connection: Connection, job: Job, what: str, actor: str, detail: Mapping[str, Any]) -> None:
        given = {name: value for name, value in detail.items() if value is not None}
        entry = by_administrator(
            self._clock(), actor, job.tenant, JOB, job.job_id, what, {"kind": job.kind, **given}, job.provider_id
        )
        self._journal.record(connection, [entry if job.user_id is None else entry.concerning(job.user_id)])


def _digest(request: JobRequest) -> str:
    asked = [request.kind, dict(request.parameters), request.user_id, request.provider_id]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _request_key(actor: str, digest: str, key: str | None) -> str:
    """Return the key that identifies a repeated request; no caller can choose that of another one."""
    if key is None:
        return jobs.DERIVED + hashlib.sha256(f"{actor}\0{digest}".encode()).hexdigest()[: 64 - len(jobs.DERIVED)]
    return hashlib.sha256(f"{actor}\0{key}".encode()).hexdigest()


def _unavailable(job: Job, state: str) -> str:
    if not job.formats:
        return f"A job of the kind {job.kind} has no result: its summary shows its outcome."
    if not state:
        return f"format: must be of {', '.join(each.name for each in job.formats)}."
    advice = "wait until it is done" if job.is_open else "ask for another one"
    return f"The job {job.job_id} has no result now (it is {state}): {advice}."


def _not_found(job_id: str) -> RequestError:
    return RequestError(
        Code.JOB_NOT_FOUND, message("There is no job %(job_id)s: list the jobs of this tenant.", job_id=job_id)
    )
