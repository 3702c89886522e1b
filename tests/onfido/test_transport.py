"""One exchange: time-outs, repeated reads, broken connections, proxies, certificates."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Code, OnfidoError
from connector.onfido.calls import MAX_BODY_BYTES
from connector.onfido.client import OnfidoClient, OnfidoTransport
from tests.onfido.conftest import API_TOKEN, FOR_EVER, FakeTime, Reply, ScriptedOnfido, self_signed, unanswered
from tests.waiting import GENEROUS, wait_until

RUN = {"id": "run-1", "status": "processing"}
BACKOFF_AT_MOST = 0.2 + 0.4


def failure(call: Callable[[], object]) -> OnfidoError:
    with pytest.raises(OnfidoError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("fault", [Reply(500), Reply(503), Reply(429), Reply(is_dropped=True)])
def test_a_read_is_repeated_twice_and_then_succeeds(
    onfido: ScriptedOnfido, timed: OnfidoClient, fake_time: FakeTime, fault: Reply
) -> None:
    onfido.answers(fault, fault, Reply(200, RUN))
    started = fake_time.now
    assert timed.get_run("run-1").run_id == "run-1"
    assert fake_time.now - started < BACKOFF_AT_MOST


@pytest.mark.parametrize("fault", [Reply(502), Reply(429), Reply(is_dropped=True)])
def test_a_read_is_given_up_after_two_repetitions(onfido: ScriptedOnfido, client: OnfidoClient, fault: Reply) -> None:
    onfido.answers(*[fault] * 5)
    assert failure(lambda: client.get_run("run-1")).is_retryable
    assert len(onfido.received) == 3


@pytest.mark.parametrize("fault", [Reply(500), Reply(429), Reply(is_dropped=True), Reply(delay=FOR_EVER)])
def test_a_write_is_sent_once(onfido: ScriptedOnfido, fault: Reply) -> None:
    onfido.answers(fault, fault)
    with closing(OnfidoTransport(read_timeout=0.2)) as transport:
        client = transport.client(onfido.base_url, API_TOKEN)
        error = failure(lambda: client.create_run(workflow_id="w", applicant_id="a"))
    assert error.is_retryable
    assert error.is_sent
    onfido.wait_for(requests=1)


def test_a_read_that_is_refused_is_not_repeated(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(404))
    assert failure(lambda: client.get_run("run-1")).status == 404
    assert len(onfido.received) == 1


def test_the_number_of_repetitions_is_a_setting(onfido: ScriptedOnfido) -> None:
    with closing(OnfidoTransport(read_retries=0)) as transport:
        failure(lambda: transport.client(onfido.base_url, API_TOKEN).get_run("run-1"))
    assert len(onfido.received) == 1


def test_an_answer_beyond_the_timeout_may_have_taken_effect(onfido: ScriptedOnfido) -> None:
    onfido.answers(Reply(201, {"id": "applicant-1"}, delay=FOR_EVER))
    with closing(OnfidoTransport(read_timeout=0.2)) as transport:
        error = failure(lambda: transport.client(onfido.base_url, API_TOKEN).create_applicant({}))
    assert (error.code, error.status, error.is_sent, error.retry_after) == (Code.ONFIDO_UNREACHABLE, None, True, 10)
    assert error.description == f"127.0.0.1:{onfido.server_port} did not answer in time. Try again later."
    assert error.__cause__ is not None


@pytest.mark.parametrize("pause", [0.05, 0.5])
def test_a_slow_body_times_out(onfido: ScriptedOnfido, pause: float) -> None:
    onfido.answers(Reply(201, b'{"id": "1"}' + b" " * 1000, pieces=1011, pause=pause))
    with closing(OnfidoTransport(read_timeout=0.2)) as transport:
        error = failure(lambda: transport.client(onfido.base_url, API_TOKEN).create_applicant({}))
    assert error.code is Code.ONFIDO_UNREACHABLE
    assert "did not answer in time" in error.description


def test_a_deadline_shortens_the_read_timeout(onfido: ScriptedOnfido, timed: OnfidoClient, fake_time: FakeTime) -> None:
    onfido.answers(Reply(200, RUN, delay=GENEROUS / 2))
    error = unanswered(lambda: timed.until(fake_time.now + 0.2).create_applicant({}))
    assert error.code is Code.ONFIDO_UNREACHABLE


def test_no_request_is_sent_if_no_time_is_left(
    onfido: ScriptedOnfido, timed: OnfidoClient, fake_time: FakeTime
) -> None:
    error = failure(lambda: timed.until(fake_time.now - 1).get_run("run-1"))
    assert (error.code, error.is_sent) == (Code.ONFIDO_UNREACHABLE, False)
    assert onfido.connections == 0


def test_a_read_waits_for_onfidos_retry_after(onfido: ScriptedOnfido, timed: OnfidoClient, fake_time: FakeTime) -> None:
    onfido.answers(Reply(429, headers={"Retry-After": "20"}), Reply(200, RUN))
    started = fake_time.now
    timed.until(started + 2 * GENEROUS).get_run("run-1")
    assert fake_time.now - started >= 20


@pytest.mark.parametrize("has_deadline", [True, False])
def test_a_read_fails_at_once_if_retry_after_exceeds_its_deadline(
    onfido: ScriptedOnfido, timed: OnfidoClient, fake_time: FakeTime, *, has_deadline: bool
) -> None:
    onfido.answers(Reply(429, headers={"Retry-After": "40"}), Reply(200, RUN))
    started = fake_time.now
    error = failure(lambda: timed.until(started + 39 if has_deadline else None).get_run("run-1"))
    assert (error.code, error.retry_after) == (Code.ONFIDO_THROTTLES, 40)
    assert fake_time.now == started
    assert len(onfido.received) == 1


@pytest.mark.parametrize(
    ("status", "asked", "told"),
    [
        (429, None, 60),
        (429, "7", 7),
        (429, "0", 1),
        (429, "99999", 300),
        (429, "9" * 5000, 60),
        (429, "-5", 60),
        (429, "soon", 60),
        (429, "Mon, 01 Jan 2024 00:00:00 GMT", 1),
        (429, "Mon, 01 Jan 2024 00:00:00 -0000", 1),
        (429, "Fri, 31 Dec 9999 23:59:59 GMT", 300),
        (429, "Mon, 01 Jan 2024 00:00:00 -99999999999999999999", 60),
        (503, None, 10),
        (503, "20", 20),
        (401, "20", None),
    ],
)
def test_retry_after_reaches_the_caller_within_bounds(
    onfido: ScriptedOnfido, client: OnfidoClient, status: int, asked: str | None, told: int | None
) -> None:
    onfido.answers(Reply(status, headers={"Retry-After": asked} if asked else {}))
    assert failure(lambda: client.create_sdk_token("a")).retry_after == told


def test_retry_after_may_be_a_date(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    date = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90), usegmt=True)
    onfido.answers(Reply(429, headers={"Retry-After": date}))
    retry_after = failure(lambda: client.create_sdk_token("a")).retry_after
    assert retry_after is not None
    assert 90 - GENEROUS <= retry_after <= 91


def test_a_refused_connection_is_known_not_to_have_been_sent(transport: OnfidoTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    error = failure(lambda: transport.client(f"http://127.0.0.1:{port}/v3.6", API_TOKEN).create_sdk_token("a"))
    assert (error.code, error.is_sent, error.retry_after) == (Code.ONFIDO_UNREACHABLE, False, 10)
    assert "ConnectionRefusedError" in error.description


def test_a_connection_timeout_is_known_not_to_have_been_sent() -> None:
    """A listener whose queue is full accepts no further connection."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        closing(OnfidoTransport(connect_timeout=0.2)) as slow,
    ):
        waiting = [socket.socket() for _ in range(3)]
        for client_socket in waiting:
            client_socket.setblocking(False)
            client_socket.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        error = failure(lambda: slow.client(url, API_TOKEN).create_sdk_token("a"))
        for client_socket in waiting:
            client_socket.close()
    assert (error.code, error.is_sent) == (Code.ONFIDO_UNREACHABLE, False)
    assert "in time" in error.description


def test_an_interrupted_answer_may_have_taken_effect(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(201, b'{"id": "applicant-1"}', declared_length=500))
    error = failure(lambda: client.create_applicant({}))
    assert (error.code, error.is_sent) == (Code.ONFIDO_UNREACHABLE, True)


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_an_impossible_host_name_is_a_wrong_base_url(transport: OnfidoTransport, host: str) -> None:
    error = failure(lambda: transport.client(f"http://{host}/v3.6", API_TOKEN).get_run("run-1"))
    assert (error.code, error.is_sent) == (Code.BASE_URL_WRONG, False)
    assert host in error.description


@pytest.mark.parametrize(
    ("code", "expected"),
    [(socket.EAI_NONAME, Code.BASE_URL_WRONG), (socket.EAI_AGAIN, Code.ONFIDO_UNREACHABLE)],
)
def test_an_unknown_name_is_a_wrong_base_url_but_an_unresponsive_name_server_is_not(
    transport: OnfidoTransport, monkeypatch: pytest.MonkeyPatch, code: int, expected: Code
) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(code, "as the resolver says")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)  # no name server is on loopback
    error = failure(lambda: transport.client("http://onfido.invalid/v3.6", API_TOKEN).create_sdk_token("a"))
    assert (error.code, error.is_sent) == (expected, False)


def test_an_untrusted_certificate_is_reported_in_words(onfido: ScriptedOnfido, tmp_path: Path) -> None:
    onfido.speak_tls(self_signed(tmp_path / "self-signed.pem"))
    with closing(OnfidoTransport(read_retries=0)) as transport:
        error = failure(lambda: transport.client(onfido.base_url, API_TOKEN).get_run("run-1"))
    assert (error.code, error.is_sent) == (Code.ONFIDO_UNREACHABLE, False)
    assert "certificate that is not trusted: self-signed certificate" in error.description


def test_a_missing_ca_bundle_is_an_ordinary_failure(
    transport: OnfidoTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
    error = failure(lambda: transport.client("https://127.0.0.1:9/v3.6", API_TOKEN).create_sdk_token("a"))
    assert error.code is Code.ONFIDO_UNREACHABLE


def test_a_redirect_is_not_followed_nor_its_body_read(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    elsewhere = {"Location": f"{onfido.base_url}/elsewhere"}
    onfido.answers(Reply(302, b"x" * (MAX_BODY_BYTES + 100), elsewhere))
    error = failure(lambda: client.get_run("run-1"))
    assert (error.code, error.status) == (Code.INITIATION_FAILED, 302)
    assert "redirects are not followed" in error.description
    assert len(onfido.received) == 1


def test_a_body_beyond_the_size_limit_is_not_read_completely(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, {**RUN, "output": "x" * MAX_BODY_BYTES}))
    assert failure(lambda: client.get_run("run-1")).code is Code.INITIATION_FAILED


def test_netrc_credentials_do_not_replace_the_token(
    onfido: ScriptedOnfido, client: OnfidoClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    onfido.answers(Reply(200, RUN))
    client.get_run("run-1")
    assert onfido.received[0].headers["Authorization"] == f"Token token={API_TOKEN}"


def test_an_unreachable_proxy_is_named_and_the_call_known_not_to_have_been_sent(
    transport: OnfidoTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{gone.getsockname()[1]}")
    error = failure(lambda: transport.client("http://onfido.invalid/v3.6", API_TOKEN).create_sdk_token("a"))
    assert (error.code, error.is_sent) == (Code.ONFIDO_UNREACHABLE, False)
    assert "proxy" in error.description


def test_calls_share_a_connection_but_no_cookies(onfido: ScriptedOnfido, transport: OnfidoTransport) -> None:
    onfido.answers(Reply(200, RUN, {"Set-Cookie": "session=of-one-token; Path=/"}), Reply(404), Reply(200, RUN))
    transport.client(onfido.base_url, "token-one").get_run("run-1")
    failure(lambda: transport.client(onfido.base_url, "token-two").get_run("run-2"))
    transport.client(onfido.base_url, "token-two").get_run("run-1")
    assert onfido.connections == 1
    assert [request.headers["Authorization"][-3:] for request in onfido.received] == ["one", "two", "two"]
    assert not any("Cookie" in request.headers for request in onfido.received)


def test_threads_share_one_transport(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(*[Reply(200, RUN, delay=0.05)] * 16)
    with ThreadPoolExecutor(8) as threads:
        runs = list(threads.map(lambda _: client.get_run("run-1"), range(16)))
    assert [run.run_id for run in runs] == ["run-1"] * 16
    assert onfido.connections <= 8


STALL = 1000.0  # seconds; longer than any lease


@pytest.fixture
def stalling(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """A clock that jumps while a connection is being made, as for a process that is suspended then."""
    clock, look_up = FakeTime(), socket.getaddrinfo

    def stall(*arguments: Any, **options: Any) -> Any:
        clock.sleep(STALL)
        return look_up(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", stall)
    return clock


def start_late(onfido: ScriptedOnfido, clock: FakeTime, base_url: str | None = None) -> OnfidoError:
    onfido.answers(Reply(201, {"id": "run-1", "status": "processing"}))
    with closing(OnfidoTransport(clock=clock, failures_to_open=1)) as transport:
        client = transport.client(base_url or onfido.base_url, API_TOKEN, deadline=clock() + STALL / 2)
        error = failure(lambda: client.create_run(workflow_id="w", applicant_id="a"))
        with pytest.raises(OnfidoError, match="no time left"):  # so it did not open the circuit
            client.create_run(workflow_id="w", applicant_id="a")
    return error


def test_no_request_is_sent_if_the_deadline_passed_while_connecting(onfido: ScriptedOnfido, stalling: FakeTime) -> None:
    error = start_late(onfido, stalling)
    assert (error.code, error.is_sent, error.is_retryable) == (Code.ONFIDO_UNREACHABLE, False, True)
    wait_until(lambda: onfido.connections == 1)
    assert not onfido.received


def test_no_request_is_sent_over_tls_if_the_deadline_passed(
    onfido: ScriptedOnfido, stalling: FakeTime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = self_signed(tmp_path / "own.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    onfido.speak_tls(certificate)
    assert not start_late(onfido, stalling).is_sent
    assert not onfido.received


def test_no_request_is_sent_through_a_proxy_if_the_deadline_passed(
    onfido: ScriptedOnfido, stalling: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{onfido.server_port}")
    assert not start_late(onfido, stalling, "http://onfido.invalid/v3.6").is_sent
    assert not onfido.received


def test_a_connection_abandoned_by_a_late_call_is_not_reused(onfido: ScriptedOnfido, stalling: FakeTime) -> None:
    with closing(OnfidoTransport(clock=stalling)) as transport:
        client = transport.client(onfido.base_url, API_TOKEN)
        failure(lambda: client.until(stalling() + 1).get_run("run-1"))
        onfido.answers(Reply(200, RUN))
        assert client.get_run("run-1").run_id == "run-1"
    assert onfido.connections == 2
