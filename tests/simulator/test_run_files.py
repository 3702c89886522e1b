from __future__ import annotations

import io
import json
import re
import tracemalloc
import uuid
import zipfile
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from connector.simulator.server import Simulator
from tests import vendor as onfido

Json = dict[str, Any]
NewRun = Callable[..., Json]
EndRun = Callable[..., Json]
SetFaults = Callable[..., Json]

MEGABYTE = 1_000_000


@pytest.fixture
def run_id(new_run: NewRun, end_run: EndRun) -> uuid.UUID:
    """A run that has ended."""
    return uuid.UUID(end_run(new_run())["id"])


@pytest.fixture
def evidence_url(simulator: Simulator, run_id: uuid.UUID) -> str:
    return f"{simulator.api_url}/workflow_runs/{run_id}/signed_evidence_file"


def assert_pdf(content: bytes) -> None:
    """Check a PDF as a viewer starts to read it: from its end to the table of its objects, and each object."""
    assert content.startswith(b"%PDF-1.4\n")
    found = re.search(rb"startxref\n(\d+)\n%%EOF\n\Z", content)
    assert found
    table = content[int(found[1]) :]
    assert table.startswith(b"xref\n0 7\n")
    offsets = [int(offset) for offset in re.findall(rb"(\d{10}) 00000 n \n", table)]
    for number, offset in enumerate(offsets, 1):
        assert content[offset:].startswith(b"%d 0 obj\n" % number)
    for length, stream in re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", content, re.DOTALL):
        assert int(length) == len(stream)


def test_the_vendors_client_fetches_every_file(vendor: onfido.DefaultApi, run_id: uuid.UUID) -> None:
    reference = vendor.create_timeline_file(run_id)
    timeline = bytes(vendor.find_timeline_file(run_id, reference.workflow_timeline_file_id))
    evidence = bytes(vendor.download_signed_evidence_file(run_id))
    folder = zipfile.ZipFile(io.BytesIO(vendor.download_evidence_folder(run_id)))

    assert reference.href.endswith(f"/workflow_runs/{run_id}/timeline_file/{reference.workflow_timeline_file_id}")
    for content, title in ((timeline, b"Timeline file"), (evidence, b"Signed evidence file")):
        assert_pdf(content)
        assert title + b" of workflow run " + str(run_id).encode() in content
    assert folder.testzip() is None
    assert_pdf(folder.read("signed_evidence_file.pdf"))


def test_an_open_run_has_no_files(vendor: onfido.DefaultApi, new_run: NewRun) -> None:
    run_id = uuid.UUID(new_run()["id"])
    for attempt in (
        lambda: vendor.create_timeline_file(run_id),
        lambda: vendor.find_timeline_file(run_id, uuid.uuid4()),
        lambda: vendor.download_signed_evidence_file(run_id),
        lambda: vendor.download_evidence_folder(run_id),
    ):
        with pytest.raises(onfido.exceptions.UnprocessableEntityException) as refused:
            attempt()
        error = json.loads(str(refused.value.body))["error"]
        assert error["type"] == "validation_error"
        assert error["fields"] == {"workflow_run_id": ["must have ended"]}


def test_a_timeline_file_is_found_at_its_location(
    vendor: onfido.DefaultApi, run_id: uuid.UUID, new_run: NewRun, end_run: EndRun
) -> None:
    other_id = uuid.UUID(end_run(new_run())["id"])
    file_id = vendor.create_timeline_file(run_id).workflow_timeline_file_id
    for where, which in ((other_id, file_id), (run_id, uuid.uuid4()), (uuid.uuid4(), file_id)):
        with pytest.raises(onfido.exceptions.NotFoundException):
            vendor.find_timeline_file(where, which)


def test_a_redirect_leads_to_another_host_that_takes_no_token_and_each_signature_once(
    http: requests.Session, evidence_url: str
) -> None:
    answer = http.get(evidence_url, timeout=60, allow_redirects=False)
    assert answer.status_code == 302
    place = answer.headers["Location"]
    assert urlsplit(place).hostname != urlsplit(evidence_url).hostname
    assert not urlsplit(place).path.startswith("/v3.6")

    with_token = http.get(place, timeout=60)
    assert (with_token.status_code, "InvalidArgument" in with_token.text) == (400, True)
    without = requests.get(place, timeout=60)
    assert (without.status_code, without.headers["Content-Type"]) == (200, "application/pdf")
    again = requests.get(place, timeout=60)
    assert (again.status_code, "AccessDenied" in again.text) == (403, True)


def test_a_signature_is_valid_only_for_its_file(http: requests.Session, evidence_url: str) -> None:
    place = http.get(evidence_url, timeout=60, allow_redirects=False).headers["Location"]
    for wrong in (place.replace("signed_evidence_file", "evidence_folder"), place[:-1], place.partition("?")[0]):
        assert requests.get(wrong, timeout=60).status_code == 403
    assert requests.get(place, timeout=60).status_code == 200


def test_files_can_be_returned_without_a_redirect(
    http: requests.Session, set_faults: SetFaults, evidence_url: str
) -> None:
    set_faults(files_inline=1)
    answer = http.get(evidence_url, timeout=60, allow_redirects=False)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert_pdf(answer.content)
    assert http.get(evidence_url, timeout=60, allow_redirects=False).status_code == 302


def test_files_can_be_slow_to_become_ready(vendor: onfido.DefaultApi, set_faults: SetFaults, run_id: uuid.UUID) -> None:
    file_id = vendor.create_timeline_file(run_id).workflow_timeline_file_id
    set_faults(files_pending=2)
    for _ in range(2):
        with pytest.raises(onfido.exceptions.NotFoundException):
            vendor.find_timeline_file(run_id, file_id)
    assert vendor.find_timeline_file(run_id, file_id)


@pytest.mark.parametrize("name", ["signed_evidence_file", "evidence_folder"])
def test_files_have_the_requested_size(
    simulator: Simulator, http: requests.Session, set_faults: SetFaults, run_id: uuid.UUID, name: str
) -> None:
    for size in (10_000, 200_001):
        set_faults(files_bytes=size)
        answer = http.get(f"{simulator.api_url}/workflow_runs/{run_id}/{name}", timeout=60)
        assert len(answer.content) == int(answer.headers["Content-Length"]) == size
        if name == "evidence_folder":
            assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None
        else:
            assert_pdf(answer.content)


@pytest.mark.parametrize("name", ["signed_evidence_file", "evidence_folder"])
def test_large_files_are_streamed(
    simulator: Simulator, http: requests.Session, set_faults: SetFaults, run_id: uuid.UUID, name: str
) -> None:
    set_faults(files_bytes=40 * MEGABYTE, files_inline=1)
    url = f"{simulator.api_url}/workflow_runs/{run_id}/{name}"
    tracemalloc.start()
    try:
        with http.get(url, timeout=60, stream=True) as answer:
            received = sum(len(block) for block in answer.iter_content(64 * 1024))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert received == 40 * MEGABYTE
    assert peak < 4 * MEGABYTE


def test_a_disconnected_caller_does_not_affect_others(
    http: requests.Session, set_faults: SetFaults, evidence_url: str
) -> None:
    set_faults(files_bytes=40 * MEGABYTE, files_inline=1)
    with http.get(evidence_url, timeout=60, stream=True) as answer:
        assert answer.raw.read(10)
    assert http.get(evidence_url, timeout=60, allow_redirects=False).status_code == 302


def test_a_new_timeline_file_sends_an_event(
    vendor: onfido.DefaultApi,
    run_id: uuid.UUID,
    subscribe: Callable[..., Json],
    read_event: Callable[[Json], Json],
) -> None:
    webhook = subscribe(events=["workflow_timeline_file.created"])
    file_id = vendor.create_timeline_file(run_id).workflow_timeline_file_id
    payload = read_event(webhook)
    assert payload["resource_type"] == "workflow_timeline_file"
    assert payload["object"]["id"] == payload["resource"]["id"] == str(file_id)
    assert payload["object"]["href"].endswith(f"/v3.6/workflow_runs/{run_id}/timeline_file/{file_id}")
    assert payload["resource"]["workflow_run_id"] == str(run_id)
    assert_pdf(requests.get(payload["resource"]["timeline_file_download_url"], timeout=60).content)
