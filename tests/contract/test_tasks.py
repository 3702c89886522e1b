"""The tasks of a run over HTTP: listed, read, and completed with the application's data."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from connector.domain.tenancy import Tenant
from connector.domain.verifications.verification import VerificationFilter
from connector.services.application.tasks import MAX_DATA, MAX_DEPTH
from tests.bodies import event_body
from tests.contract.wire import ALL_SCOPES, RUNS, UNKNOWN_ID, answer_on, assert_error, further, new_provider, new_user
from tests.harness import Caller, World
from tests.services.receiving import DECIDING, SCORE, SCORING, newest_task, use_workflow

COMPLETE = "POST /workflow_runs/{run_id}/tasks/{task_id}/complete"
FREE = {"task_def_id": SCORE, "input": {"risk": ["low", {"of": 7}]}}  # takes any data
PERSONAL = "Quackenbush"


@pytest.fixture
def backend(onfido: World) -> Caller:
    """The application's backend."""
    return onfido.connector.caller("backend", ["internal_idv_claim_verify", "internal_idv_claim_view"])


def waiting(world: World, *tasks: Any) -> tuple[str, str, str]:
    """Start a run whose tasks wait for the application; returns the paths of its tasks and of the first, and its id."""
    use_workflow(world, *(tasks or (SCORING,)))
    _, caller = new_user(world)
    run_id = world.start(caller)
    world.outcome(run_id)
    path = tasks_of(world, run_id)
    return path, f"{path}/{newest_task(world, run_id)}", run_id


def tasks_of(world: World, run_id: str, provider_id: str | None = None) -> str:
    return RUNS.format(provider_id=provider_id or world.provider_id) + f"/{run_id}/tasks"


def complete(caller: Caller, task: str, data: Any) -> requests.Response:
    return caller.post(f"{task}/complete", {"data": data})


def history_of(world: World, run_id: str) -> list[dict[str, Any]]:
    path = RUNS.format(provider_id=world.provider_id) + f"/{run_id}/history"
    entries: list[dict[str, Any]] = answer_on(world.connector.as_admin().get(path), 200)
    return entries


def test_tasks_are_listed_in_the_order_of_their_start(onfido: World, backend: Caller) -> None:
    path, task, _ = waiting(onfido)

    listed = answer_on(backend.get(path), 200)

    assert [each["taskDefId"] for each in listed] == ["document_photo", "document_check", SCORE]
    last = listed[-1]
    assert set(last) == {"id", "taskDefId", "taskDefVersion", "createdAt", "updatedAt"}
    assert (task, last["taskDefVersion"]) == (f"{path}/{last['id']}", "3")
    assert last["createdAt"].endswith("Z")


def test_a_task_is_returned_with_its_input_and_must_not_be_cached(onfido: World, backend: Caller) -> None:
    path, task, _ = waiting(onfido, FREE)

    answer = backend.get(task)

    body = answer_on(answer, 200)
    assert answer.headers["Cache-Control"] == "no-store"
    assert (body["input"], body["output"]) == (FREE["input"], None)
    summary = {name: value for name, value in body.items() if name not in ("input", "output")}
    assert summary == answer_on(backend.get(path), 200)[-1]


@pytest.mark.parametrize(
    "data", [{"score": 7}, *further({}, [], [{"score": 7}], {"of": {"any": ["shape", None, True, 1.5]}})]
)
def test_the_application_completes_a_task_and_the_run_continues(onfido: World, backend: Caller, data: Any) -> None:
    path, task, _ = waiting(onfido, FREE, SCORING)

    answer = complete(backend, task, data)

    body = answer_on(answer, 200)
    assert answer.headers["Cache-Control"] == "no-store"
    assert (body["taskDefId"], body["input"], body["output"]) == (SCORE, FREE["input"], data)
    assert answer_on(backend.get(task), 200)["output"] == data
    assert f"{path}/{answer_on(backend.get(path), 200)[-1]['id']}" != task


def test_a_completion_is_in_the_history_with_its_actor_and_without_the_data(onfido: World, backend: Caller) -> None:
    _, task, run_id = waiting(onfido, FREE)

    answer_on(complete(backend, task, {"name": PERSONAL}), 200)

    entry = history_of(onfido, run_id)[-1]
    assert entry.pop("at")
    assert entry.pop("traceId")
    assert entry == {
        "changes": [],
        "channel": "api",
        "sentence": f"backend completed a task of the run {run_id}.",
        "subject": "run",
        "name": run_id,
        "from": None,
        "to": "task_completed",
        "cause": "application",
        "actor": "backend [development@urn:onfido-idvp-connector:development]",
        "detail": {"task_id": task.rpartition("/")[2], "task_def_id": SCORE},
    }


def test_a_run_of_another_caller_is_not_found(onfido: World) -> None:
    _, task, run_id = waiting(onfido)
    task_id = task.rpartition("/")[2]
    ours = onfido.connector.caller("backend", ALL_SCOPES)
    theirs = onfido.connector.caller("backend", ALL_SCOPES, "theirs.example")
    asked = onfido.onfido_state()["requests"]

    for caller, path in (
        (ours, tasks_of(onfido, UNKNOWN_ID)),
        (ours, tasks_of(onfido, run_id, new_provider(onfido))),
        (ours, tasks_of(onfido, run_id, UNKNOWN_ID)),
        (theirs, tasks_of(onfido, run_id)),
    ):
        assert_error(caller.get(path), 404, "IDVP-60010")
        assert_error(caller.get(f"{path}/{task_id}"), 404, "IDVP-60010")
        assert_error(complete(caller, f"{path}/{task_id}", {"score": 7}), 404, "IDVP-60010")

    assert onfido.onfido_state()["requests"] == asked
    assert answer_on(ours.get(task), 200)["output"] is None


def test_a_verification_without_a_run_has_no_tasks(onfido: World, backend: Caller) -> None:
    _, caller = new_user(onfido)
    onfido.faults(route="POST /workflow_runs", dropped_after=1)
    assert caller.verify(onfido.provider_id, "INITIATED").status_code == 503
    services = onfido.connector.services
    [found] = [
        run.verification for run in services.lookup.page(Tenant(onfido.tenant), VerificationFilter(), limit=1).rows
    ]

    assert found.run_id is None
    assert_error(backend.get(tasks_of(onfido, found.verification_id)), 404, "IDVP-60010")


@pytest.mark.parametrize("task_id", [f"{SCORE}_1", *further(UNKNOWN_ID, "%2e%2e", "%2E", "a%20b", "x" * 255)])
def test_a_task_that_does_not_belong_to_the_run_is_not_found(onfido: World, backend: Caller, task_id: str) -> None:
    path, _, _ = waiting(onfido)
    request = requests.Request("GET", backend.url, headers=dict(backend.headers)).prepare()
    request.url = f"{backend.url}{path}/{task_id}"  # as it is: requests would climb up
    with requests.Session() as session:
        assert_error(session.send(request, timeout=60), 404, "IDVP-60014")
        request.method, request.url = "POST", f"{request.url}/complete"
        request.prepare_body(None, None, json={"data": {}})
        assert_error(session.send(request, timeout=60), 404, "IDVP-60014")


def test_a_task_is_completed_only_once(onfido: World, backend: Caller) -> None:
    _, task, run_id = waiting(onfido, FREE, SCORING)
    answer_on(complete(backend, task, {"score": 7}), 200)

    assert_error(complete(backend, task, {"score": 8}), 409, "IDVP-60015", task.rpartition("/")[2])

    assert answer_on(backend.get(task), 200)["output"] == {"score": 7}
    assert [each["to"] for each in history_of(onfido, run_id)].count("task_completed") == 1


def test_only_one_of_several_concurrent_completions_counts(onfido: World, backend: Caller) -> None:
    _, task, run_id = waiting(onfido, FREE, SCORING)
    onfido.faults(route=COMPLETE, latency_ms=200)

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda score: complete(backend, task, {"score": score}), range(3)))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    [taken] = [answer.json()["output"] for answer in answers if answer.ok]
    assert answer_on(backend.get(task), 200)["output"] == taken
    assert [each["to"] for each in history_of(onfido, run_id)].count("task_completed") == 1


def test_an_ended_run_accepts_no_data(onfido: World, backend: Caller) -> None:
    _, task, run_id = waiting(onfido)
    onfido.outcome(run_id, status="abandoned")

    assert_error(complete(backend, task, {"score": 7}), 409, "IDVP-60015")  # Onfido has not reported the end yet
    assert onfido.post_event(event_body(run_id, "abandoned")).status_code == 200
    asked = onfido.onfido_state()["requests"]
    assert_error(complete(backend, task, {"score": 7}), 409, "IDVP-60015", "abandoned")

    assert onfido.onfido_state()["requests"] == asked


def test_an_application_cannot_complete_a_manual_review(onfido: World, backend: Caller) -> None:
    _, task, _ = waiting(onfido, DECIDING)

    assert_error(complete(backend, task, {"outcome": "approved"}), 422, "OIDV-10047", "decided in the dashboard")


@pytest.mark.parametrize("data", [None, "text", 7, True, 1.5])
@pytest.mark.one_database
def test_data_of_another_type_is_refused(onfido: World, backend: Caller, data: Any) -> None:
    _, task, _ = waiting(onfido, FREE)

    assert_error(complete(backend, task, data), 400, "IDVP-60002", "data")
    assert_error(backend.post(f"{task}/complete", {"date": {}}), 400, "IDVP-60002", "data")

    assert_untouched(onfido, backend, task)


def test_data_that_no_task_can_take_is_refused(onfido: World, backend: Caller) -> None:
    _, task, _ = waiting(onfido, FREE)
    deep = json.loads("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
    long = {"a": "x" * (MAX_DATA - 8)}

    assert_error(complete(backend, task, deep), 400, "IDVP-60002", "must be nested at most 32 times")
    assert_error(complete(backend, task, long), 400, "IDVP-60002", "at most 61440 characters")
    infinite = backend.request("POST", f"{task}/complete", data=b'{"data": [1e999]}')
    assert_error(infinite, 400, "IDVP-60002", "numbers that JSON supports")

    assert_untouched(onfido, backend, task)


def assert_untouched(world: World, backend: Caller, task: str) -> None:
    assert answer_on(backend.get(task), 200)["output"] is None
    assert COMPLETE not in world.onfido_state()["requests"]


def test_data_within_the_limits_is_accepted(onfido: World, backend: Caller) -> None:
    _, task, _ = waiting(onfido, FREE)
    data = {"a": "x" * (MAX_DATA - len(json.dumps({"a": ""})))}

    assert answer_on(complete(backend, task, data), 200)["output"] == data


def test_a_refusal_of_onfido_is_reported_without_the_data(onfido: World, backend: Caller) -> None:
    _, task, run_id = waiting(onfido)

    answer = complete(backend, task, {"score": PERSONAL, "more": 1})

    assert_error(answer, 422, "OIDV-10047", "data.score", "data.more")
    assert PERSONAL not in answer.text
    assert answer_on(backend.get(task), 200)["output"] is None
    assert "task_completed" not in [each["to"] for each in history_of(onfido, run_id)]


def test_an_outage_of_onfido_is_reported_and_a_retry_succeeds(onfido: World, backend: Caller) -> None:
    path, task, _ = waiting(onfido)
    onfido.faults(failed=-1)
    for answer in (backend.get(path), backend.get(task), complete(backend, task, {"score": 7})):
        assert_error(answer, 503, "OIDV-10046")
        assert answer.headers["Retry-After"]
    onfido.faults(failed=0, route=COMPLETE, dropped_after=1)

    assert_error(complete(backend, task, {"score": 7}), 503, "OIDV-10046")  # the answer was lost, the data were not

    assert_error(complete(backend, task, {"score": 7}), 409, "IDVP-60015")
    assert answer_on(backend.get(task), 200)["output"] == {"score": 7}


def test_a_run_missing_at_onfido_is_reported(onfido: World, backend: Caller) -> None:
    path, task, _ = waiting(onfido)
    assert requests.post(f"{onfido.simulator.url}/simulator/reset", timeout=60).ok

    assert_error(backend.get(path), 404, "IDVP-60010")
    assert_error(backend.get(task), 404, "IDVP-60014")
    assert_error(complete(backend, task, {}), 404, "IDVP-60014")
