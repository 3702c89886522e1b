"""The storage to which Onfido redirects for files: allowed addresses, and no credentials sent to it."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import Code, OnfidoError
from connector.onfido.client import OnfidoClient, OnfidoTransport
from connector.onfido.connections import Limits
from connector.onfido.storage import Storage
from tests.onfido.conftest import API_TOKEN, FOR_EVER, Reply, ScriptedOnfido, self_signed
from tests.waiting import GENEROUS

PUBLIC, OTHER_PUBLIC = "8.8.8.8", "1.1.1.1"  # never connected to: the resolver leads to loopback
_connect = socket.socket.connect


@dataclass
class Resolver:
    """The addresses of names, and the loopback port of an address; a substitute for a name server and a network.

    `asked` has the resolved names, and the addresses to which connections were made.
    """

    names: dict[str, list[str]] = field(default_factory=dict)
    routes: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        self.asked.append(host)
        if host in self.names:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.names[host]]
        if host != "127.0.0.1":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]

    def connect(self, sock: socket.socket, address: tuple[str, int]) -> None:
        host, port = address
        if host in self.routes:
            self.asked.append(host)
            host, port = "127.0.0.1", self.routes[host]
        _connect(sock, (host, port))


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Resolve names and route connections as the returned object says."""
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    monkeypatch.setattr(socket.socket, "connect", lambda sock, address: resolver.connect(sock, address))  # noqa: PLW0108
    return resolver


@pytest.fixture
def public(
    onfido: ScriptedOnfido, elsewhere: ScriptedOnfido, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OnfidoClient]:
    """A client with an https base URL, as in production, and a storage with https."""
    certificate = self_signed(tmp_path / "trusted.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    onfido.speak_tls(certificate)
    elsewhere.speak_tls(certificate)
    with closing(OnfidoTransport(read_timeout=GENEROUS, read_retries=0)) as transport:
        yield transport.client(onfido.base_url, API_TOKEN)


def leads_to(location: str, **headers: str) -> Reply:
    return Reply(302, b"", {"Location": location, **headers})


def fetch(client: OnfidoClient) -> bytes:
    with client.open_signed_evidence("run-1") as file:
        return b"".join(file.chunks)


def failure(call: Callable[[], object]) -> OnfidoError:
    with pytest.raises(OnfidoError) as caught:
        call()
    return caught.value


def test_a_redirect_is_followed_without_token_or_cookie(
    onfido: ScriptedOnfido, elsewhere: ScriptedOnfido, client: OnfidoClient
) -> None:
    address = elsewhere.base_url + "/evidence.pdf?signature=abc%2F"
    cookie = {"Set-Cookie": "session=of-onfido; Path=/"}
    onfido.answers(*[leads_to(address, **cookie)] * 2)
    elsewhere.answers(*[Reply(200, b"%PDF", {"Content-Type": "application/pdf", **cookie})] * 2)
    for _ in range(2):
        with client.open_signed_evidence("run-1") as file:
            assert (file.length, b"".join(file.chunks)) == (4, b"%PDF")
    for request in elsewhere.received:
        assert (request.method, request.target) == ("GET", "/v3.6/evidence.pdf?signature=abc%2F")
        assert not {"Authorization", "Cookie"} & set(request.headers)
        assert API_TOKEN not in str(request)


def test_netrc_credentials_are_not_sent_to_the_storage(
    onfido: ScriptedOnfido,
    elsewhere: ScriptedOnfido,
    client: OnfidoClient,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    onfido.answers(leads_to(elsewhere.base_url))
    elsewhere.answers(Reply(200, b"%PDF"))
    assert fetch(client) == b"%PDF"
    assert "Authorization" not in elsewhere.received[0].headers


def test_a_relative_redirect_stays_on_the_host_without_the_token(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(leads_to("/files/1"), Reply(200, b"%PDF"))
    assert fetch(client) == b"%PDF"
    assert onfido.received[1].target == "/files/1"
    assert "Authorization" not in onfido.received[1].headers


@pytest.mark.parametrize("status", [301, 303, 307, 308])
def test_every_redirect_status_is_followed(
    onfido: ScriptedOnfido, elsewhere: ScriptedOnfido, client: OnfidoClient, status: int
) -> None:
    onfido.answers(Reply(status, b"", {"Location": elsewhere.base_url}))
    elsewhere.answers(Reply(200, b"%PDF"))
    assert fetch(client) == b"%PDF"


def test_only_one_redirect_is_followed(onfido: ScriptedOnfido, elsewhere: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(leads_to(elsewhere.base_url))
    elsewhere.answers(leads_to(elsewhere.base_url), Reply(200, b"%PDF"))
    error = failure(lambda: fetch(client))
    assert (error.code, len(elsewhere.received)) == (Code.FILE_UNAVAILABLE, 1)
    assert "HTTP 302" in error.description


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, Code.FILE_UNAVAILABLE),
        (404, Code.FILE_UNAVAILABLE),
        (204, Code.FILE_UNAVAILABLE),
        (500, Code.ONFIDO_UNREACHABLE),
        (503, Code.ONFIDO_UNREACHABLE),
    ],
)
def test_a_refusal_by_the_storage_is_reported_without_the_signature(
    onfido: ScriptedOnfido, elsewhere: ScriptedOnfido, client: OnfidoClient, status: int, code: Code
) -> None:
    onfido.answers(leads_to(elsewhere.base_url + "?signature=s3cret"))
    elsewhere.answers(Reply(status, b"s3cret"))
    error = failure(lambda: fetch(client))
    assert error.code is code
    assert f"127.0.0.1:{elsewhere.server_port}" in error.description
    assert f"HTTP {status}" in error.description
    assert "s3cret" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("fault", [Reply(is_dropped=True), Reply(delay=FOR_EVER)])
def test_an_unresponsive_storage_is_reported_without_the_signature(
    onfido: ScriptedOnfido, elsewhere: ScriptedOnfido, fault: Reply
) -> None:
    onfido.answers(leads_to(elsewhere.base_url + "?signature=s3cret"))
    elsewhere.answers(fault)
    with closing(OnfidoTransport(read_timeout=1)) as transport:
        error = failure(lambda: fetch(transport.client(onfido.base_url, API_TOKEN)))
    assert error.code is Code.ONFIDO_UNREACHABLE
    assert error.is_retryable
    assert "s3cret" not in "".join(traceback.format_exception(error))


def test_an_interrupted_download_from_the_storage_is_an_error(
    onfido: ScriptedOnfido, elsewhere: ScriptedOnfido, client: OnfidoClient
) -> None:
    onfido.answers(leads_to(elsewhere.base_url))
    elsewhere.answers(Reply(200, b"%PDF", declared_length=100))
    assert failure(lambda: fetch(client)).code is Code.ONFIDO_UNREACHABLE


@pytest.mark.parametrize(
    "location",
    [
        "http://files.example/1",
        "ftp://127.0.0.1/1",
        "file:///etc/passwd",
        "//files.example/1",
        "http://user:secret@127.0.0.1/1",
        "http://127.0.0.1:99999/1",
        "http://[::1/1",
        "http://127.0.0.1/1#part",
        "http://127.0.0.1\\@files.example/1",
    ],
)
def test_an_address_that_is_not_a_files_is_not_requested(
    onfido: ScriptedOnfido, client: OnfidoClient, resolver: Resolver, location: str
) -> None:
    onfido.answers(leads_to(location))
    error = failure(lambda: fetch(client))
    assert error.code is Code.FILE_UNAVAILABLE
    assert location not in error.description
    assert set(resolver.asked) == {"127.0.0.1"}
    assert len(onfido.received) == 1


def test_only_https_is_followed_from_a_public_base_url(
    onfido: ScriptedOnfido, public: OnfidoClient, resolver: Resolver
) -> None:
    resolver.names["files.example"] = [PUBLIC]
    onfido.answers(leads_to("http://127.0.0.1/1"), leads_to("http://files.example/1"))
    for _ in range(2):
        error = failure(lambda: fetch(public))
        assert error.code is Code.FILE_UNAVAILABLE
        assert "https://" in error.description
    assert "files.example" not in resolver.asked


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["172.16.0.1"],
        ["192.168.1.1"],
        ["169.254.169.254"],
        ["100.64.0.1"],
        ["0.0.0.0"],
        ["224.0.0.1"],
        ["::1"],
        ["::"],
        ["fe80::1"],
        ["fe80::1%eth0"],
        ["fd00::1"],
        ["ff02::1"],
        ["::ffff:127.0.0.1"],
        ["::ffff:10.0.0.1"],
        [PUBLIC, "127.0.0.1"],
    ],
)
def test_no_private_address_is_requested_from_a_public_base_url(
    onfido: ScriptedOnfido,
    elsewhere: ScriptedOnfido,
    public: OnfidoClient,
    resolver: Resolver,
    addresses: list[str],
) -> None:
    resolver.names["files.example"] = addresses
    resolver.routes |= {each: elsewhere.server_port for each in addresses if each != "127.0.0.1"}
    onfido.answers(leads_to(f"https://files.example:{elsewhere.server_port}/1"))
    error = failure(lambda: fetch(public))
    assert error.code is Code.FILE_UNAVAILABLE
    assert error.description == "files.example must be a public host: no file is fetched from it."
    assert elsewhere.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433"])
def test_no_spelling_of_loopback_is_requested_from_a_public_base_url(
    onfido: ScriptedOnfido, elsewhere: ScriptedOnfido, public: OnfidoClient, host: str
) -> None:
    onfido.answers(leads_to(f"https://{host}:{elsewhere.server_port}/1"))
    assert failure(lambda: fetch(public)).code is Code.FILE_UNAVAILABLE
    assert elsewhere.connections == 0


def test_a_public_host_is_requested_at_the_address_that_was_checked(
    onfido: ScriptedOnfido, elsewhere: ScriptedOnfido, public: OnfidoClient, resolver: Resolver
) -> None:
    """Its name is resolved once, so that a different second answer has no effect."""
    resolver.names["files.example"] = [PUBLIC]
    resolver.routes[PUBLIC] = elsewhere.server_port
    onfido.answers(leads_to("https://files.example/1?signature=abc"))
    elsewhere.answers(Reply(200, b"%PDF"))
    assert fetch(public) == b"%PDF"
    assert resolver.asked == ["127.0.0.1", "files.example", PUBLIC]
    assert elsewhere.received[0].headers["Host"] == "files.example"


def test_the_next_address_of_a_public_host_is_tried(
    onfido: ScriptedOnfido, elsewhere: ScriptedOnfido, public: OnfidoClient, resolver: Resolver
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        closed = gone.getsockname()[1]
    resolver.names["files.example"] = [PUBLIC, OTHER_PUBLIC]
    resolver.routes |= {PUBLIC: closed, OTHER_PUBLIC: elsewhere.server_port}
    resolver.names["gone.example"] = [PUBLIC]
    onfido.answers(leads_to("https://files.example/1"), leads_to("https://gone.example/1"))
    elsewhere.answers(Reply(200, b"%PDF"))
    assert fetch(public) == b"%PDF"
    assert failure(lambda: fetch(public)).code is Code.ONFIDO_UNREACHABLE


@pytest.mark.parametrize("host", ["files.example", "a..b", "x" * 64 + ".example"])
def test_a_missing_storage_host_is_not_reported_as_a_wrong_base_url(
    onfido: ScriptedOnfido, public: OnfidoClient, resolver: Resolver, host: str
) -> None:
    del resolver
    onfido.answers(leads_to(f"https://{host}/1"))
    assert failure(lambda: fetch(public)).code in (Code.ONFIDO_UNREACHABLE, Code.FILE_UNAVAILABLE)


def test_a_certificate_for_another_name_is_refused(
    onfido: ScriptedOnfido, elsewhere: ScriptedOnfido, public: OnfidoClient, resolver: Resolver
) -> None:
    resolver.names["other.example"] = [PUBLIC]
    resolver.routes[PUBLIC] = elsewhere.server_port
    onfido.answers(leads_to("https://other.example/1"))
    assert failure(lambda: fetch(public)).code is Code.ONFIDO_UNREACHABLE
    assert not elsewhere.received


odd_addresses = st.from_regex(r"https?:[/\\]{0,3}[\w.:@\[\]%/]*", fullmatch=True)
locations = st.text() | st.text().map(lambda rest: f"https://{rest}") | odd_addresses


@given(locations)
def test_any_redirect_address_is_followed_or_refused(resolver: Resolver, location: str) -> None:
    """Every name resolves to loopback here, which a client with a public base URL never calls."""
    resolver.names = {"127.0.0.1": ["127.0.0.1"]}
    with closing(Storage("test")) as storage, pytest.raises(OnfidoError) as caught:
        storage.open("https://127.0.0.1/v3.6", location, Limits(0.1, 0.1))
    assert caught.value.code in (Code.FILE_UNAVAILABLE, Code.ONFIDO_UNREACHABLE)
