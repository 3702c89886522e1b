"""The tasks of a run that wait for the application: it is notified of them, and completes them with data.

    workflow_task.started ──► outbox ──► notify: read the input from Onfido ──► notice ──► 2xx with data ──► complete
                                          │                                  ├─ 2xx without ──► later, by the API
                                          │                                  └─ otherwise ──► the outbox retries
                                          └─ complete already, or the run has ended ──► no notice

A task's input and output may be personal: they are read from Onfido when needed, and not stored here. A task has no
status at Onfido. With an output it is complete; with an empty one it may be, and then Onfido refuses its completion.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from connector.domain.answered import Answered
from connector.domain.audit.history import APPLICATION, RUN, SYSTEM, of_verification
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.nesting import is_deeper
from connector.domain.studio.studio import MANUAL_REVIEW
from connector.domain.studio.tasks import Task, TaskSummary
from connector.domain.tenancy import Tenant
from connector.domain.verifications.verification import Verification
from connector.errors import Code, InvalidField, OnfidoError, RequestError
from connector.http.webhook_sender import MAX_ANSWER
from connector.onfido.client import OnfidoClient
from connector.services.application.notices import Notices, decision_waiting, task_started
from connector.services.journal import Journal
from connector.services.lookup.readings import Readings
from connector.services.lookup.verifications import VerificationLookup
from connector.services.outbox import Handler, Undeliverable
from connector.services.providers.onfido import Onfido
from connector.services.results.deliveries import NotifyOfTask
from connector.services.timing import Timing, background
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.verifications import verifications

TASK_COMPLETED = "task_completed"  # its new state, for the history
ANSWER = "notice_answered"  # a cause: the answer to a notice, not a request

MAX_DATA = 60 * 1024  # characters of JSON; a body of the API has 64 KiB including its other members
MAX_DEPTH = 32
ASK_BUDGET, COMPLETE_BUDGET = 10.0, 15.0  # seconds of calls to Onfido before and after a notice

Data = Mapping[str, Any] | Sequence[Any]


@frozen
class _OpenRun:
    """A verification whose run has tasks, with a client for Onfido."""

    verification: Verification
    run_id: str
    onfido: OnfidoClient


@use_case
class Tasks:
    """Lists and completes the tasks of runs of one tenant, which each method takes."""

    _database: Database
    _onfido: Onfido
    _lookup: VerificationLookup
    _notices: Notices
    _journal: Journal
    _readings: Readings
    _timing: Timing
    _clock: Callable[[], datetime]

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [Handler(NotifyOfTask, self.deliver)]

    def all(self, tenant: Tenant, run_id: str, provider_id: str | None = None) -> list[TaskSummary]:
        """List the started tasks of a run as Onfido has them now; raises as `find` does, and `OnfidoError`."""
        run = self._reach(tenant, run_id, provider_id)
        try:
            return run.onfido.list_tasks(run.run_id)
        except OnfidoError as error:
            if error.is_gone:
                raise RequestError(
                    Code.VERIFICATION_NOT_FOUND,
                    message("Onfido no longer has a run %(run_id)s: start another with INITIATED.", run_id=run.run_id),
                ) from error
            raise

    def get(
        self, tenant: Tenant, run_id: str, task_id: str, provider_id: str | None = None, *, actor: str = SYSTEM
    ) -> Task:
        """Return a task as Onfido has it now, once its reading is recorded, if it has data.

        Raises as `all` does, and `RequestError` if there is none.
        """
        run = self._reach(tenant, run_id, provider_id)
        task = _read(run, task_id)
        if task.input or task.output:
            self._readings.record_task(run.verification, task.summary, actor)
        return task

    def complete(
        self,
        tenant: Tenant,
        run_id: str,
        task_id: str,
        data: Data,
        *,
        provider_id: str | None = None,
        actor: str = SYSTEM,
    ) -> Task:
        """Complete a task with the application's data, and return the task.

        Raises as `get`; `InvalidField` for data that no task accepts; `RequestError` if the task is complete or the run
        has ended; `OnfidoError` (OIDV-10047) if Onfido refuses the data.
        """
        if why := objection(data):
            raise InvalidField("data", why)
        run = self._reach(tenant, run_id, provider_id)
        if run.verification.closed_at is not None:
            raise _closed(task_id, f"the run has ended, its status is {run.verification.status}")
        task = _read(run, task_id)
        if task.output or not self._complete(run, task, data, APPLICATION, actor):
            raise _closed(task_id, "it is complete already, or its run has ended")
        return replace(task, summary=replace(task.summary, updated_at=self._clock()), output=data)

    def deliver(self, order: NotifyOfTask) -> Answered | None:
        """Notify the application that a task has started, and complete the task with the data in its answer, if any."""
        with self._database.read() as connection:
            verification = verifications.find(connection, order.verification_id or "")
        if verification is None or verification.run_id is None or verification.closed_at is not None:
            return None
        endpoint = self._notices.endpoint(order)
        if endpoint is None:
            return None
        onfido = self._onfido.of_verification(verification, background(ASK_BUDGET))
        run = _OpenRun(verification, verification.run_id, onfido)
        task = onfido.get_task(run.run_id, order.task_id)
        if task.output:
            return None
        if task.summary.task_def_id == MANUAL_REVIEW:
            notice = decision_waiting(endpoint, order, verification, _dashboard_url(run))
            return self._notices.send(endpoint, notice).answered
        if task.summary.task_def_id not in endpoint.config.tasks:
            return None
        accepted = self._notices.send(endpoint, task_started(endpoint, order, verification, task))
        self._complete_as_answered(run, task, accepted.body, order.notice_id)
        return replace(accepted.answered, start="")  # the body may contain the task's data

    def _complete_as_answered(self, run: _OpenRun, task: Task, answer: bytes | None, notice_id: str) -> None:
        data = _data_in(answer)
        if data is None:
            return
        if why := objection(data):
            raise Undeliverable(f"The application answered with data that no task accepts: it {why}.")
        try:
            late = replace(run, onfido=run.onfido.until(background(COMPLETE_BUDGET).at))
            self._complete(late, task, data, ANSWER, notice_id)
        except OnfidoError as error:
            if error.code is Code.TASK_REFUSED:
                raise Undeliverable(error.summary) from error
            raise

    def _reach(self, tenant: Tenant, run_id: str, provider_id: str | None) -> _OpenRun:
        verification = self._lookup.find(tenant, run_id, provider_id)
        if verification.run_id is None:
            raise RequestError(
                Code.VERIFICATION_NOT_FOUND,
                message("The verification has no run yet, so it has no tasks: ask again once its run is started."),
            )
        onfido = self._onfido.of_verification(verification, self._timing.interactive())
        return _OpenRun(verification, verification.run_id, onfido)

    def _complete(self, run: _OpenRun, task: Task, data: Data, cause: str, actor: str) -> bool:
        """Complete a task at Onfido and write the history; False if the task is complete, or its run has ended."""
        try:
            run.onfido.complete_task(run.run_id, task.summary.task_id, data)
        except OnfidoError as error:
            if error.code is Code.TASK_REFUSED and _is_closed(run, task.summary.task_id):
                return False
            raise
        entry = of_verification(run.verification, self._clock(), cause, actor, RUN, run.run_id, None, TASK_COMPLETED)
        detail = {"task_id": task.summary.task_id, "task_def_id": task.summary.task_def_id}
        with self._database.write() as connection:
            self._journal.record(connection, [replace(entry, detail=detail)])
        return True


def objection(data: object) -> str | None:
    """Return why data cannot complete a task; None if it can be sent to Onfido."""
    if not isinstance(data, dict | list):
        return message("must be an object or an array")
    if is_deeper(data, MAX_DEPTH):
        return message("must be nested at most %(max_depth)s times", max_depth=MAX_DEPTH)
    try:
        length = len(json.dumps(data, allow_nan=False))
    except ValueError:
        return message("must contain only numbers that JSON supports")
    return (
        message("must have at most %(max_data)s characters as JSON", max_data=MAX_DATA) if length > MAX_DATA else None
    )


def _data_in(answer: bytes | None) -> Data | None:
    """Read the data in an application's answer; None if it has none, and completes the task later."""
    if answer is None:
        raise Undeliverable(f"The application's answer must have at most {MAX_ANSWER} bytes.")
    try:
        parsed = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    data = parsed.get("data") if isinstance(parsed, dict) else None
    return data if isinstance(data, dict | list) else None


def _read(run: _OpenRun, task_id: str) -> Task:
    if not task_id.strip("."):
        raise _not_found(task_id)  # no path can have this id
    try:
        return run.onfido.get_task(run.run_id, task_id)
    except OnfidoError as error:
        if error.is_gone:
            raise _not_found(task_id) from error
        raise


def _is_closed(run: _OpenRun, task_id: str) -> bool:
    """Ask Onfido whether a task whose completion it refused is complete already, or its run has ended."""
    if _read(run, task_id).output is not None:
        return True
    return run.onfido.get_run(run.run_id).is_final


def _dashboard_url(run: _OpenRun) -> str | None:
    known = run.verification.dashboard_url
    return known if known is not None else run.onfido.get_run(run.run_id).dashboard_url


def _not_found(task_id: str) -> RequestError:
    return RequestError(
        Code.TASK_NOT_FOUND,
        message("The run has no task %(task_id)s: list the run's tasks for their ids.", task_id=task_id),
    )


def _closed(task_id: str, why: str) -> RequestError:
    return RequestError(
        Code.TASK_CLOSED,
        message(
            "The task %(task_id)s cannot be completed: %(why)s. List the run's tasks for the open ones.",
            task_id=task_id,
            why=why,
        ),
    )
