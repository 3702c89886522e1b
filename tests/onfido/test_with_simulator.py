"""The client against the simulator, which was written independently: both must agree on Onfido's description."""

from __future__ import annotations

import io
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from connector.domain.studio.capture import LinkOptions, SdkOptions
from connector.domain.studio.workflow_run import Comparison
from connector.errors import Code, OnfidoError
from connector.onfido.client import FileStream, OnfidoClient, OnfidoTransport
from connector.onfido.payloads import applicant_fields
from connector.onfido.subscriptions import ENVIRONMENTS, EVENTS
from connector.simulator.server import Simulator
from connector.simulator.workflow_runs import UNKNOWN_WORKFLOW
from tests.onfido.conftest import API_TOKEN

WORKFLOW_ID = "8a9b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
PERSON = {"first_name": "Ann", "last_name": "Example"}
APPROVED = {"status": "approved", "shape": "none"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Iterator[OnfidoClient]:
    with closing(OnfidoTransport()) as transport:
        yield transport.client(simulator.api_url, API_TOKEN)


@pytest.fixture
def applicant_id(client: OnfidoClient) -> str:
    return client.create_applicant(PERSON).applicant_id


def control(simulator: Simulator, method: str, path: str, **body: Any) -> None:
    answer = requests.request(method, f"{simulator.url}/simulator/{path}", json=body, timeout=60)
    assert answer.ok, answer.text


def ended_run(simulator: Simulator, client: OnfidoClient, applicant_id: str) -> str:
    run = client.create_run(workflow_id=WORKFLOW_ID, applicant_id=applicant_id)
    control(simulator, "POST", f"runs/{run.run_id}/outcome", **APPROVED)
    return run.run_id


def whole(opened: AbstractContextManager[FileStream]) -> bytes:
    with opened as file:
        content = b"".join(file.chunks)
        assert file.length == len(content)
        return content


def test_an_applicant_is_created_with_numbers_and_consents(client: OnfidoClient) -> None:
    values = PERSON | {
        "id_numbers.driving_licence": "D1234567",
        "id_numbers.driving_licence.state_code": "CA",
        "consents.privacy_notices_read": "TRUE",
    }
    applicant_id = client.create_applicant(applicant_fields(values)).applicant_id
    client.delete_applicant(applicant_id)
    client.restore_applicant(applicant_id)
    client.update_applicant(applicant_id, {"last_name": "Other"})


def test_a_run_is_created_with_all_options(client: OnfidoClient, applicant_id: str) -> None:
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    run = client.create_run(
        workflow_id=WORKFLOW_ID,
        applicant_id=applicant_id,
        tags=["attempt-1", "geo:usa"],
        customer_user_id="ann",
        custom_data={"age": 42, "is_new": True},
        link=LinkOptions("https://app.example/done", "https://app.example/late", expires_at, "de_DE"),
    )
    assert (run.tags, run.link_expires_at) == (("attempt-1", "geo:usa"), expires_at)
    assert run.link_url
    assert run.dashboard_url
    assert client.find_run(tag="geo:usa") == client.get_run(run.run_id)


@pytest.mark.parametrize("options", [SdkOptions(), SdkOptions("*://app.example/*", None, "https://id.example")])
def test_an_sdk_token_is_created_with_all_options(client: OnfidoClient, applicant_id: str, options: SdkOptions) -> None:
    assert client.create_sdk_token(applicant_id, options)


def test_checking_a_workflow_creates_no_run(simulator: Simulator, client: OnfidoClient) -> None:
    client.probe_workflow(WORKFLOW_ID)
    for unknown in (UNKNOWN_WORKFLOW, "no-uuid"):
        with pytest.raises(OnfidoError) as caught:
            client.probe_workflow(unknown)
        assert caught.value.code is Code.WORKFLOW_REFUSED
    assert requests.get(f"{simulator.url}/simulator/state", timeout=60).json()["runs"] == []


def test_document_values_are_read_from_the_task(simulator: Simulator, client: OnfidoClient, applicant_id: str) -> None:
    run = client.fetch_result(ended_run(simulator, client, applicant_id), wants_document=True)
    assert run.comparisons == {"first_name": Comparison.CLEAR, "last_name": Comparison.CLEAR}
    assert run.document is not None
    assert {"first_name", "last_name", "date_of_birth", "document_type", "document_number"} <= set(run.document)


def test_webhooks_are_created_listed_changed_and_deleted(client: OnfidoClient) -> None:
    created = client.create_webhook(url="https://a.example", events=["workflow_run.completed"], name="a")
    assert created.token
    assert (created.events, created.environments) == (frozenset({"workflow_run.completed"}), ENVIRONMENTS)
    everything = client.create_webhook(url="https://b.example", events=(), environments=["live"], name="b")
    assert (everything.events, everything.environments) == (EVENTS, frozenset({"live"}))
    changed = client.update_webhook(created.webhook_id, events=(), environments=["sandbox"], enabled=False)
    assert (changed.events, changed.environments, changed.is_enabled) == (EVENTS, frozenset({"sandbox"}), False)
    client.delete_webhook(everything.webhook_id)
    assert [webhook.webhook_id for webhook in client.list_webhooks()] == [created.webhook_id]


def test_a_task_accepts_only_data_that_match_its_schema(
    simulator: Simulator, client: OnfidoClient, applicant_id: str
) -> None:
    task = {"task_def_id": "score", "input": {"age": 42}, "output_schema": {"score": "number"}}
    control(simulator, "PUT", f"workflows/{WORKFLOW_ID}", tasks=[task])
    run_id = ended_run(simulator, client, applicant_id)
    [waiting] = [each for each in client.list_tasks(run_id) if each.task_def_id == "score"]
    found = client.get_task(run_id, waiting.task_id)
    assert (found.summary, found.input, found.output) == (waiting, {"age": 42}, None)
    with pytest.raises(OnfidoError, match="score") as caught:
        client.complete_task(run_id, waiting.task_id, {"score": "hunter2"})
    assert caught.value.code is Code.TASK_REFUSED
    assert "hunter2" not in caught.value.description
    client.complete_task(run_id, waiting.task_id, {"score": 7})
    assert client.get_task(run_id, waiting.task_id).output == {"score": 7}
    assert client.get_run(run_id).status == "approved"


@pytest.mark.parametrize("is_inline", [False, True])
def test_files_are_served_by_the_api_and_by_its_storage(
    simulator: Simulator, client: OnfidoClient, applicant_id: str, *, is_inline: bool
) -> None:
    run_id = ended_run(simulator, client, applicant_id)
    control(simulator, "PATCH", "faults", files_bytes=300_000, files_inline=3 if is_inline else 0)
    file_id = client.create_timeline_file(run_id)
    for opened in (client.open_timeline_file(run_id, file_id), client.open_signed_evidence(run_id)):
        content = whole(opened)
        assert content[:5] == b"%PDF-"
        assert len(content) >= 300_000
    content = whole(client.open_evidence_folder(run_id))
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None


def test_a_file_that_is_not_ready_or_does_not_exist_is_unavailable(
    simulator: Simulator, client: OnfidoClient, applicant_id: str
) -> None:
    open_run = client.create_run(workflow_id=WORKFLOW_ID, applicant_id=applicant_id).run_id
    run_id = ended_run(simulator, client, applicant_id)
    with pytest.raises(OnfidoError) as refused:
        client.create_timeline_file(open_run)
    with pytest.raises(OnfidoError) as unknown:
        whole(client.open_timeline_file(run_id, str(uuid.uuid4())))
    control(simulator, "PATCH", "faults", files_pending=1)
    with pytest.raises(OnfidoError) as pending:
        whole(client.open_evidence_folder(run_id))
    assert {caught.value.code for caught in (refused, unknown, pending)} == {Code.FILE_UNAVAILABLE}
    whole(client.open_evidence_folder(run_id))


def test_a_watchlist_monitor_is_readable_after_its_deletion(
    simulator: Simulator, client: OnfidoClient, applicant_id: str
) -> None:
    monitors, body = f"{simulator.api_url}/watchlist_monitors", {"applicant_id": applicant_id}
    headers = {"Authorization": f"Token token={API_TOKEN}"}
    answer = requests.post(monitors, json=body | {"report_name": "watchlist_aml"}, headers=headers, timeout=60)
    monitor_id = answer.json()["id"]
    assert client.get_watched_applicant(monitor_id) == applicant_id
    assert requests.delete(f"{monitors}/{monitor_id}", headers=headers, timeout=60).ok
    assert client.get_watched_applicant(monitor_id) == applicant_id
