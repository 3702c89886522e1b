from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import requests

from connector.simulator.server import Simulator
from tests import vendor as onfido

WORKFLOW_ID = uuid.UUID("8a9b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d")
NewRun = Callable[..., dict[str, Any]]


@pytest.fixture
def applicant_id(vendor: onfido.DefaultApi) -> uuid.UUID:
    return vendor.create_applicant(onfido.ApplicantBuilder(first_name="Ada", last_name="Lovelace")).id


def start(vendor: onfido.DefaultApi, applicant_id: uuid.UUID, **values: Any) -> onfido.WorkflowRun:
    builder = onfido.WorkflowRunBuilder(**{"applicant_id": applicant_id, "workflow_id": WORKFLOW_ID} | values)
    return vendor.create_workflow_run(builder)


def test_a_new_run_awaits_input_with_a_token_and_a_link(
    simulator: Simulator, vendor: onfido.DefaultApi, applicant_id: uuid.UUID
) -> None:
    link = onfido.WorkflowRunLink(completed_redirect_url="https://example.org/done", language="de_DE")
    run = start(vendor, applicant_id, tags=["one"], customer_user_id="42", link=link, custom_data={"a": [1]})

    assert run.status == onfido.WorkflowRunStatus.AWAITING_INPUT
    assert (run.applicant_id, run.workflow_id, run.tags) == (applicant_id, WORKFLOW_ID, ["one"])
    assert run.customer_user_id == "42"
    assert run.sdk_token is not None
    assert run.sdk_token.count(".") == 2
    assert (run.output, run.reasons, run.error) == (None, [], None)
    assert run.link is not None
    assert run.link.url == f"{simulator.url}/link/{run.id}"
    assert run.link.completed_redirect_url == "https://example.org/done"
    assert run.workflow_version_id == 1
    assert run.dashboard_url
    assert vendor.find_workflow_run(run.id) == run


def test_an_ended_run_has_no_token(
    vendor: onfido.DefaultApi, new_run: NewRun, end_run: Callable[..., dict[str, Any]]
) -> None:
    run = new_run()
    end_run(run)
    found = vendor.find_workflow_run(uuid.UUID(run["id"]))
    assert found.status == onfido.WorkflowRunStatus.APPROVED
    assert found.sdk_token is None


def test_runs_are_listed_newest_first_and_filtered(
    vendor: onfido.DefaultApi, applicant_id: uuid.UUID, new_run: NewRun, end_run: Callable[..., dict[str, Any]]
) -> None:
    first = start(vendor, applicant_id, tags=["a", "b"]).id
    second = start(vendor, applicant_id, tags=["a"]).id
    third = uuid.UUID(end_run(new_run(), status="declined")["id"])
    today = date.today()

    def ids(**query: Any) -> list[uuid.UUID]:
        return [run.id for run in vendor.list_workflow_runs(**query)]

    assert ids() == [third, second, first]
    assert ids(sort="asc") == [first, second, third]
    assert ids(tags=["a"]) == [second, first]
    assert ids(tags=["a", "b"]) == [first]
    assert ids(applicant_id=applicant_id) == [second, first]
    assert ids(status="declined,review") == [third]
    assert ids(created_at_gt=today - timedelta(days=1), created_at_lt=today + timedelta(days=2)) == ids()
    assert ids(created_at_gt=today + timedelta(days=2)) == []
    assert ids(page=2) == []


def test_a_page_of_runs_holds_twenty(vendor: onfido.DefaultApi, applicant_id: uuid.UUID) -> None:
    for _ in range(21):
        start(vendor, applicant_id)
    assert [len(vendor.list_workflow_runs(page=page)) for page in (1, 2, 3)] == [20, 1, 0]


@pytest.mark.parametrize(
    "query", ["page=0", "status=approved,done", "created_at_gt=yesterday", "sort=up", "applicant_id=x", "tags="]
)
def test_an_invalid_filter_is_refused(simulator: Simulator, http: requests.Session, query: str) -> None:
    answer = http.get(f"{simulator.api_url}/workflow_runs?{query}", timeout=60)
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [query.partition("=")[0]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("workflow_id", "my-workflow"),
        ("workflow_id", None),
        ("applicant_id", 7),
        ("applicant_id", "8a9b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4e"),
        ("tags", "one"),
        ("tags", [""]),
        ("tags", ["x" * 129]),
        ("tags", ["x"] * 31),
        ("customer_user_id", "x" * 257),
        ("custom_data", []),
        ("link", "https://example.org"),
        ("link", {"language": "en_GB"}),
        ("link", {"completed_redirect_url": "javascript:alert(1)"}),
        ("link", {"expires_at": "soon"}),
        ("link", {"expires_at": "2999-12-31"}),
        ("link", {"expires_at": "2999-12-31T23:59:59"}),
        ("link", {"expires_at": "2020-01-01T00:00:00Z"}),
        ("link", {"expired_redirect_url": "example.org"}),
        ("link", None),
        ("tags", [1]),
        ("customer_user_id", 42),
        ("custom_data", "a=1"),
    ],
)
def test_a_run_that_breaks_onfidos_rules_is_refused_by_name(
    simulator: Simulator, http: requests.Session, applicant_id: uuid.UUID, field: str, value: Any
) -> None:
    body = {"workflow_id": str(WORKFLOW_ID), "applicant_id": str(applicant_id)} | {field: value}
    answer = http.post(f"{simulator.api_url}/workflow_runs", json=body, timeout=60)
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [field]


def test_a_run_accepts_all_options_of_onfido(vendor: onfido.DefaultApi, applicant_id: uuid.UUID) -> None:
    run = start(vendor, applicant_id, tags=["x" * 128] * 30, customer_user_id="x" * 256)
    assert run.tags is not None
    assert len(run.tags) == 30


def test_the_input_of_a_run_can_be_looked_up(
    vendor: onfido.DefaultApi, applicant_id: uuid.UUID, state_of: Callable[[], dict[str, Any]]
) -> None:
    link = onfido.WorkflowRunLink(
        expired_redirect_url="https://example.org/late",
        expires_at=datetime(2999, 12, 31, 12, tzinfo=UTC),
        language="nl_NL",
    )
    run = start(
        vendor,
        applicant_id,
        customer_user_id="42",
        tags=["one"],
        link=link,
        custom_data={"age": 18, "is_employed": True},
    )
    assert run.link is not None
    assert (run.link.expires_at, run.link.language) == (link.expires_at, "nl_NL")
    (known,) = state_of()["runs"]
    assert known["custom_data"] == {"age": 18, "is_employed": True}
    assert (known["customer_user_id"], known["tags"], known["workflow_id"]) == ("42", ["one"], str(WORKFLOW_ID))
    assert known["link"]["expired_redirect_url"] == "https://example.org/late"


def test_unknown_members_of_a_link_are_not_shown(
    simulator: Simulator, http: requests.Session, applicant_id: uuid.UUID
) -> None:
    link = {"url": "https://example.org/mine", "colour": "red"}
    body = {"workflow_id": str(WORKFLOW_ID), "applicant_id": str(applicant_id), "link": link}
    run = http.post(f"{simulator.api_url}/workflow_runs", json=body, timeout=60).json()
    assert set(run["link"]) == {"url", "completed_redirect_url", "expired_redirect_url", "expires_at", "language"}
    assert run["link"]["url"].startswith(simulator.url)


def test_a_run_requires_its_workflow_and_its_applicant(simulator: Simulator, http: requests.Session) -> None:
    answer = http.post(f"{simulator.api_url}/workflow_runs", json={}, timeout=60)
    assert set(answer.json()["error"]["fields"]) == {"workflow_id", "applicant_id"}


def test_a_deleted_applicant_gets_no_run_and_no_token(vendor: onfido.DefaultApi, applicant_id: uuid.UUID) -> None:
    vendor.delete_applicant(applicant_id)
    with pytest.raises(onfido.exceptions.UnprocessableEntityException):
        start(vendor, applicant_id)
    with pytest.raises(onfido.exceptions.UnprocessableEntityException):
        vendor.generate_sdk_token(onfido.SdkTokenBuilder(applicant_id=applicant_id))


def test_the_nil_workflow_does_not_exist(vendor: onfido.DefaultApi, applicant_id: uuid.UUID) -> None:
    with pytest.raises(onfido.exceptions.NotFoundException) as refused:
        start(vendor, applicant_id, workflow_id=uuid.UUID(int=0))
    assert json.loads(str(refused.value.body))["error"]["type"] == "resource_not_found"


def test_an_unknown_run_and_its_tasks_are_not_found(vendor: onfido.DefaultApi) -> None:
    for attempt in (vendor.find_workflow_run, vendor.list_tasks):
        with pytest.raises(onfido.exceptions.NotFoundException):
            attempt(uuid.uuid4())


def test_an_sdk_token_is_made_for_an_applicant(vendor: onfido.DefaultApi, applicant_id: uuid.UUID) -> None:
    builder = onfido.SdkTokenBuilder(applicant_id=applicant_id, referrer="https://*.example.org/*")
    tokens = {vendor.generate_sdk_token(builder).token for _ in range(2)}
    assert len(tokens) == 2


def test_an_sdk_token_shows_its_purpose(vendor: onfido.DefaultApi, applicant_id: uuid.UUID) -> None:
    claims: dict[str, Any] = {
        "referrer": "https://*.example.org/*",
        "application_id": "org.example.app",
        "cross_device_url": "https://example.org/onfido",
    }
    token = vendor.generate_sdk_token(onfido.SdkTokenBuilder(applicant_id=applicant_id, **claims)).token
    assert token is not None
    payload = token.split(".")[1]
    read = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert read["payload"] == {"app": str(applicant_id), **claims}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("applicant_id", "x"),
        ("applicant_id", None),
        ("referrer", ["https://example.org"]),
        ("referrer", ""),
        ("application_id", 7),
        ("cross_device_url", "example.org"),
        ("cross_device_url", None),
    ],
)
def test_an_sdk_token_that_breaks_onfidos_rules_is_refused_by_name(
    simulator: Simulator, http: requests.Session, applicant_id: uuid.UUID, field: str, value: Any
) -> None:
    answer = http.post(
        f"{simulator.api_url}/sdk_token", json={"applicant_id": str(applicant_id), field: value}, timeout=60
    )
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [field]


def test_an_open_task_is_completed_once_with_data(vendor: onfido.DefaultApi, applicant_id: uuid.UUID) -> None:
    run = start(vendor, applicant_id)
    (listed,) = vendor.list_tasks(run.id)
    assert listed.task_def_id == "document_photo"
    assert listed.id is not None
    assert vendor.find_task(run.id, listed.id).output is None

    data = onfido.CompleteTaskBuilder(data=onfido.CompleteTaskDataBuilder({"seen": True}))
    vendor.complete_task(run.id, listed.id, data)

    assert vendor.find_task(run.id, listed.id).output == {"seen": True}
    with pytest.raises(onfido.exceptions.UnprocessableEntityException):
        vendor.complete_task(run.id, listed.id, data)


@pytest.mark.parametrize("body", [{}, {"data": "yes"}, {"data": [1]}, {"data": None}])
def test_a_task_accepts_only_objects(
    simulator: Simulator, http: requests.Session, new_run: NewRun, body: dict[str, Any]
) -> None:
    tasks = f"{simulator.api_url}/workflow_runs/{new_run()['id']}/tasks"
    task_id = http.get(tasks, timeout=60).json()[0]["id"]
    answer = http.post(f"{tasks}/{task_id}/complete", json=body, timeout=60)
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == ["data"]


def test_an_unknown_task_is_not_found(vendor: onfido.DefaultApi, applicant_id: uuid.UUID) -> None:
    run = start(vendor, applicant_id)
    with pytest.raises(onfido.exceptions.NotFoundException):
        vendor.find_task(run.id, "document_check_00000")
