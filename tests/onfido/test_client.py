"""The endpoints: what is asked of Onfido, and what is made of its answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from connector.domain.runs import Comparison, RunSnapshot
from connector.errors import Code, ProviderError
from connector.onfido.client import OnfidoClient, RegisteredWebhook
from tests.onfido.conftest import API_TOKEN, Reply, ScriptedOnfido

CLEAR_REPORT = {"breakdown": {"data_comparison": {"result": "clear", "breakdown": {"last_name": {"result": "clear"}}}}}


def test_an_applicant_is_created_with_the_token_and_json(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(201, {"id": "applicant-1"}))
    assert client.create_applicant({"first_name": "Ann", "address": {"postcode": "S2 2DF"}}) == "applicant-1"
    [request] = onfido.received
    assert (request.method, request.path) == ("POST", "/v3.6/applicants")
    assert request.json == {"first_name": "Ann", "address": {"postcode": "S2 2DF"}}
    assert request.headers["Authorization"] == f"Token token={API_TOKEN}"
    assert request.headers["Content-Type"] == "application/json"


def test_an_applicant_is_updated_in_place(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, {"id": "applicant-1"}))
    client.update_applicant("applicant-1", {"last_name": "Lee"})
    [request] = onfido.received
    assert (request.method, request.path, request.json) == ("PUT", "/v3.6/applicants/applicant-1", {"last_name": "Lee"})


def test_deleting_an_applicant_asks_onfido_to(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(204))
    client.delete_applicant("applicant-1")
    assert [(request.method, request.path) for request in onfido.received] == [
        ("DELETE", "/v3.6/applicants/applicant-1")
    ]


@pytest.mark.parametrize(("status", "error_type"), [(404, "resource_not_found"), (410, "gone")])
def test_an_update_of_an_applicant_that_is_gone_tells_by_its_status(
    onfido: ScriptedOnfido, client: OnfidoClient, status: int, error_type: str
) -> None:
    onfido.answers(Reply(status, {"error": {"type": error_type, "message": "No such resource"}}))
    with pytest.raises(ProviderError) as caught:
        client.update_applicant("applicant-1", {"first_name": "Ann"})
    assert (caught.value.status, caught.value.type) == (status, error_type)


def test_a_run_is_created_with_its_tags(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    answer = {"id": "run-1", "status": "awaiting_input", "applicant_id": "a", "workflow_id": "w", "sdk_token": "secret"}
    onfido.answers(Reply(201, {**answer, "output": None}))
    run = client.create_run(workflow_id="w", applicant_id="a", tags=["attempt-7"])
    assert run == RunSnapshot("run-1", "awaiting_input", applicant_id="a", workflow_id="w", sdk_token="secret")
    assert "secret" not in repr(run)
    [request] = onfido.received
    assert (request.method, request.path) == ("POST", "/v3.6/workflow_runs")
    assert request.json == {"workflow_id": "w", "applicant_id": "a", "tags": ["attempt-7"]}


def test_a_run_may_be_approved_already_when_it_is_created(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(201, {"id": "run-1", "status": "approved", "updated_at": "2026-03-01T10:00:00Z"}))
    run = client.create_run(workflow_id="w", applicant_id="a")
    assert run.is_final
    assert run.completed_at == datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("run_id", "path"),
    [
        ("a/../b?c#d", "/v3.6/workflow_runs/a%2F..%2Fb%3Fc%23d"),
        ("50%2F é", "/v3.6/workflow_runs/50%252F%20%C3%A9"),
    ],
)
def test_an_id_stays_one_segment_of_the_path(
    onfido: ScriptedOnfido, client: OnfidoClient, run_id: str, path: str
) -> None:
    onfido.answers(Reply(200, {"id": "x", "status": "processing"}))
    client.get_run(run_id)
    assert onfido.received[0].target == path


@pytest.mark.parametrize("run_id", ["", ".", ".."])
def test_an_id_that_would_climb_up_the_path_is_never_sent(
    onfido: ScriptedOnfido, client: OnfidoClient, run_id: str
) -> None:
    with pytest.raises(ProviderError) as caught:
        client.get_run(run_id)
    assert (caught.value.code, caught.value.is_sent) == (Code.INITIATION_FAILED, False)
    assert not onfido.received


def test_a_run_is_found_by_its_tag_the_newest_first(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    ours = [
        {"id": "older", "status": "error", "tags": ["t"], "created_at": "2026-01-01T00:00:00Z"},
        {"id": "newest", "status": "processing", "tags": ["x", "t"], "created_at": "2026-01-03T00:00:00Z"},
        {"id": "undated", "status": "processing", "tags": ["t"]},
    ]
    strangers = [
        {"id": "other", "status": "processing", "tags": ["tt"], "created_at": "2026-02-01T00:00:00Z"},
        {"id": "untagged", "status": "processing", "tags": None, "created_at": "2026-02-01T00:00:00Z"},
        "no run at all",
    ]
    onfido.answers(Reply(200, [*strangers, *ours]))
    found = client.find_run(tag="t", applicant_id="a")
    assert found is not None
    assert found.run_id == "newest"
    assert onfido.received[0].query == {"tags": ["t"], "applicant_id": ["a"]}


def test_no_run_is_found_where_onfido_ignores_the_tag(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, [{"id": "other", "status": "processing", "tags": []}]))
    assert client.find_run(tag="t") is None
    assert onfido.received[0].query == {"tags": ["t"]}


def test_a_result_whose_output_compares_needs_one_request(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    output = {"data_comparison": {"first_name": {"result": "clear"}}}
    onfido.answers(Reply(200, {"id": "run-1", "status": "approved", "output": output}))
    assert client.fetch_result("run-1").comparisons == {"first_name": Comparison.CLEAR}


@pytest.mark.parametrize("status", ["processing", "abandoned", "error"])
def test_a_run_without_a_decision_needs_no_comparison(
    onfido: ScriptedOnfido, client: OnfidoClient, status: str
) -> None:
    onfido.answers(Reply(200, {"id": "run-1", "status": status, "output": None}))
    assert client.fetch_result("run-1").comparisons is None
    assert len(onfido.received) == 1


def test_an_approved_run_without_comparison_asks_its_newest_document_check(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    tasks = [
        {"id": "document_check_2", "task_def_id": "document_check", "created_at": "2026-03-01T10:05:00Z"},
        {"id": "document_check_1", "task_def_id": "document_check", "created_at": "2026-03-01T10:00:00Z"},
        {"id": "profile_3", "task_def_id": "profile_data", "created_at": "2026-03-01T10:10:00Z"},
    ]
    onfido.answers(
        Reply(200, {"id": "run-1", "status": "approved", "output": None}),
        Reply(200, tasks),
        Reply(200, {"id": "document_check_2", "output": CLEAR_REPORT}),
    )
    assert client.fetch_result("run-1").comparisons == {"last_name": Comparison.CLEAR}
    tasks_path = "/v3.6/workflow_runs/run-1/tasks"
    assert [request.path for request in onfido.received[1:]] == [tasks_path, f"{tasks_path}/document_check_2"]


def test_an_approved_run_that_compared_nothing_says_so_with_an_empty_mapping(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    onfido.answers(Reply(200, {"id": "run-1", "status": "approved", "output": []}), Reply(200, []))
    run = client.fetch_result("run-1")
    assert run.comparisons == {}
    assert run.is_conclusive


def test_a_document_check_that_compared_nothing_says_so_with_an_empty_mapping(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    tasks = [{"id": "document_check_1", "task_def_id": "document_check"}]
    onfido.answers(Reply(200, {"id": "run-1", "status": "approved"}), Reply(200, tasks), Reply(200, {"output": None}))
    assert client.fetch_result("run-1").comparisons == {}


def test_an_sdk_token_is_created_for_the_applicant(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, {"token": "header.payload.signature"}))
    assert client.create_sdk_token("applicant-1") == "header.payload.signature"
    [request] = onfido.received
    assert (request.method, request.path) == ("POST", "/v3.6/sdk_token")
    assert request.json == {"applicant_id": "applicant-1"}


def test_a_webhook_is_created_and_its_token_kept_out_of_sight(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(201, {"id": "webhook-1", "token": "signing-secret", "href": "/v3.6/webhooks/webhook-1"}))
    url = "https://connector.example/idv/onfido/v1/p/verify"
    webhook = client.create_webhook(url=url, events=["workflow_run.completed"], name="connector")
    assert webhook == RegisteredWebhook("webhook-1", "signing-secret")
    assert "signing-secret" not in repr(webhook)
    sent = {"url": url, "name": "connector", "enabled": True, "events": ["workflow_run.completed"]}
    assert (onfido.received[0].path, onfido.received[0].json) == ("/v3.6/webhooks", sent)


def test_ping_asks_for_more_than_the_regions_health(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, b"pong", {"Content-Type": "text/plain"}), Reply(401))
    with pytest.raises(ProviderError) as caught:
        client.ping()
    assert caught.value.code is Code.TOKEN_REFUSED
    onfido.answers(Reply(200, b"pong"), Reply(200, []))
    client.ping()
    assert [request.path for request in onfido.received[:2]] == ["/v3.6/ping", "/v3.6/workflow_runs"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="no JSON"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b"{}", id="no id"),
        pytest.param(b'{"id": 7, "token": 7}', id="no text"),
        pytest.param(b'{"id": "' + b"x" * 65 + b'", "token": "\\u0000"}', id="no id of Onfido's"),
        pytest.param(b'{"id": ' * 100_000, id="too deep"),
        pytest.param(b'{"id": NaN}', id="NaN"),
        pytest.param(b'{"id": ' + b"9" * 5000 + b"}", id="a huge number"),
    ],
)
def test_a_success_that_cannot_be_understood_is_a_failure_and_may_have_happened(
    onfido: ScriptedOnfido, client: OnfidoClient, body: bytes
) -> None:
    onfido.answers(*[Reply(201, body, {"X-Request-Id": "req-1"})] * 3)
    calls: list[Callable[[], object]] = [
        lambda: client.create_applicant({"first_name": "Ann"}),
        lambda: client.create_run(workflow_id="w", applicant_id="a"),
        lambda: client.create_sdk_token("a"),
    ]
    for call in calls:
        with pytest.raises(ProviderError) as caught:
            call()
        error = caught.value
        assert (error.code, error.status, error.request_id) == (Code.INITIATION_FAILED, 201, "req-1")
        assert error.is_sent
        assert error.__cause__ is not None


def test_a_list_that_is_none_is_a_failure(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, {"runs": []}))
    with pytest.raises(ProviderError) as caught:
        client.find_run(tag="t")
    assert caught.value.code is Code.INITIATION_FAILED


def test_one_deadline_bounds_all_requests_of_a_result(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(
        Reply(200, {"id": "run-1", "status": "approved"}, delay=0.1),
        Reply(200, [{"id": "document_check_1", "task_def_id": "document_check"}], delay=0.1),
        Reply(200, {"output": CLEAR_REPORT}, delay=0.8),
    )
    started = time.monotonic()
    with pytest.raises(ProviderError) as caught:
        client.fetch_result("run-1", deadline=started + 0.4)
    assert caught.value.code is Code.ONFIDO_UNREACHABLE
    assert time.monotonic() - started < 0.7
