from __future__ import annotations

import json
import queue
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests

from connector.simulator.server import Simulator
from tests import vendor as onfido

Json = dict[str, Any]
NewRun = Callable[..., Json]
EndRun = Callable[..., Json]
PutWorkflow = Callable[..., Json]

WORKFLOW_ID = "8a9b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
TYPES = {"name": "string", "is_staff": "boolean", "age": "number", "lists": "list", "since": "date_time"}
FITTING = {"name": "x", "is_staff": False, "age": 1.5, "lists": ["a"], "since": "2026-01-31T12:00:00+01:00"}
SCORE = {"task_def_id": "score", "task_def_version": "2", "input": {"level": 1}, "output_schema": {"score": "number"}}
REVIEW = {"task_def_id": "manual_case_review"}


@pytest.fixture
def start(simulator: Simulator, http: requests.Session) -> Callable[..., requests.Response]:
    """Start a run with the custom data that are given, if any are."""
    person = {"first_name": "Ada", "last_name": "Lovelace"}
    applicant = http.post(f"{simulator.api_url}/applicants", json=person, timeout=60).json()

    def post(*custom_data: Json) -> requests.Response:
        body: Json = {"workflow_id": WORKFLOW_ID, "applicant_id": applicant["id"]}
        if custom_data:
            body["custom_data"] = custom_data[0]
        return http.post(f"{simulator.api_url}/workflow_runs", json=body, timeout=60)

    return post


@pytest.fixture
def decide(simulator: Simulator, http: requests.Session) -> Callable[..., requests.Response]:
    """Decide a run's manual review, as a script does."""

    def post(run: Json, **body: Any) -> requests.Response:
        return http.post(f"{simulator.url}/simulator/runs/{run['id']}/decide", json=body, timeout=60)

    return post


def open_task(vendor: onfido.DefaultApi, run: Json) -> onfido.Task:
    """The task that opened last."""
    task_id = vendor.list_tasks(uuid.UUID(run["id"]))[-1].id
    assert task_id is not None
    return vendor.find_task(uuid.UUID(run["id"]), task_id)


def complete(vendor: onfido.DefaultApi, run: Json, data: Any, task_id: str | None = None) -> None:
    builder = onfido.CompleteTaskBuilder(data=onfido.CompleteTaskDataBuilder(data))
    vendor.complete_task(uuid.UUID(run["id"]), task_id or str(open_task(vendor, run).id), builder)


def status_of(vendor: onfido.DefaultApi, run: Json) -> object:
    return vendor.find_workflow_run(uuid.UUID(run["id"])).status


def fields_of(refused: onfido.ApiException) -> Json:
    fields: Json = json.loads(str(refused.body))["error"]["fields"]
    return fields


def test_valid_custom_data_is_accepted_and_stored(
    start: Callable[..., requests.Response], put_workflow: PutWorkflow, state_of: Callable[[], Json]
) -> None:
    put_workflow(custom_data=TYPES, required=["name"])
    assert start(FITTING).status_code == 201
    assert start({"name": ""}).status_code == 201
    assert [run["custom_data"] for run in state_of()["runs"]] == [FITTING, {"name": ""}]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("name", 1, "must be a string"),
        ("name", None, "must be a string"),
        ("is_staff", "true", "must be true or false"),
        ("age", True, "must be a number"),
        ("age", "1", "must be a number"),
        ("lists", "a", "must be an array"),
        ("lists", [1], "must be a string"),
        ("since", "2026-01-31", "must be a date and time, YYYY-MM-DDThh:mm:ssZ"),
        ("since", "2026-02-31T12:00:00Z", "must be a date and time, YYYY-MM-DDThh:mm:ssZ"),
        ("shoe_size", 38, "must be left out: it is unknown"),
    ],
)
def test_invalid_custom_data_is_refused_by_name(
    start: Callable[..., requests.Response],
    put_workflow: PutWorkflow,
    state_of: Callable[[], Json],
    name: str,
    value: Any,
    reason: str,
) -> None:
    put_workflow(custom_data=TYPES)
    answer = start({name: value})
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"] == {"custom_data": {name: [reason]}}
    assert state_of()["runs"] == []


def test_missing_required_custom_data_is_refused(
    start: Callable[..., requests.Response], put_workflow: PutWorkflow
) -> None:
    put_workflow(custom_data=TYPES, required=["name", "age"])
    for answer, missing in ((start(), ["name", "age"]), (start({"name": "x"}), ["age"])):
        assert answer.status_code == 422
        assert answer.json()["error"]["fields"] == {"custom_data": {name: ["must be given"] for name in missing}}


def test_a_workflow_without_rules_accepts_any_custom_data(
    start: Callable[..., requests.Response], put_workflow: PutWorkflow
) -> None:
    assert start({"anything": [{"at": "all"}]}).status_code == 201
    put_workflow(tasks=[SCORE])
    assert start({"anything": None}).status_code == 201
    put_workflow(custom_data={})
    assert start({"anything": None}).status_code == 422


def test_tasks_open_one_after_another_and_then_the_outcome_takes_effect(
    vendor: onfido.DefaultApi, new_run: NewRun, end_run: EndRun, put_workflow: PutWorkflow
) -> None:
    put_workflow(tasks=[SCORE, {"task_def_id": "account"}])
    run = end_run(new_run(), status="review", reasons=["odd"], tags=["seen"], output={"a": 1})
    assert (run["status"], run["output"], run["reasons"], run["tags"]) == ("awaiting_client_input", None, [], [])
    assert run["sdk_token"]

    task = open_task(vendor, run)
    assert (task.task_def_id, task.task_def_version, task.input, task.output) == ("score", "2", {"level": 1}, None)
    complete(vendor, run, {"score": 0.5})
    assert vendor.find_task(uuid.UUID(run["id"]), str(task.id)).output == {"score": 0.5}
    assert status_of(vendor, run) == "awaiting_client_input"

    assert open_task(vendor, run).task_def_id == "account"
    complete(vendor, run, [{"any": "thing"}])
    ended = vendor.find_workflow_run(uuid.UUID(run["id"]))
    assert (ended.status, ended.output, ended.reasons, ended.tags) == ("review", {"a": 1}, ["odd"], ["seen"])
    assert ended.sdk_token is None


def test_every_opened_task_and_the_end_of_the_run_send_an_event(
    vendor: onfido.DefaultApi,
    received: queue.Queue[tuple[bytes, str]],
    subscribe: Callable[..., Json],
    new_run: NewRun,
    end_run: EndRun,
    put_workflow: PutWorkflow,
    decide: Callable[..., requests.Response],
    simulator: Simulator,
) -> None:
    put_workflow(tasks=[SCORE, REVIEW])
    run = new_run()
    subscribe(events=["workflow_task.started", "workflow_run.completed"])

    def next_event() -> Json:
        payload: Json = json.loads(received.get(timeout=60)[0])["payload"]
        return payload

    end_run(run)
    assert next_event()["object"]["task_def_id"] == "document_check"
    started = next_event()
    task = open_task(vendor, run)
    assert started["object"] == {
        "id": task.id,
        "task_def_id": "score",
        "task_def_version": "2",
        "workflow_run_id": run["id"],
        "status": "started",
        "started_at_iso8601": started["resource"]["created_at"],
        "href": f"{simulator.api_url}/workflow_runs/{run['id']}/tasks/{task.id}",
    }
    assert (started["resource"]["id"], started["resource"]["input"]) == (task.id, {"level": 1})
    complete(vendor, run, {"score": 1})
    assert next_event()["object"]["task_def_id"] == "manual_case_review"
    assert received.empty()
    decide(run, outcome="fine").raise_for_status()
    assert next_event()["resource"]["status"] == "approved"


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({}, {"score": ["must be given"]}),
        ({"score": "1"}, {"score": ["must be a number"]}),
        ({"score": 1, "colour": "red"}, {"colour": ["must be left out: it is unknown"]}),
        ([{"score": 1}], ["must be an object"]),
    ],
)
def test_data_that_violate_the_output_schema_are_refused_and_the_task_stays_open(
    vendor: onfido.DefaultApi, new_run: NewRun, end_run: EndRun, put_workflow: PutWorkflow, data: Any, fields: Any
) -> None:
    put_workflow(tasks=[SCORE])
    run = end_run(new_run())
    with pytest.raises(onfido.exceptions.UnprocessableEntityException) as refused:
        complete(vendor, run, data)
    assert fields_of(refused.value) == {"data": fields}
    complete(vendor, run, {"score": 1})
    assert status_of(vendor, run) == "approved"


def test_unknown_and_completed_tasks_are_refused(
    vendor: onfido.DefaultApi, new_run: NewRun, end_run: EndRun, put_workflow: PutWorkflow
) -> None:
    put_workflow(tasks=[SCORE, {"task_def_id": "account"}])
    run = end_run(new_run())
    with pytest.raises(onfido.exceptions.NotFoundException):
        complete(vendor, run, {}, "account_00000")
    task_id = open_task(vendor, run).id
    complete(vendor, run, {"score": 1})
    with pytest.raises(onfido.exceptions.UnprocessableEntityException) as refused:
        complete(vendor, run, {"score": 1}, task_id)
    assert fields_of(refused.value) == {"task_id": ["must be a task that is open"]}
    assert open_task(vendor, run).task_def_id == "account"


def test_a_manual_review_is_decided_and_not_completed(
    vendor: onfido.DefaultApi,
    new_run: NewRun,
    end_run: EndRun,
    put_workflow: PutWorkflow,
    decide: Callable[..., requests.Response],
) -> None:
    put_workflow(tasks=[REVIEW])
    run = end_run(new_run())
    assert run["status"] == "processing"
    with pytest.raises(onfido.exceptions.UnprocessableEntityException) as refused:
        complete(vendor, run, {"outcome": "approved"})
    assert fields_of(refused.value) == {"task_id": ["must be a task that is not decided in the dashboard"]}

    assert decide(run, outcome="photo_is_good").json()["status"] == "approved"
    assert open_task(vendor, run).output == {"outcome": "photo_is_good"}


def test_a_decision_replaces_the_chosen_result(
    new_run: NewRun, end_run: EndRun, put_workflow: PutWorkflow, decide: Callable[..., requests.Response]
) -> None:
    put_workflow(tasks=[REVIEW])
    declined = end_run(new_run(last_name="Consider"))
    approved = decide(declined, outcome="approved").json()
    assert (approved["status"], approved["reasons"]) == ("approved", [])
    assert decide(end_run(new_run()), outcome="declined").json()["status"] == "declined"


def test_a_decision_without_an_open_review_is_refused(
    new_run: NewRun, end_run: EndRun, put_workflow: PutWorkflow, decide: Callable[..., requests.Response]
) -> None:
    put_workflow(tasks=[SCORE])
    run = new_run()
    assert decide(run, outcome="approved").status_code == 409
    assert decide(end_run(run), outcome="approved").status_code == 409
    assert decide({"id": str(uuid.uuid4())}, outcome="approved").status_code == 404
    for body in ({}, {"outcome": ""}, {"outcome": 1}, {"outcome": "approved", "notes": "none"}):
        assert decide(run, **body).status_code == 422


def test_a_run_that_waits_for_its_tasks_accepts_no_outcome_but_can_be_interrupted(
    simulator: Simulator,
    http: requests.Session,
    vendor: onfido.DefaultApi,
    new_run: NewRun,
    end_run: EndRun,
    put_workflow: PutWorkflow,
) -> None:
    put_workflow(tasks=[SCORE])
    run = end_run(new_run())
    url = f"{simulator.url}/simulator/runs/{run['id']}/outcome"
    for body in ({}, {"status": "declined"}, {"status": "awaiting_input"}):
        assert http.post(url, json=body, timeout=60).status_code == 409
    assert end_run(run, status="error")["status"] == "error"
    with pytest.raises(onfido.exceptions.UnprocessableEntityException):
        complete(vendor, run, {"score": 1})
    assert [task.task_def_id for task in vendor.list_tasks(uuid.UUID(run["id"]))] == [
        *("document_photo", "document_check", "score"),
    ]


def test_an_interrupted_run_opens_no_task(
    vendor: onfido.DefaultApi, new_run: NewRun, end_run: EndRun, put_workflow: PutWorkflow
) -> None:
    put_workflow(tasks=[SCORE])
    run = end_run(new_run(), status="abandoned")
    assert run["status"] == "abandoned"
    assert len(vendor.list_tasks(uuid.UUID(run["id"]))) == 1


def test_an_instant_run_waits_for_its_tasks_too(
    new_run: NewRun, put_workflow: PutWorkflow, set_faults: Callable[..., Json]
) -> None:
    put_workflow(tasks=[SCORE])
    set_faults(runs_instant=1)
    assert new_run()["status"] == "awaiting_client_input"


def test_rules_apply_to_later_runs_until_they_are_replaced(
    new_run: NewRun, end_run: EndRun, put_workflow: PutWorkflow
) -> None:
    rules = {"custom_data": {"age": "number"}, "required": ["age"], "tasks": [SCORE]}
    assert put_workflow(**rules) == rules
    assert put_workflow(tasks=[REVIEW])["tasks"][0] == {
        "task_def_id": "manual_case_review",
        "task_def_version": None,
        "input": {},
        "output_schema": None,
    }
    run = new_run()
    assert put_workflow() == {"custom_data": None, "required": [], "tasks": []}
    assert end_run(run)["status"] == "processing"
    assert end_run(new_run())["status"] == "approved"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("custom_data", {"age": "integer"}),
        ("custom_data", ["age"]),
        ("required", ["age"]),
        ("required", "age"),
        ("tasks", {}),
        ("tasks", [{}]),
        ("tasks", [{"task_def_id": "a b"}]),
        ("tasks", [{"task_def_id": "a", "task_def_version": 1}]),
        ("tasks", [{"task_def_id": "a", "input": []}]),
        ("tasks", [{"task_def_id": "a", "output_schema": {"score": "int"}}]),
        ("custom", {}),
    ],
)
def test_invalid_rules_are_refused_by_name(
    simulator: Simulator, http: requests.Session, field: str, value: Any
) -> None:
    answer = http.put(f"{simulator.url}/simulator/workflows/{WORKFLOW_ID}", json={field: value}, timeout=60)
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [field]


def test_a_workflow_must_be_named_by_its_uuid(simulator: Simulator, http: requests.Session) -> None:
    answer = http.put(f"{simulator.url}/simulator/workflows/mine", json={}, timeout=60)
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == ["workflow_id"]
