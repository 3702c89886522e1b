"""The endpoints of Onfido's API: requests, and the reading of answers."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from connector.domain.studio.capture import LinkOptions, SdkOptions
from connector.domain.studio.watchlist import RemoteMonitor
from connector.domain.studio.workflow_run import Comparison, RunSnapshot
from connector.errors import Code, OnfidoError
from connector.onfido.client import OnfidoClient, OnfidoTransport
from tests.onfido.conftest import API_TOKEN, Reply, ScriptedOnfido
from tests.waiting import GENEROUS

CLEAR_REPORT = {"breakdown": {"data_comparison": {"result": "clear", "breakdown": {"last_name": {"result": "clear"}}}}}


def test_an_applicant_is_created_with_the_token_and_a_json_body(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(201, {"id": "applicant-1"}))
    assert (
        client.create_applicant({"first_name": "Ann", "address": {"postcode": "S2 2DF"}}).applicant_id == "applicant-1"
    )
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


def test_an_applicant_is_deleted_at_onfido(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(204))
    client.delete_applicant("applicant-1")
    assert [(request.method, request.path) for request in onfido.received] == [
        ("DELETE", "/v3.6/applicants/applicant-1")
    ]


def test_an_applicant_due_for_deletion_can_be_restored(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(204))
    client.restore_applicant("applicant-1")
    [request] = onfido.received
    assert (request.method, request.path) == ("POST", "/v3.6/applicants/applicant-1/restore")


@pytest.mark.parametrize(("status", "error_type"), [(404, "resource_not_found"), (410, "gone")])
def test_an_update_of_a_missing_applicant_has_the_status_of_onfidos_refusal(
    onfido: ScriptedOnfido, client: OnfidoClient, status: int, error_type: str
) -> None:
    onfido.answers(Reply(status, {"error": {"type": error_type, "message": "No such resource"}}))
    with pytest.raises(OnfidoError) as caught:
        client.update_applicant("applicant-1", {"first_name": "Ann"})
    assert (caught.value.status, caught.value.type) == (status, error_type)


def test_a_run_is_created_with_its_tags(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    answer = {"id": "run-1", "status": "awaiting_input", "applicant_id": "a", "workflow_id": "w", "sdk_token": "secret"}
    onfido.answers(Reply(201, {**answer, "output": None}))
    run = client.create_run(workflow_id="w", applicant_id="a", tags=["attempt-7"])
    assert run == RunSnapshot("run-1", "awaiting_input", sdk_token="secret")
    assert "secret" not in repr(run)
    [request] = onfido.received
    assert (request.method, request.path) == ("POST", "/v3.6/workflow_runs")
    assert request.json == {"workflow_id": "w", "applicant_id": "a", "tags": ["attempt-7"]}


def test_a_run_is_created_with_every_option_of_onfido(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    expires_at = datetime(2026, 12, 24, 19, 30, 15, 999, tzinfo=timezone(timedelta(hours=2)))
    link = LinkOptions("https://app.example/done", "https://app.example/late", expires_at, "de_DE")
    told = {"url": "https://eu.onfido.app/l/1", "expires_at": "2026-12-24T17:30:15Z"}
    onfido.answers(Reply(201, {"id": "run-1", "status": "awaiting_input", "link": told}))
    run = client.create_run(
        workflow_id="w", applicant_id="a", customer_user_id="ann", custom_data={"age": 0, "is_new": False}, link=link
    )
    assert onfido.received[0].json == {
        "workflow_id": "w",
        "applicant_id": "a",
        "customer_user_id": "ann",
        "custom_data": {"age": 0, "is_new": False},
        "link": {
            "completed_redirect_url": "https://app.example/done",
            "expired_redirect_url": "https://app.example/late",
            "expires_at": "2026-12-24T17:30:15Z",
            "language": "de_DE",
        },
    }
    assert (run.link_url, run.link_expires_at) == (told["url"], datetime(2026, 12, 24, 17, 30, 15, tzinfo=UTC))
    assert "onfido.app" not in repr(run)


def test_a_run_is_created_without_empty_options(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(201, {"id": "run-1", "status": "processing"}))
    client.create_run(workflow_id="w", applicant_id="a", tags=(), custom_data={}, link=LinkOptions())
    assert onfido.received[0].json == {"workflow_id": "w", "applicant_id": "a"}


@pytest.mark.parametrize(
    ("status", "fields"), [(422, {"applicant_id": ["does not exist"]}), (410, {}), (404, {}), (400, {})]
)
def test_a_workflow_is_accepted_if_onfido_refuses_only_the_applicant(
    onfido: ScriptedOnfido, client: OnfidoClient, status: int, fields: dict[str, object]
) -> None:
    onfido.answers(*[Reply(status, {"error": {"message": "Applicant not found", "fields": fields}})] * 2)
    client.probe_workflow("w")
    client.probe_workflow("w")
    assert {request.path for request in onfido.received} == {"/v3.6/workflow_runs"}
    assert {request.json["workflow_id"] for request in onfido.received} == {"w"}
    applicants = {str(uuid.UUID(request.json["applicant_id"])) for request in onfido.received}
    assert len(applicants) == 2


@pytest.mark.parametrize(
    ("status", "message", "fields", "code"),
    [
        (404, "Workflow not found", {}, Code.WORKFLOW_REFUSED),
        (422, "No", {"workflow_id": ["is inactive"]}, Code.WORKFLOW_REFUSED),
        (422, "No", {"workflow_id": ["is inactive"], "applicant_id": ["is unknown"]}, Code.WORKFLOW_REFUSED),
        (400, "Neither workflow nor applicant", {}, Code.WORKFLOW_REFUSED),
        (401, "No", {}, Code.TOKEN_REFUSED),
        (500, "Applicant service is down", {}, Code.ONFIDO_UNREACHABLE),
    ],
)
def test_a_workflow_is_refused_for_any_other_error(
    onfido: ScriptedOnfido, client: OnfidoClient, status: int, message: str, fields: dict[str, object], code: Code
) -> None:
    onfido.answers(Reply(status, {"error": {"message": message, "fields": fields}}))
    with pytest.raises(OnfidoError) as caught:
        client.probe_workflow("w")
    assert caught.value.code is code
    assert len(onfido.received) == 1


def test_a_new_run_may_be_approved_at_once(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
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
def test_an_id_stays_one_path_segment(onfido: ScriptedOnfido, client: OnfidoClient, run_id: str, path: str) -> None:
    onfido.answers(Reply(200, {"id": "x", "status": "processing"}))
    client.get_run(run_id)
    assert onfido.received[0].target == path


@pytest.mark.parametrize("run_id", ["", ".", ".."])
def test_an_id_with_path_traversal_is_never_sent(onfido: ScriptedOnfido, client: OnfidoClient, run_id: str) -> None:
    with pytest.raises(OnfidoError) as caught:
        client.get_run(run_id)
    assert (caught.value.code, caught.value.is_sent) == (Code.INITIATION_FAILED, False)
    assert not onfido.received


def test_the_newest_run_with_the_tag_is_found(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
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
    found = client.find_run(tag="t")
    assert found is not None
    assert found.run_id == "newest"
    assert onfido.received[0].query == {"tags": ["t"]}


def test_no_run_is_found_if_onfido_ignores_the_tag(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, [{"id": "other", "status": "processing", "tags": []}]))
    assert client.find_run(tag="t") is None
    assert onfido.received[0].query == {"tags": ["t"]}


def test_runs_listed_without_tags_are_found_by_applicant_and_time(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    ours: dict[str, Any] = {"status": "awaiting_input", "applicant_id": "applicant-1"}
    onfido.answers(
        Reply(
            200,
            [
                {**ours, "id": "earlier", "created_at": "2026-01-02T00:29:59Z"},
                {**ours, "id": "just then", "created_at": "2026-01-02T00:30:00Z"},
                {**ours, "id": "newest", "created_at": "2026-01-03T00:00:00Z", "tags": None},
                {**ours, "id": "undated", "tags": []},
                {**ours, "id": "tagged", "created_at": "2026-01-03T00:00:00Z", "tags": ["another"]},
                {**ours, "id": "another's", "created_at": "2026-01-03T00:00:00Z", "applicant_id": "applicant-2"},
                {"id": "nobody's", "status": "processing", "created_at": "2026-01-03T00:00:00Z"},
                "no run at all",
            ],
            {"Date": "Fri, 02 Jan 2026 01:30:00 GMT"},
        )
    )
    found = client.find_untagged_runs("applicant-1", timedelta(hours=1))
    assert [run.run_id for run in found] == ["newest", "just then", "undated"]
    asked = onfido.received[0].query
    assert asked["applicant_id"] == ["applicant-1"]
    assert timedelta(days=1) <= datetime.now(UTC).date() - date.fromisoformat(asked["created_at_gt"][0])


def test_the_age_of_a_run_is_measured_by_our_clock_if_onfido_sends_no_date(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    now = datetime.now(UTC)
    runs = [
        {"id": name, "status": "processing", "applicant_id": "a", "created_at": (now - age).isoformat()}
        for name, age in {"old": timedelta(minutes=11), "new": timedelta(minutes=9)}.items()
    ]
    onfido.answers(Reply(200, runs, {"Date": "today"}))
    assert [run.run_id for run in client.find_untagged_runs("a", timedelta(minutes=10))] == ["new"]


def test_a_result_with_comparisons_in_its_output_needs_one_request(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    output = {"data_comparison": {"first_name": {"result": "clear"}}}
    onfido.answers(Reply(200, {"id": "run-1", "status": "approved", "output": output}))
    assert client.fetch_result("run-1").comparisons == {"first_name": Comparison.CLEAR}


@pytest.mark.parametrize("status", ["processing", "abandoned", "error"])
def test_an_undecided_run_needs_no_comparison(onfido: ScriptedOnfido, client: OnfidoClient, status: str) -> None:
    onfido.answers(Reply(200, {"id": "run-1", "status": status, "output": None}))
    assert client.fetch_result("run-1").comparisons is None
    assert len(onfido.received) == 1


def test_the_newest_document_check_of_an_approved_run_without_comparison_is_read(
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
    run = client.fetch_result("run-1")
    assert run.comparisons == {"last_name": Comparison.CLEAR}
    assert run.places["last_name"].startswith("document_check_2#/")
    tasks_path = "/v3.6/workflow_runs/run-1/tasks"
    assert [request.path for request in onfido.received[1:]] == [tasks_path, f"{tasks_path}/document_check_2"]


def test_an_approved_run_that_compared_nothing_has_an_empty_mapping(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    onfido.answers(Reply(200, {"id": "run-1", "status": "approved", "output": []}), Reply(200, []))
    run = client.fetch_result("run-1")
    assert run.comparisons == {}
    assert run.is_conclusive


def test_a_document_check_that_compared_nothing_has_an_empty_mapping(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    tasks = [{"id": "document_check_1", "task_def_id": "document_check"}]
    onfido.answers(Reply(200, {"id": "run-1", "status": "approved"}), Reply(200, tasks), Reply(200, {"output": None}))
    assert client.fetch_result("run-1").comparisons == {}


TASKS = [{"id": "document_check_1", "task_def_id": "document_check"}]
WHOLE_REPORT = CLEAR_REPORT | {"properties": {"first_name": "Jane", "document_type": "passport"}}
READ = {"first_name": "Jane", "document_type": "passport"}


def test_the_document_check_also_returns_the_documents_values(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(
        Reply(200, {"id": "run-1", "status": "declined", "output": None}),
        Reply(200, TASKS),
        Reply(200, {"output": WHOLE_REPORT}),
    )
    run = client.fetch_result("run-1")
    assert run.document == READ
    assert "Jane" not in repr(run)


def test_the_document_check_of_a_conclusive_run_is_read_if_document_values_are_needed(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    output = {"data_comparison": {"first_name": {"result": "consider"}}}
    onfido.answers(
        Reply(200, {"id": "run-1", "status": "approved", "output": output}),
        Reply(200, TASKS),
        Reply(200, {"output": WHOLE_REPORT}),
    )
    run = client.fetch_result("run-1", wants_document=True)
    assert (run.document, run.comparisons) == (READ, {"first_name": Comparison.CONSIDER})


@pytest.mark.parametrize("status", ["processing", "awaiting_input", "abandoned", "error"])
def test_the_document_check_of_an_undecided_run_is_not_read(
    onfido: ScriptedOnfido, client: OnfidoClient, status: str
) -> None:
    onfido.answers(Reply(200, {"id": "run-1", "status": status}))
    assert client.fetch_result("run-1", wants_document=True).document is None
    assert len(onfido.received) == 1


def test_an_output_that_holds_the_documents_values_needs_one_request(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    onfido.answers(Reply(200, {"id": "run-1", "status": "approved", "output": {"report": WHOLE_REPORT}}))
    assert client.fetch_result("run-1", wants_document=True).document == READ
    assert len(onfido.received) == 1


def test_the_document_in_the_output_takes_precedence_over_the_tasks(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    output = {"report": {"properties": {"document_type": "visa"}}}
    onfido.answers(
        Reply(200, {"id": "run-1", "status": "approved", "output": output}),
        Reply(200, TASKS),
        Reply(200, {"output": WHOLE_REPORT}),
    )
    run = client.fetch_result("run-1")
    assert (run.document, run.comparisons) == ({"document_type": "visa"}, {"last_name": Comparison.CLEAR})


BILL = {
    "name": "proof_of_address",
    "breakdown": {
        "data_comparison": {
            "first_name": {"result": "unidentified"},
            "last_name": {"result": "consider"},
            "address": {"result": "clear"},
        }
    },
}


@pytest.mark.parametrize(
    ("checked", "found"),
    [
        (CLEAR_REPORT, {"last_name": Comparison.CLEAR, "address": Comparison.CLEAR}),
        ({"properties": {"document_type": "passport"}}, {"address": Comparison.CLEAR}),
        (
            None,
            {
                "first_name": Comparison.UNIDENTIFIED,
                "last_name": Comparison.CONSIDER,
                "address": Comparison.CLEAR,
            },
        ),
    ],
)
def test_the_document_is_fetched_if_only_a_proof_of_address_was_compared(
    onfido: ScriptedOnfido, client: OnfidoClient, checked: Any, found: dict[str, Comparison]
) -> None:
    onfido.answers(
        Reply(200, {"id": "run-1", "status": "approved", "output": {"poa": BILL}}),
        Reply(200, TASKS),
        Reply(200, {"id": "document_check_1", "output": checked}),
    )

    run = client.fetch_result("run-1")

    assert run.comparisons == found
    assert run.is_conclusive


def test_a_run_without_a_document_check_has_no_document(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    output = {"data_comparison": {"first_name": {"result": "clear"}}}
    onfido.answers(Reply(200, {"id": "run-1", "status": "approved", "output": output}), Reply(200, []))
    assert client.fetch_result("run-1", wants_document=True).document is None


def test_an_sdk_token_is_created_for_the_applicant(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, {"token": "header.payload.signature"}))
    assert client.create_sdk_token("applicant-1") == "header.payload.signature"
    [request] = onfido.received
    assert (request.method, request.path) == ("POST", "/v3.6/sdk_token")
    assert request.json == {"applicant_id": "applicant-1"}


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (SdkOptions(referrer="https://*.app.example/*"), {"referrer": "https://*.app.example/*"}),
        (SdkOptions(application_id="com.example.app"), {"application_id": "com.example.app"}),
        (
            SdkOptions(referrer="*://app.example/*", cross_device_url="https://id.example"),
            {"referrer": "*://app.example/*", "cross_device_url": "https://id.example"},
        ),
    ],
)
def test_an_sdk_token_is_bound_as_requested(
    onfido: ScriptedOnfido, client: OnfidoClient, options: SdkOptions, sent: dict[str, str]
) -> None:
    onfido.answers(Reply(200, {"token": "header.payload.signature"}))
    client.create_sdk_token("applicant-1", options)
    assert onfido.received[0].json == {"applicant_id": "applicant-1", **sent}


def test_a_watchlist_monitor_names_its_applicant(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, {"id": "m", "applicant_id": "a", "deleted_at": "2026-03-01T10:00:00Z"}))
    assert client.get_watched_applicant("m") == "a"
    assert onfido.received[0].path == "/v3.6/watchlist_monitors/m"


def test_a_watchlist_monitor_without_an_applicant_is_unreadable(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, {"id": "m", "applicant_id": None}))
    with pytest.raises(OnfidoError, match="it has no applicant_id"):
        client.get_watched_applicant("m")


@pytest.mark.parametrize("status", [204, 404, 410])
def test_a_watchlist_monitor_is_ended_even_if_it_is_already_missing(
    onfido: ScriptedOnfido, client: OnfidoClient, status: int
) -> None:
    onfido.answers(Reply(status, {"error": {"type": "resource_not_found"}} if status != 204 else b""))
    client.delete_monitor("m")
    assert (onfido.received[0].method, onfido.received[0].path) == ("DELETE", "/v3.6/watchlist_monitors/m")


def test_a_watchlist_monitor_that_could_not_be_ended_is_an_error(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(404, b"<html>"), Reply(503))
    for _ in range(2):
        with pytest.raises(OnfidoError):
            client.delete_monitor("m")


def test_active_monitors_of_the_applicant_are_listed(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    monitors = [
        {"id": "one", "applicant_id": "a", "report_name": "watchlist_aml", "tags": ["x", 1]},
        {"id": "two", "applicant_id": "a", "report_name": "watchlist_standard", "deleted_at": None},
        {"id": "ended", "applicant_id": "a", "deleted_at": "2026-03-01T10:00:00Z"},
        {"id": "of another", "applicant_id": "b"},
        {"applicant_id": "a"},
    ]
    onfido.answers(Reply(200, {"monitors": monitors}))
    assert client.list_monitors("a") == [
        RemoteMonitor("one", "watchlist_aml", ("x",)),
        RemoteMonitor("two", "watchlist_standard", None),
    ]
    assert onfido.received[0].target == "/v3.6/watchlist_monitors?applicant_id=a"


def test_ping_checks_more_than_the_health_of_the_region(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, b"pong", {"Content-Type": "text/plain"}), Reply(401))
    with pytest.raises(OnfidoError) as caught:
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
def test_an_unreadable_success_is_a_failure_that_may_have_taken_effect(
    onfido: ScriptedOnfido, client: OnfidoClient, body: bytes
) -> None:
    onfido.answers(*[Reply(201, body, {"X-Request-Id": "req-1"})] * 3)
    calls: list[Callable[[], object]] = [
        lambda: client.create_applicant({"first_name": "Ann"}),
        lambda: client.create_run(workflow_id="w", applicant_id="a"),
        lambda: client.create_sdk_token("a"),
    ]
    for call in calls:
        with pytest.raises(OnfidoError) as caught:
            call()
        error = caught.value
        assert (error.code, error.status, error.request_id) == (Code.INITIATION_FAILED, 201, "req-1")
        assert error.is_sent
        assert error.__cause__ is not None


def test_an_answer_that_is_not_a_list_is_a_failure(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, {"runs": []}))
    with pytest.raises(OnfidoError) as caught:
        client.find_run(tag="t")
    assert caught.value.code is Code.INITIATION_FAILED


def test_one_deadline_bounds_all_requests_of_a_result(onfido: ScriptedOnfido) -> None:
    onfido.answers(
        Reply(200, {"id": "run-1", "status": "approved"}),
        Reply(200, [{"id": "document_check_1", "task_def_id": "document_check"}]),
        Reply(200, {"output": CLEAR_REPORT}, delay=GENEROUS / 2),
    )

    def clock() -> float:
        return len(onfido.received) * GENEROUS  # that is how long each answer takes

    with closing(OnfidoTransport(read_timeout=GENEROUS, clock=clock)) as transport:
        client = transport.client(onfido.base_url, API_TOKEN, deadline=2 * GENEROUS + 0.5)
        with pytest.raises(OnfidoError) as caught:
            client.fetch_result("run-1")
    assert caught.value.code is Code.ONFIDO_UNREACHABLE
    onfido.wait_for(requests=3)
