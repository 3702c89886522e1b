"""Peers that are slow in any part of an answer: the call ends within its limits, and the next one is answered."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from connector.errors import Code, OnfidoError
from connector.onfido.client import OnfidoClient, OnfidoTransport
from tests.http.peers import (
    ENDLESS,
    HEAD,
    Exchange,
    Peer,
    Script,
    answering,
    drips_a_chunks_extension,
    drips_before_the_head,
    drips_headers,
    drips_trailers,
    make_certificate,
    passes_on,
    says_nothing,
    silent_name_server,
)
from tests.onfido.conftest import API_TOKEN, unanswered
from tests.waiting import wait_until

SHORT = 0.3  # seconds of the limits in these tests
END = 60.0  # seconds by which a call has ended, however busy the machine is; without limits these peers go on for ever
RUN = b'{"id": "run-1", "status": "processing"}'

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def client_of(url: str, *, connect: float = END, read: float = END) -> Iterator[OnfidoClient]:
    with closing(OnfidoTransport(connect_timeout=connect, read_timeout=read, read_retries=0)) as transport:
        yield transport.client(url, API_TOKEN)


def failure(call: Callable[[], object]) -> OnfidoError:
    began = time.monotonic()
    with pytest.raises(OnfidoError) as caught:
        call()
    assert time.monotonic() - began < END
    return caught.value


def start(client: OnfidoClient) -> object:
    return client.create_run(workflow_id="w", applicant_id="a")


def is_answered(client: OnfidoClient) -> bool:
    """Ask again, as on a busy machine even a good answer can exceed the short limit."""
    try:
        return client.get_run("run-1").run_id == "run-1"
    except OnfidoError:
        return False


def fetch(client: OnfidoClient) -> bytes:
    with client.open_signed_evidence("run-1") as file:
        return b"".join(file.chunks)


@pytest.mark.parametrize("script", ENDLESS)
def test_an_answer_that_exceeds_the_read_timeout_is_given_up(script: Script) -> None:
    with Peer(script) as peer, client_of(peer.url, read=SHORT) as client:
        error = failure(lambda: start(client))
        assert (error.code, error.is_sent) == (Code.ONFIDO_UNREACHABLE, True)
        assert "did not answer in time" in error.description
        peer.script = answering(RUN)
        wait_until(lambda: is_answered(client))


@pytest.mark.parametrize("script", [drips_headers, drips_trailers])
def test_an_answer_that_exceeds_the_deadline_is_given_up(script: Script) -> None:
    with Peer(script) as peer, client_of(peer.url) as client:
        error = unanswered(lambda: start(client.until(time.monotonic() + SHORT)))
    assert error.code is Code.ONFIDO_UNREACHABLE


def test_a_slow_answer_over_tls_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, alone = make_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(alone))
    with Peer(drips_headers, whole) as peer, client_of(peer.url, read=SHORT) as client:
        assert "did not answer in time" in failure(lambda: start(client)).description
        peer.script = answering(RUN)
        wait_until(lambda: is_answered(client))


@pytest.mark.parametrize(
    ("script", "scheme"),
    [(drips_before_the_head, "http"), (drips_headers, "http"), (says_nothing, "http"), (drips_headers, "https")],
)
def test_a_slow_proxy_is_given_up_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: Script, scheme: str
) -> None:
    whole, alone = make_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(alone))
    with Peer(script, whole if scheme == "https" else None) as proxy:
        monkeypatch.setenv("https_proxy", f"{scheme}://{proxy.host}")
        with client_of("https://onfido.invalid/v3.6", connect=1.0) as client:
            error = failure(lambda: start(client))
    assert (error.code, error.is_sent) == (Code.ONFIDO_UNREACHABLE, False)
    assert all(head.startswith(b"CONNECT onfido.invalid:443 ") for head in proxy.heads)


def test_calls_are_answered_over_tls_within_the_tls_of_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is reused, and the second call has its own limits."""
    whole, alone = make_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(alone))

    def answers_twice(exchange: Exchange) -> None:
        answering(RUN)(exchange)
        exchange.read_head()
        answering(RUN)(exchange)

    with Peer(answers_twice, whole) as peer, Peer(passes_on(peer.port), whole) as proxy:
        monkeypatch.setenv("https_proxy", f"https://{proxy.host}")
        with client_of(f"https://localhost:{peer.port}/v3.6") as client:
            assert [client.get_run("run-1").run_id for _ in range(2)] == ["run-1"] * 2
        assert (len(proxy.heads), len(peer.heads)) == (1, 1)


def test_a_handshake_that_does_not_begin_is_given_up_before_anything_is_sent() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        client_of(f"https://127.0.0.1:{silent.getsockname()[1]}", connect=SHORT) as client,
    ):
        error = failure(lambda: start(client))
    assert (error.code, error.is_sent) == (Code.ONFIDO_UNREACHABLE, False)


def test_addresses_that_do_not_answer_share_the_time_for_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    """If each had the whole time, eight addresses of a host would exceed a request's budget."""
    waited: list[float] = []

    def never(sock: socket.socket, _address: object) -> None:
        waited.append(sock.gettimeout() or 0.0)
        raise TimeoutError

    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{number}", 443)) for number in range(8)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    monkeypatch.setattr(socket.socket, "connect", never)
    with client_of("https://onfido.invalid", connect=8.0) as client:
        error = failure(lambda: start(client))
    assert (error.code, error.is_sent) == (Code.ONFIDO_UNREACHABLE, False)
    assert len(waited) == 8
    assert waited[0] <= 1.0


def test_a_slow_name_lookup_is_given_up_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_name_server(monkeypatch), client_of("https://slow.example") as client:
        error = failure(lambda: start(client.until(time.monotonic() + SHORT)))
    assert (error.code, error.is_sent) == (Code.ONFIDO_UNREACHABLE, False)


def test_a_peer_that_does_not_read_is_given_up() -> None:
    with Peer(says_nothing) as peer, client_of(peer.url, read=SHORT) as client:
        error = failure(lambda: client.create_run(workflow_id="w" * 50_000_000, applicant_id="a"))
    assert (error.code, error.is_sent) == (Code.ONFIDO_UNREACHABLE, True)


@pytest.mark.parametrize("drips", [drips_headers, drips_a_chunks_extension, drips_trailers])
def test_a_file_that_is_sent_slowly_is_given_up(drips: Script) -> None:
    with Peer(drips) as peer, client_of(peer.url, read=SHORT) as client:
        assert failure(lambda: fetch(client)).code is Code.ONFIDO_UNREACHABLE


@pytest.mark.parametrize("drips", [drips_headers, drips_a_chunks_extension])
def test_a_file_that_the_storage_sends_slowly_is_given_up(drips: Script) -> None:
    with Peer(drips) as storage:
        leads_on = answering(b"", "302 Found", f"Location: {storage.url}")
        with Peer(leads_on) as peer, client_of(peer.url, read=2.0) as client:
            assert failure(lambda: fetch(client)).code is Code.ONFIDO_UNREACHABLE
    assert len(storage.heads) == 1


def test_an_answer_without_http_is_given_up() -> None:
    with Peer(lambda exchange: exchange.send(RUN)) as peer, client_of(peer.url) as client:
        assert failure(lambda: start(client)).is_sent


def test_an_answer_with_two_lengths_is_refused() -> None:
    lengths = f"Content-Length: {len(RUN)}\r\nContent-Length: 1\r\n\r\n".encode()
    with Peer(lambda exchange: exchange.send(HEAD + lengths + RUN)) as peer, client_of(peer.url) as client:
        assert failure(lambda: start(client)).code is Code.ONFIDO_UNREACHABLE
