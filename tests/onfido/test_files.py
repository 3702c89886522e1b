"""Files of a run: created, opened, streamed, and never left open."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from contextlib import AbstractContextManager, closing

import pytest

from connector.errors import Code, OnfidoError
from connector.onfido.client import FileStream, OnfidoClient, OnfidoTransport
from connector.onfido.decoding import PIECE_BYTES
from connector.onfido.evidence import LONGEST_WAIT, MAX_FILE_BYTES
from tests.onfido.conftest import API_TOKEN, FOR_EVER, FakeTime, Reply, ScriptedOnfido
from tests.waiting import GENEROUS

PDF = {"Content-Type": "application/pdf"}
COMPLAINT = {"error": {"type": "any", "message": "No"}}
ENOUGH = 1000  # pieces; more than a connection buffers


def run_fast() -> float:
    """Return the time of a clock so fast that half a second exceeds the time for all pieces of a file."""
    return time.monotonic() * GENEROUS * LONGEST_WAIT * 2


def failure(opened: AbstractContextManager[FileStream]) -> OnfidoError:
    with pytest.raises(OnfidoError) as caught, opened as file:
        b"".join(file.chunks)
    return caught.value


def test_a_timeline_file_is_created_and_its_id_returned(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(202, {"workflow_timeline_file_id": "file-1", "href": "/v3.6/anywhere"}))
    assert client.create_timeline_file("run-1") == "file-1"
    [request] = onfido.received
    assert (request.method, request.path) == ("POST", "/v3.6/workflow_runs/run-1/timeline_file")


@pytest.mark.parametrize("status", [400, 404, 422])
def test_an_unavailable_timeline_file_is_an_error(onfido: ScriptedOnfido, client: OnfidoClient, status: int) -> None:
    complaint = {"error": {"type": "validation_error", "message": "The workflow run has not ended"}}
    onfido.answers(Reply(status, complaint))
    with pytest.raises(OnfidoError, match="has not ended") as caught:
        client.create_timeline_file("run-1")
    assert (caught.value.code, caught.value.status) == (Code.FILE_UNAVAILABLE, status)
    assert "anew" not in caught.value.description


def test_a_timeline_file_without_an_id_is_unreadable(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(202, {"href": "/v3.6/anywhere"}))
    with pytest.raises(OnfidoError, match="it has no workflow_timeline_file_id"):
        client.create_timeline_file("run-1")


@pytest.mark.parametrize(
    ("opening", "path"),
    [
        (lambda client: client.open_timeline_file("run-1", "file-1"), "timeline_file/file-1"),
        (lambda client: client.open_signed_evidence("run-1"), "signed_evidence_file"),
        (lambda client: client.open_evidence_folder("run-1"), "evidence_folder"),
    ],
)
def test_every_file_is_requested_at_its_own_path(
    onfido: ScriptedOnfido,
    client: OnfidoClient,
    opening: Callable[[OnfidoClient], AbstractContextManager[FileStream]],
    path: str,
) -> None:
    onfido.answers(Reply(200, b"%PDF-1.7", PDF))
    with opening(client) as file:
        assert file.length == 8
        assert b"".join(file.chunks) == b"%PDF-1.7"
    [request] = onfido.received
    assert (request.method, request.path) == ("GET", f"/v3.6/workflow_runs/run-1/{path}")
    assert request.headers["Authorization"] == f"Token token={API_TOKEN}"
    assert request.headers["Accept"] == "*/*"


def test_a_file_may_be_empty_or_of_unknown_length(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, b""), Reply(200, b"abc", has_length=False))
    with client.open_evidence_folder("run-1") as file:
        assert (file.length, list(file.chunks)) == (0, [])
    with client.open_evidence_folder("run-1") as file:
        assert (file.length, b"".join(file.chunks)) == (None, b"abc")


def test_a_file_is_streamed_in_pieces(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, b"x" * PIECE_BYTES, times=500))
    tracemalloc.start()
    with client.open_evidence_folder("run-1") as file:
        assert sum(map(len, file.chunks)) == file.length == 500 * PIECE_BYTES
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * PIECE_BYTES


def test_a_connection_is_reused_after_a_file_was_read(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, b"abc"), Reply(200, b"def"))
    for content in (b"abc", b"def"):
        with client.open_evidence_folder("run-1") as file:
            assert b"".join(file.chunks) == content
    assert onfido.connections == 1


def test_a_reader_that_stops_early_closes_the_connection(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, b"x" * PIECE_BYTES, times=ENOUGH))
    with client.open_evidence_folder("run-1") as file:
        next(file.chunks)
    assert onfido.broken.wait(GENEROUS)


def test_a_reader_that_fails_closes_the_connection(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, b"x" * PIECE_BYTES, times=ENOUGH))
    with pytest.raises(ZeroDivisionError), client.open_evidence_folder("run-1"):
        _ = 1 / 0
    assert onfido.broken.wait(GENEROUS)


def test_a_missing_file_is_reported_with_advice(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(404, {"error": {"type": "resource_not_found", "message": "No"}}, {"X-Request-Id": "req-1"}))
    error = failure(client.open_timeline_file("run-1", "file-1"))
    assert (error.code, error.status, error.type) == (Code.FILE_UNAVAILABLE, 404, "resource_not_found")
    assert error.description == (
        "Onfido refused the request (HTTP 404, resource_not_found: No, request id req-1)."
        " The file may not be ready yet: ask again in a moment, or create it anew."
    )


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(401), Code.TOKEN_REFUSED),
        (Reply(403, COMPLAINT), Code.INITIATION_FAILED),
        (Reply(410, COMPLAINT), Code.FILE_UNAVAILABLE),
        (Reply(422, COMPLAINT), Code.FILE_UNAVAILABLE),
        (Reply(404), Code.ONFIDO_UNREACHABLE),
        (Reply(429), Code.ONFIDO_THROTTLES),
        (Reply(500), Code.ONFIDO_UNREACHABLE),
        (Reply(is_dropped=True), Code.ONFIDO_UNREACHABLE),
        (Reply(302), Code.INITIATION_FAILED),
        (Reply(202), Code.INITIATION_FAILED),
        (Reply(204), Code.INITIATION_FAILED),
    ],
)
def test_an_answer_that_is_not_a_file_is_an_error_before_the_first_piece(
    onfido: ScriptedOnfido, client: OnfidoClient, reply: Reply, code: Code
) -> None:
    onfido.answers(*[reply] * 3)
    with pytest.raises(OnfidoError) as caught, client.open_evidence_folder("run-1"):
        pytest.fail("it was opened")
    assert caught.value.code is code


def test_a_file_request_is_repeated_like_any_read(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(503), Reply(is_dropped=True), Reply(200, b"abc"))
    with client.open_evidence_folder("run-1") as file:
        assert b"".join(file.chunks) == b"abc"


def test_a_file_takes_a_turn_and_is_not_requested_from_a_host_that_is_down(onfido: ScriptedOnfido) -> None:
    onfido.answers(Reply(500), Reply(200, b"abc"))
    with closing(OnfidoTransport(read_retries=0, failures_to_open=1)) as transport:
        client = transport.client(onfido.base_url, API_TOKEN)
        assert failure(client.open_evidence_folder("run-1")).status == 500
        assert not failure(client.open_evidence_folder("run-1")).is_sent
    assert len(onfido.received) == 1


def test_a_deadline_bounds_the_time_until_the_file_begins(
    onfido: ScriptedOnfido, timed: OnfidoClient, fake_time: FakeTime
) -> None:
    onfido.answers(*[Reply(200, b"abc", delay=GENEROUS / 2)] * 3)
    error = failure(timed.until(fake_time.now + 0.2).open_evidence_folder("run-1"))
    assert error.code is Code.ONFIDO_UNREACHABLE


def test_a_deadline_does_not_interrupt_a_file_that_is_arriving(
    onfido: ScriptedOnfido, timed: OnfidoClient, fake_time: FakeTime
) -> None:
    onfido.answers(Reply(200, b"x" * 60, pieces=6, pause=0.15))
    with timed.until(fake_time.now + GENEROUS).open_evidence_folder("run-1") as file:
        first = next(file.chunks)
        fake_time.now += 2 * GENEROUS
        assert len(first + b"".join(file.chunks)) == 60


def test_a_file_whose_first_piece_is_missing_is_an_error_at_once(onfido: ScriptedOnfido) -> None:
    onfido.answers(Reply(200, b"", declared_length=10))
    with closing(OnfidoTransport(read_retries=0)) as transport:
        client = transport.client(onfido.base_url, API_TOKEN)
        with pytest.raises(OnfidoError) as caught, client.open_evidence_folder("run-1"):
            pytest.fail("it was opened")
    assert caught.value.code is Code.ONFIDO_UNREACHABLE


def test_an_interrupted_file_is_an_error_during_reading(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, b"x" * 10, declared_length=20))
    with client.open_evidence_folder("run-1") as file:
        assert next(file.chunks) == b"x" * 10
        with pytest.raises(OnfidoError) as caught:
            next(file.chunks)
    assert caught.value.code is Code.ONFIDO_UNREACHABLE


def test_a_stalled_file_is_given_up(onfido: ScriptedOnfido) -> None:
    onfido.answers(Reply(200, b"xx", pieces=2, pause=FOR_EVER))
    with closing(OnfidoTransport(read_timeout=0.15, read_retries=0)) as transport:
        error = failure(transport.client(onfido.base_url, API_TOKEN).open_evidence_folder("run-1"))
    assert error.code is Code.ONFIDO_UNREACHABLE
    assert "did not answer in time" in error.description


def test_a_file_that_arrives_too_slowly_is_given_up(onfido: ScriptedOnfido) -> None:
    onfido.answers(Reply(200, b"x" * 2000, pieces=2000, pause=0.02))
    with closing(OnfidoTransport(read_timeout=GENEROUS, clock=run_fast)) as transport:
        error = failure(transport.client(onfido.base_url, API_TOKEN).open_evidence_folder("run-1"))
    assert error.code is Code.ONFIDO_UNREACHABLE
    assert "too slowly" in error.description


def test_a_file_beyond_the_size_limit_is_refused_before_it_is_read(
    onfido: ScriptedOnfido, client: OnfidoClient
) -> None:
    onfido.answers(Reply(200, b"x", declared_length=MAX_FILE_BYTES + 1))
    error = failure(client.open_evidence_folder("run-1"))
    assert (error.code, error.description) == (
        Code.FILE_UNAVAILABLE,
        "The file is larger than 200 MB: take it from Onfido's dashboard.",
    )


def test_a_file_of_unknown_length_is_cut_off_at_the_size_limit(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, bytes(1024**2), times=MAX_FILE_BYTES // 1024**2 + 100, has_length=False))
    lengths: list[int] = []
    with client.open_evidence_folder("run-1") as file, pytest.raises(OnfidoError, match="larger than 200 MB"):
        lengths.extend(map(len, file.chunks))
    assert MAX_FILE_BYTES - PIECE_BYTES <= sum(lengths) <= MAX_FILE_BYTES
    assert onfido.broken.wait(GENEROUS)
