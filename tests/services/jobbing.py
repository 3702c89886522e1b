"""Jobs in tests: start one, and wait for its end."""

from __future__ import annotations

from typing import Any

from tests.contract.wire import JOBS, answer_on
from tests.harness import Caller, World

VALUES_SCOPE = "internal_idv_verified_claims_view"


def ask(caller: Caller, kind: str, body: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    """Ask for a job, and return it as it was answered."""
    headers = {} if key is None else {"Idempotency-Key": key}
    asked: dict[str, Any] = answer_on(caller.post(f"{JOBS}/{kind}", body, headers=headers), 202)
    return asked


def job_of(caller: Caller, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = answer_on(caller.get(f"{JOBS}/{job_id}"), 200)
    return job


def ended(world: World, caller: Caller, job: dict[str, Any]) -> dict[str, Any]:
    """Wait for the end of a job, and return it."""
    world.wait_until(lambda: job_of(caller, job["id"])["state"] not in ("queued", "running"))
    return job_of(caller, job["id"])


def done(world: World, caller: Caller, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask for a job and wait until it is done."""
    job = ended(world, caller, ask(caller, kind, body))
    assert job["state"] == "done", job
    return job


def result_of(caller: Caller, job: dict[str, Any], **query: str) -> str:
    answer = caller.get(f"{JOBS}/{job['id']}/result", params=query)
    assert answer.status_code == 200, answer.text
    return answer.content.decode()
