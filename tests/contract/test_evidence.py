"""The files of a run at Onfido, over HTTP: streamed whole, or not at all."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from zipfile import ZipFile

import pytest
import requests
import schemathesis

from tests.bodies import config_properties, event_body, provider_body
from tests.contract.wire import PROVIDERS, RUNS, UNKNOWN_ID, answer_on, assert_error, new_user
from tests.harness import Caller, World

FILES = ("timeline-file", "signed-evidence", "evidence-folder")
ROUTES = {
    "timeline-file": "GET /workflow_runs/{run_id}/timeline_file/{file_id}",
    "signed-evidence": "GET /workflow_runs/{run_id}/signed_evidence_file",
    "evidence-folder": "GET /workflow_runs/{run_id}/evidence_folder",
}
CREATE = "POST /workflow_runs/{run_id}/timeline_file"
UNKNOWN_WORKFLOW = "00000000-0000-0000-0000-000000000000"
MEGABYTE = 1024 * 1024
HEAD = b"%PDF-"

each_file = pytest.mark.parametrize("file", FILES)


@pytest.fixture
def admin(own: World) -> Caller:
    return own.connector.caller("auditor", ["internal_idv_claim_view"])


def start(world: World) -> str:
    return world.start(new_user(world)[1])


@pytest.fixture
def ended(own: World) -> str:
    """A run that has ended, here and at Onfido."""
    run_id = start(own)
    own.outcome(run_id)
    assert own.post_event(event_body(run_id, comparisons={"first_name": "clear"})).status_code == 200
    return run_id


def path_of(world: World, run_id: str, *parts: str) -> str:
    return "/".join((f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}", *parts))


def get(world: World, admin: Caller, run_id: str, file: str, **options: Any) -> requests.Response:
    """Request a file; a timeline is created first."""
    path = path_of(world, run_id, file)
    if file == "timeline-file":
        path += "/" + answer_on(admin.post(path, None), 202)["fileId"]
    return admin.get(path, **options)


def calls(world: World) -> int:
    """Count the objects that Onfido was asked to create."""
    return int(world.onfido_state()["requests"].get(CREATE, 0))


# Files


def test_a_timeline_is_created_and_then_fetched_from_its_location(own: World, admin: Caller, ended: str) -> None:
    made = answer_on(admin.post(path_of(own, ended, "timeline-file"), None), 202)

    assert set(made) == {"fileId", "href"}
    assert made["href"] == own.connector.url + path_of(own, ended, "timeline-file", made["fileId"])
    answer = requests.get(made["href"], headers=admin.headers, timeout=60)
    assert answer.status_code == 200
    assert answer.content.startswith(HEAD)


def test_the_location_of_a_timeline_contains_the_tenant(own: World) -> None:
    world = replace(own, tenant="files.example")
    body = provider_body(own.simulator, configProperties=config_properties(own.simulator))
    admin = own.connector.as_admin(world.tenant)
    world.provider_id = answer_on(admin.post(PROVIDERS, body), 201)["id"]
    run_id = start(world)
    world.outcome(run_id)
    made = answer_on(admin.post(path_of(world, run_id, "timeline-file"), None), 202)
    assert f"/t/{world.tenant}/" in made["href"]
    assert requests.get(made["href"], headers=admin.headers, timeout=60).content.startswith(HEAD)


@each_file
@pytest.mark.parametrize("is_inline", [False, True], ids=["redirected", "inline"])
@pytest.mark.one_database
def test_a_file_is_passed_on_unchanged_and_must_not_be_cached(
    own: World, admin: Caller, ended: str, file: str, is_inline: bool
) -> None:
    own.faults(files_bytes=300_000, files_inline=-int(is_inline))

    answer = get(own, admin, ended, file)

    assert answer.status_code == 200, answer.text
    assert len(answer.content) == int(answer.headers["Content-Length"]) == 300_000
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert ended in answer.headers["Content-Disposition"]
    if file == "evidence-folder":
        assert answer.headers["Content-Type"] == "application/zip"
        assert ZipFile(io.BytesIO(answer.content)).testzip() is None
    else:
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.content.startswith(HEAD)


def test_answers_with_files_match_the_documentation(own: World, admin: Caller, ended: str) -> None:
    document = requests.get(f"{own.connector.url}/openapi.json", timeout=60).json()
    documented = schemathesis.openapi.from_dict(document)
    made = admin.post(path_of(own, ended, "timeline-file"), None)
    documented[RUNS + "/{run_id}/timeline-file"]["POST"].validate_response(made)
    for file, path in (
        (f"timeline-file/{made.json()['fileId']}", "/{run_id}/timeline-file/{file_id}"),
        ("signed-evidence", "/{run_id}/signed-evidence"),
        ("evidence-folder", "/{run_id}/evidence-folder"),
    ):
        answer = admin.get(path_of(own, ended, file))
        assert answer.status_code == 200
        documented[RUNS + path]["GET"].validate_response(answer)


# Which runs have files


@pytest.mark.parametrize("status", ["awaiting_input", "processing"])
def test_a_run_that_has_not_ended_has_no_files_yet(own: World, admin: Caller, status: str) -> None:
    run_id = start(own)
    own.outcome(run_id, status=status)

    assert_error(admin.post(path_of(own, run_id, "timeline-file"), None), 409, "IDVP-60012", run_id, status)
    for file in (f"timeline-file/{UNKNOWN_ID}", "signed-evidence", "evidence-folder"):
        assert_error(admin.get(path_of(own, run_id, file)), 409, "IDVP-60012", run_id, status)
    assert calls(own) == 0


@each_file
def test_evidence_is_available_after_a_lost_webhook(own: World, admin: Caller, file: str) -> None:
    run_id = start(own)
    own.outcome(run_id, status="declined")

    assert get(own, admin, run_id, file).status_code == 200

    run = answer_on(own.connector.as_admin().get(path_of(own, run_id)), 200)
    ended, read = run["history"][-2:]
    assert (run["status"], ended["cause"]) == ("declined", "refreshed")
    assert (read["subject"], read["to"]) == ("file", "read")


def verification_id_of(world: World) -> str:
    """Start a verification that gets no run; returns the verification's id."""
    _, me = new_user(world)
    assert not me.verify(world.provider_id, "INITIATED").ok
    listed = world.connector.as_admin().get(f"{PROVIDERS}/{world.provider_id}/verifications").json()
    return str(listed["verifications"][0]["id"])


def test_a_verification_that_may_still_get_a_run_has_no_files_yet(own: World, admin: Caller) -> None:
    own.faults(route="POST /workflow_runs", failed=-1, failed_status=500)
    assert_error(admin.get(path_of(own, verification_id_of(own), "signed-evidence")), 409, "IDVP-60012", "starting")


def test_a_verification_that_never_got_a_run_has_no_files(own: World, admin: Caller) -> None:
    properties = config_properties(own.simulator, workflow_id=UNKNOWN_WORKFLOW)
    body = provider_body(own.simulator, name="No such workflow", configProperties=properties)
    assert own.connector.as_admin().put(f"{PROVIDERS}/{own.provider_id}", body).status_code == 200
    assert_error(admin.get(path_of(own, verification_id_of(own), "signed-evidence")), 404, "IDVP-60010", "no run")


# Files that are not there


@each_file
def test_a_file_that_is_not_ready_has_a_retry_time(own: World, admin: Caller, ended: str, file: str) -> None:
    own.faults(files_pending=1)

    answer = get(own, admin, ended, file)

    assert_error(answer, 404, "IDVP-60011")
    assert int(answer.headers["Retry-After"]) > 0
    assert get(own, admin, ended, file).status_code == 200


def test_an_unknown_timeline_file_is_not_found(own: World, admin: Caller, ended: str) -> None:
    answer = admin.get(path_of(own, ended, "timeline-file", UNKNOWN_ID))
    assert_error(answer, 404, "IDVP-60011")
    assert "Retry-After" in answer.headers
    assert_error(admin.get(path_of(own, ended, "timeline-file", "...")), 404, "IDVP-60011")


@each_file
@pytest.mark.parametrize(("switch", "code"), [("failed", "OIDV-10046"), ("throttled", "OIDV-10045")])
@pytest.mark.one_database
def test_an_outage_of_onfido_is_reported(
    own: World, admin: Caller, ended: str, file: str, switch: str, code: str
) -> None:
    own.faults(route=ROUTES[file], retry_after=0, **{switch: -1})
    assert_error(get(own, admin, ended, file), 503, code)


def test_a_timeline_that_onfido_refuses_is_reported(own: World, admin: Caller, ended: str) -> None:
    own.faults(route=CREATE, failed=-1)
    assert_error(admin.post(path_of(own, ended, "timeline-file"), None), 503, "OIDV-10046")


def test_a_run_erased_by_onfido_has_no_files(own: World, admin: Caller, ended: str) -> None:
    assert requests.post(f"{own.simulator.url}/simulator/reset", timeout=60).ok
    assert_error(admin.get(path_of(own, ended, "signed-evidence")), 404, "IDVP-60011")


# Large files, and those that break off


def test_a_large_file_uses_little_memory(own: World, admin: Caller, ended: str) -> None:
    size, received = 50 * MEGABYTE, 0
    own.faults(files_bytes=size)
    tracemalloc.start()
    try:
        with get(own, admin, ended, "evidence-folder", stream=True) as answer:
            assert int(answer.headers["Content-Length"]) == size
            for piece in answer.iter_content(256 * 1024):
                received += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert received == size
    assert peak < size / 2


class Upstream(ThreadingHTTPServer):
    """An Onfido that answers every request with a file, and sends only `size` bytes of it."""

    daemon_threads = True

    def __init__(self, size: int, length: int) -> None:
        super().__init__(("127.0.0.1", 0), _Upstream)
        self.size = size
        self.length = length
        self.is_left = Event()  # the client has disconnected, or has received everything

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v3.6"


class _Upstream(BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        """Send the file as HTML, which a browser would execute."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(self.server.length))
        self.end_headers()
        try:
            for _ in range(self.server.size // 65_536):
                self.wfile.write(b"%" * 65_536)
        except OSError:
            self.server.is_left.set()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def upstream(own: World, ended: str) -> Iterator[Upstream]:
    """The server from which the provider of an ended run reads files from now on."""
    server = Upstream(200 * MEGABYTE, 200 * MEGABYTE)
    thread = Thread(target=server.serve_forever, args=(0.1,))
    thread.start()
    properties = config_properties(own.simulator, base_url=server.url)
    body = provider_body(own.simulator, name=ended, configProperties=properties)
    assert own.connector.as_admin().put(f"{PROVIDERS}/{own.provider_id}", body).status_code == 200
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_client_that_disconnects_ends_the_download_from_onfido(
    own: World, admin: Caller, ended: str, upstream: Upstream
) -> None:
    with admin.get(path_of(own, ended, "signed-evidence"), stream=True) as answer:
        assert next(answer.iter_content(1024)) == b"%" * 1024
        assert not upstream.is_left.is_set()

    assert upstream.is_left.wait(60)
    assert answer_on(admin.get(path_of(own, ended)), 200)["runId"] == ended


def test_a_head_request_keeps_no_connection_to_onfido(
    own: World, admin: Caller, ended: str, upstream: Upstream
) -> None:
    answer = admin.request("HEAD", path_of(own, ended, "signed-evidence"))
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) == upstream.length
    assert upstream.is_left.wait(60)


def test_a_file_has_the_documented_type_whatever_the_storage_returns(
    own: World, admin: Caller, ended: str, upstream: Upstream
) -> None:
    upstream.size = upstream.length = MEGABYTE
    answer = admin.get(path_of(own, ended, "signed-evidence"))
    assert (answer.status_code, len(answer.content)) == (200, MEGABYTE)
    assert answer.headers["Content-Type"] == "application/pdf"


def test_an_interrupted_file_is_not_accepted_as_complete(
    own: World, admin: Caller, ended: str, upstream: Upstream
) -> None:
    upstream.size, upstream.length = MEGABYTE, 2 * MEGABYTE
    with pytest.raises(requests.RequestException):
        admin.get(path_of(own, ended, "signed-evidence"))


def test_a_file_that_is_too_large_is_refused(own: World, admin: Caller, ended: str, upstream: Upstream) -> None:
    upstream.length = 300 * MEGABYTE
    assert_error(admin.get(path_of(own, ended, "evidence-folder")), 404, "IDVP-60011", "200 MB")
