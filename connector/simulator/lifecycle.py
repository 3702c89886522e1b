"""The steps of a run: it starts, its tasks open and close, it ends; and the events of each step.

    start ──► document_photo opens
    choose ─► document_photo and document_check close ──► advance
    advance ► the workflow's next Send/Receive Data task opens ──► complete, or decide ──► advance
              none is left ──► the run ends as chosen: workflow_run.completed

Each step changes the records under the lock and hands its events to the sender after it.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import replace
from typing import Any

from connector.simulator import errors, events, outcomes
from connector.simulator.deliveries import Sender
from connector.simulator.events import Message
from connector.simulator.outcomes import Outcome
from connector.simulator.records import Applicant, Delivery, now
from connector.simulator.runs import (
    AWAITING_CLIENT_INPUT,
    DOCUMENT_CHECK,
    ERROR,
    PROCESSING,
    RESULT_STATUSES,
    Ending,
    Run,
    Task,
)
from connector.simulator.state import State, normal
from connector.simulator.validation import Json

RUN_TOKEN_LIFETIME = 5 * 7 * 24 * 3600
SDK_TOKEN_LIFETIME = 90 * 60
_SYSTEM_ERROR = {"type": "task_failed", "message": "A task of the workflow failed"}


def start(state: State, sender: Sender, values: Json, root_url: str, *, is_sandbox: bool) -> Json:
    """Start a run for its applicant and return the answer of the creating call."""
    with state.lock:
        run, messages = _open(state, values, root_url, is_sandbox=is_sandbox)
        is_instant, is_early = state.takes("runs_instant"), state.takes("runs_early")
        answer = run.as_json()
        if is_instant or is_early:
            messages += _settle(state, run, Outcome())
        if is_instant:
            answer = run.as_json()
    sent = sender.send(messages)
    if is_early:
        _await_answers(sent, sender.patience)
    return answer


def choose(state: State, sender: Sender, run_id: str, outcome: Outcome) -> Json:
    """Apply the outcome to a run; raises `ApiError` 404, or 409 once the person's part is done.

    A run whose tasks wait can still be aborted.
    """
    with state.lock:
        run = state.run(run_id)
        if run.has_ended:
            raise errors.conflict("The workflow run has ended already")
        if run.ending and not outcome.breaks_off:
            raise errors.conflict("The workflow run has its outcome and waits for its tasks")
        messages = _settle(state, run, outcome)
        answer = run.as_json()
    sender.send(messages)
    return answer


def complete_task(state: State, sender: Sender, run_id: str, task_id: str, data: Any) -> None:
    """Close an open task with a caller's data; raises `ApiError` 404, or 422 if it is closed or the data do not fit."""
    with state.lock:
        run = state.run(run_id)
        task = run.task(task_id)
        if run.has_ended or not task.is_open:
            raise errors.invalid({"task_id": ["must be a task that is open"]})
        if task.definition.is_decision:
            raise errors.invalid({"task_id": ["must be a task that is not decided in the dashboard"]})
        task.definition.check(data)
        messages = _complete(run, task, data)
    sender.send(messages)


def decide(state: State, sender: Sender, run_id: str, decision: str) -> Json:
    """Make the manual decision that a run waits for; raises `ApiError` 404, or 409 if it waits for none.

    A decision that is one of the statuses of a result replaces the chosen one.
    """
    with state.lock:
        run = state.run(run_id)
        task, ending = run.current, run.ending
        if task is None or ending is None or not task.definition.is_decision:
            raise errors.conflict("The workflow run does not wait for a decision")
        if decision in RESULT_STATUSES:
            run.ending = replace(ending, status=decision)
        messages = _complete(run, task, {"outcome": decision})
        answer = run.as_json()
    sender.send(messages)
    return answer


def sdk_token(applicant: Applicant, lifetime: int, **claims: str) -> str:
    """Make a token in the form of an SDK token; it is not signed and not used."""
    payload = {"exp": int(time.time()) + lifetime, "payload": {"app": applicant.applicant_id, **claims}}
    parts = (json.dumps({"alg": "ES512"}).encode(), json.dumps(payload).encode(), secrets.token_bytes(64))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _open(state: State, values: Json, root_url: str, *, is_sandbox: bool) -> tuple[Run, list[Message]]:
    applicant = state.applicant_for(values, is_sandbox=is_sandbox)
    values = values | {"workflow_id": normal(values["workflow_id"])}
    workflow = state.workflow(values["workflow_id"])
    workflow.check_input(values.get("custom_data", {}))
    token = None if state.takes("runs_without_sdk_token") else sdk_token(applicant, RUN_TOKEN_LIFETIME)
    run = Run(applicant, values, root_url, token, coming=list(workflow.tasks), tags=values.get("tags") or [])
    state.runs[run.run_id] = run
    return run, [events.task_started(run, run.tasks[0])]


def _settle(state: State, run: Run, outcome: Outcome) -> list[Message]:
    """Complete or abandon the person's part; a status that does not end the run is only shown."""
    if not outcome.ends:
        run.status, run.updated_at = str(outcome.status), now()
        return []
    ending = outcomes.ending_of(outcome, run, state.faults.output_shape)
    messages = _check_document(run, ending.report) if ending.report and not run.ending else []
    run.ending = ending
    if outcome.breaks_off:
        run.coming, run.current = [], None
    return [*messages, *_advance(run, ending)]


def _check_document(run: Run, report: Json) -> list[Message]:
    photo, check = run.tasks[0], Task(DOCUMENT_CHECK)
    messages = []
    if photo.is_open:
        photo.complete({})
        messages.append(events.task_completed(run, photo))
    run.tasks.append(check)
    messages.append(events.task_started(run, check))
    check.complete(report)
    return [*messages, events.task_completed(run, check)]


def _advance(run: Run, ending: Ending) -> list[Message]:
    """Open the next task, or end the run as chosen."""
    run.updated_at = now()
    if not run.coming:
        return [_end(run, ending)]
    run.current = Task(run.coming.pop(0))
    run.tasks.append(run.current)
    run.status = PROCESSING if run.current.definition.is_decision else AWAITING_CLIENT_INPUT
    return [events.task_started(run, run.current)]


def _complete(run: Run, task: Task, output: object) -> list[Message]:
    task.complete(output)
    message = events.task_completed(run, task)
    if task is not run.current or run.ending is None:
        return [message]
    run.current = None
    return [message, *_advance(run, run.ending)]


def _end(run: Run, ending: Ending) -> Message:
    run.status, run.tags, run.sdk_token = ending.status, ending.tags, None
    run.reasons = outcomes.reasons_of(ending)
    run.error = _SYSTEM_ERROR if run.status == ERROR else None
    return events.run_completed(run)


def _await_answers(deliveries: list[Delivery], patience: float) -> None:
    deadline = time.monotonic() + patience
    for delivery in deliveries:
        delivery.is_tried.wait(max(0.0, deadline - time.monotonic()))
