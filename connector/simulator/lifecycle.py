"""A run starts, its tasks open and close, it ends; and the events that tell of each step.

    start ──► document_photo opens ──► end ──► document_photo and document_check close ──► workflow_run.completed

Each step changes the records under the lock and hands its events to the sender after it.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import Any

from connector.simulator import errors, outcomes
from connector.simulator.deliveries import Message, Sender
from connector.simulator.faults import Event
from connector.simulator.outcomes import Outcome
from connector.simulator.records import API_PATH, ERROR, Applicant, Delivery, Run, Task, iso, now
from connector.simulator.state import State, normal
from connector.simulator.validation import Json

RUN_TOKEN_LIFETIME = 5 * 7 * 24 * 3600
SDK_TOKEN_LIFETIME = 90 * 60
_SYSTEM_ERROR = {"type": "task_failed", "message": "A task of the workflow failed"}


def start(state: State, sender: Sender, values: Json, root_url: str) -> Json:
    """Start a run for the applicant it names and return it as the creating answer shows it."""
    with state.lock:
        run, messages = _open(state, values, root_url)
        is_instant, is_early = state.takes("runs_instant"), state.takes("runs_early")
        answer = run.as_json()
        if is_instant or is_early:
            messages += _end(state, run, Outcome())
        if is_instant:
            answer = run.as_json()
    sent = sender.send(messages)
    if is_early:
        _await_answers(sent, sender.patience)
    return answer


def choose(state: State, sender: Sender, run_id: str, outcome: Outcome) -> Json:
    """Apply the outcome to a run; raises `ApiError` 404, or 409 once it has ended."""
    with state.lock:
        run = state.run(run_id)
        if run.has_ended:
            raise errors.has_ended()
        messages = _end(state, run, outcome)
        answer = run.as_json()
    sender.send(messages)
    return answer


def complete_task(state: State, sender: Sender, run_id: str, task_id: str, output: Any) -> None:
    """Close an open task with the caller's data; raises `ApiError` 404, or 422 where it is closed."""
    with state.lock:
        run = state.run(run_id)
        task = find_task(run, task_id)
        if run.has_ended or not task.is_open:
            raise errors.invalid({"task_id": ["is not open"]})
        task.complete(output)
        messages = [_task_message(Event.TASK_COMPLETED, run, task)]
    sender.send(messages)


def find_task(run: Run, task_id: str) -> Task:
    """Find a task of a run; raises `ApiError` 404."""
    for task in run.tasks:
        if task.task_id == task_id:
            return task
    raise errors.not_found("task")


def sdk_token(applicant: Applicant, lifetime: int, **claims: str) -> str:
    """Make something that looks like an SDK token; nothing signs it and nothing reads it."""
    payload = {"exp": int(time.time()) + lifetime, "payload": {"app": applicant.applicant_id, **claims}}
    parts = (json.dumps({"alg": "ES512"}).encode(), json.dumps(payload).encode(), secrets.token_bytes(64))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _open(state: State, values: Json, root_url: str) -> tuple[Run, list[Message]]:
    applicant = state.applicant_for(values)
    token = None if state.takes("runs_without_sdk_token") else sdk_token(applicant, RUN_TOKEN_LIFETIME)
    values = values | {"workflow_id": normal(values["workflow_id"])}
    run = Run(applicant, values, root_url, token, tasks=[Task("document_photo")])
    state.runs[run.run_id] = run
    return run, [_task_message(Event.TASK_STARTED, run, run.tasks[0])]


def _end(state: State, run: Run, outcome: Outcome) -> list[Message]:
    comparisons = outcomes.comparisons_of(outcome, run.applicant)
    run.status, run.updated_at = outcomes.status_of(outcome, comparisons), now()
    if not run.has_ended:
        return []
    report = None if comparisons is None else outcomes.document_report(comparisons)
    run.comparisons, run.sdk_token = comparisons, None
    run.output = outcomes.output_of(outcome, state.faults.output_shape, comparisons, report)
    run.reasons = outcomes.reasons_of(run.status, comparisons)
    run.error = _SYSTEM_ERROR if run.status == ERROR else None
    tasks = [] if report is None else _check_document(run, report)
    return [*tasks, _run_message(run)]


def _check_document(run: Run, report: Json) -> list[Message]:
    photo, check = run.tasks[0], Task("document_check")
    messages = []
    if photo.is_open:
        photo.complete({})
        messages.append(_task_message(Event.TASK_COMPLETED, run, photo))
    run.tasks.append(check)
    messages.append(_task_message(Event.TASK_STARTED, run, check))
    check.complete(report)
    return [*messages, _task_message(Event.TASK_COMPLETED, run, check)]


def _run_message(run: Run) -> Message:
    about = {
        "id": run.run_id,
        "status": run.status,
        "completed_at_iso8601": iso(run.updated_at),
        "href": f"{run.root_url}{API_PATH}/workflow_runs/{run.run_id}",
    }
    return Message(Event.RUN_COMPLETED, run, "workflow_run", about, run.as_json())


def _task_message(event: Event, run: Run, task: Task) -> Message:
    is_completed = event is Event.TASK_COMPLETED
    about = {
        "id": task.task_id,
        "task_def_id": task.task_def_id,
        "workflow_run_id": run.run_id,
        "status": "completed" if is_completed else "started",
        "started_at_iso8601": iso(task.created_at),
        "href": f"{run.root_url}{API_PATH}/workflow_runs/{run.run_id}/tasks/{task.task_id}",
    }
    if is_completed:
        about["completed_at_iso8601"] = iso(task.updated_at)
    return Message(event, run, "workflow_task", about, run.whole_task_as_json(task))


def _await_answers(deliveries: list[Delivery], patience: float) -> None:
    deadline = time.monotonic() + patience
    for delivery in deliveries:
        delivery.is_tried.wait(max(0.0, deadline - time.monotonic()))
