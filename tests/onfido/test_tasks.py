"""The tasks of a run: listed, read, and completed with the application's data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connector.domain.studio.tasks import Task, TaskSummary
from connector.errors import Code, OnfidoError
from connector.onfido.client import OnfidoClient
from tests.onfido.conftest import Reply, ScriptedOnfido

WAITING = {
    "id": "score_4f4b2",
    "workflow_run_id": "run-1",
    "task_def_id": "score",
    "task_def_version": "2",
    "created_at": "2026-03-01T10:00:00Z",
    "updated_at": "2026-03-01T11:00:00+01:00",
}
SUMMARY = TaskSummary(
    "score_4f4b2", "score", "2", datetime(2026, 3, 1, 10, tzinfo=UTC), datetime(2026, 3, 1, 10, tzinfo=UTC)
)


def test_tasks_are_listed_in_onfidos_order(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    bare = {"id": "profile_1", "task_def_id": "profile_data", "task_def_version": None, "created_at": "soon"}
    onfido.answers(Reply(200, [WAITING, bare]))
    assert client.list_tasks("run-1") == [SUMMARY, TaskSummary("profile_1", "profile_data", None, None, None)]
    assert onfido.received[0].path == "/v3.6/workflow_runs/run-1/tasks"


def test_a_task_without_an_id_is_left_out(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, ["text", None, {}, {"id": "a"}, {"task_def_id": "b"}, {"id": 7, "task_def_id": "c"}]))
    assert client.list_tasks("run-1") == []


def test_a_task_is_read_with_input_and_output_which_are_not_in_a_repr(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    onfido.answers(Reply(200, {**WAITING, "input": {"last_name": "Smith"}, "output": [{"last_name": "Smith"}]}))
    task = client.get_task("run-1", "score_4f4b2")
    assert task == Task(SUMMARY, {"last_name": "Smith"}, [{"last_name": "Smith"}])
    assert "Smith" not in repr(task)
    assert onfido.received[0].path == "/v3.6/workflow_runs/run-1/tasks/score_4f4b2"


def test_a_task_without_a_definition_is_unreadable(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, {"id": "score_4f4b2"}))
    with pytest.raises(OnfidoError, match="it has no task_def_id"):
        client.get_task("run-1", "score_4f4b2")


@pytest.mark.parametrize("data", [{"score": 7, "is_known": False}, {}, [{"name": "Ann"}], []])
def test_a_task_is_completed_with_data(onfido: ScriptedOnfido, client: OnfidoClient, data: Any) -> None:
    onfido.answers(Reply(200, b""))
    client.complete_task("run-1", "score_4f4b2", data)
    [request] = onfido.received
    assert (request.method, request.path) == ("POST", "/v3.6/workflow_runs/run-1/tasks/score_4f4b2/complete")
    assert request.json == {"data": data}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, Code.TASK_REFUSED),
        (404, Code.TASK_REFUSED),
        (409, Code.TASK_REFUSED),
        (422, Code.TASK_REFUSED),
        (401, Code.TOKEN_REFUSED),
        (403, Code.INITIATION_FAILED),
        (429, Code.ONFIDO_THROTTLES),
        (500, Code.ONFIDO_UNREACHABLE),
    ],
)
def test_every_refusal_of_data_has_its_code(
    onfido: ScriptedOnfido, client: OnfidoClient, status: int, code: Code
) -> None:
    onfido.answers(Reply(status, {"error": {"message": "No applicant", "fields": {"applicant_id": ["is odd"]}}}))
    with pytest.raises(OnfidoError) as caught:
        client.complete_task("run-1", "score_4f4b2", {"applicant_id": "x"})
    assert (caught.value.code, caught.value.status) == (code, status)
    assert len(onfido.received) == 1


def test_the_schemas_errors_are_reported_by_field_without_the_data(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    fields = {
        "score": ["1234 is too high"],
        "name": ["'Jane Doe' is too long"],
        "is_known": ["true is no text"],
        "account": {"limit": ["2.50 is more than 2", "12.5 is one"]},
    }
    onfido.answers(Reply(422, {"error": {"type": "validation_error", "message": "No match", "fields": fields}}))
    data = {"score": 1234, "name": "Jane Doe", "is_known": True, "account": {"limit": 2.5}}
    with pytest.raises(OnfidoError) as caught:
        client.complete_task("run-1", "score_4f4b2", data)
    assert caught.value.description == (
        "Onfido refused score: … is too high; name: '…' is too long; is_known: … is no text;"
        " account.limit: … is more than 2, 12.5 is one (HTTP 422, validation_error: No match)."
        " Correct the data as the task's definition in Onfido Studio requires."
    )


def nested(depth: int) -> list[Any]:
    node: list[Any] = []
    for _ in range(depth):
        node = [node]
    return node


@pytest.mark.parametrize("data", [{"score": float("nan")}, [{"score": float("-inf")}], nested(100_000)])
def test_data_that_json_cannot_represent_is_refused_before_it_is_sent(
    onfido: ScriptedOnfido, client: OnfidoClient, data: Any
) -> None:
    with pytest.raises(OnfidoError) as caught:
        client.complete_task("run-1", "score_4f4b2", data)
    assert (caught.value.code, caught.value.is_sent) == (Code.TASK_REFUSED, False)
    assert not onfido.received
