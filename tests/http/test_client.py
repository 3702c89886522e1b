"""The client for outgoing HTTP, against peers that are slow, redirect, never end, send wrong data or change address."""

from __future__ import annotations

import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from connector.errors import ConfigurationError
from connector.http.client import BodyTooLargeError, ExchangeError, HttpClient
from connector.http.sockets import Reach, Refused
from tests.http.peers import (
    ENDLESS,
    HEAD,
    Exchange,
    Peer,
    Script,
    answering,
    drips_before_the_head,
    drips_headers,
    make_certificate,
    passes_on,
    says_nothing,
    silent_name_server,
)

LIMIT = 10_000
SHORT = 0.3  # seconds that an exchange has in the tests of its end
END = 60.0  # seconds by which it has ended, however busy the machine is; without a deadline these peers go on for ever


def fetch(url: str, client: HttpClient | None = None, *, seconds: float = END, limit: int = LIMIT) -> bytes:
    with (client or HttpClient()).open("GET", url, seconds=seconds) as answer:
        assert answer.status == 200
        return answer.read(limit)


def refused(url: str, client: HttpClient | None = None, *, seconds: float = END) -> ExchangeError:
    began = time.monotonic()
    with pytest.raises(ExchangeError) as caught:
        fetch(url, client, seconds=seconds)
    assert time.monotonic() - began < END
    assert "secret" not in caught.value.description
    return caught.value


def test_an_answer_has_its_status_headers_and_body() -> None:
    headers = {"X-Mine": "two"}
    with (
        Peer(answering(b'{"a": 1}', "201 Created", "X-Thing: one")) as peer,
        HttpClient().open("POST", peer.url, seconds=END, headers=headers, body=b"abc") as answer,
    ):
        assert (answer.status, answer.header("x-thing"), answer.header("x-other")) == (201, "one", "")
        assert answer.read(LIMIT) == b'{"a": 1}'
    [head] = peer.heads
    assert head.startswith(b"POST /path?secret=1 HTTP/1.1\r\n")
    for line in (f"Host: {peer.host}", "X-Mine: two", "Content-Length: 3", "User-Agent: onfido-idvp-connector"):
        assert line.encode() in head


# Endless answers


@pytest.mark.parametrize("script", ENDLESS)
def test_an_answer_that_exceeds_the_deadline_is_given_up(script: Script) -> None:
    with Peer(script) as peer:
        assert refused(peer.url, seconds=SHORT).reason == "no answer in time"


def test_a_slow_handshake_times_out() -> None:
    with Peer(lambda exchange: exchange.drip(b"\x16")) as peer:
        peer.script, url = drips_before_the_head, peer.url.replace("http:", "https:")
        assert refused(url, seconds=SHORT).reason in ("no answer in time", "SSLError")


def test_a_handshake_that_does_not_begin_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refused(f"https://127.0.0.1:{silent.getsockname()[1]}/", seconds=SHORT)
    assert error.reason == "no answer in time"


def test_a_peer_that_does_not_read_times_out() -> None:
    with Peer(says_nothing) as peer, pytest.raises(ExchangeError, match="no answer in time"):
        HttpClient().open("POST", peer.url, seconds=SHORT, body=bytes(50_000_000))


def test_a_slow_name_lookup_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_name_server(monkeypatch):
        assert refused("https://slow.example/", seconds=SHORT).reason == "no answer in time"


def sends_for_ever(exchange: Exchange) -> None:
    exchange.send(HEAD + b"\r\n")
    while not exchange.is_over.is_set():
        exchange.send(b"x" * 65536)


def sends_chunks_for_ever(exchange: Exchange) -> None:
    exchange.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while not exchange.is_over.is_set():
        exchange.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def gzip_bomb(exchange: Exchange) -> None:
    exchange.send(HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(50_000_000)))


def deflate_bomb(exchange: Exchange) -> None:
    exchange.send(HEAD + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(bytes(50_000_000)))


@pytest.mark.parametrize("script", [sends_for_ever, sends_chunks_for_ever, gzip_bomb, deflate_bomb])
def test_an_endless_body_is_read_only_up_to_its_limit(script: Script) -> None:
    with Peer(script) as peer:
        client = HttpClient()
        with client.open("GET", peer.url, seconds=60) as answer:
            tracemalloc.start()
            try:
                with pytest.raises(BodyTooLargeError, match="longer than 10000 bytes"):
                    answer.read(LIMIT)
                assert tracemalloc.get_traced_memory()[1] < 5_000_000
            finally:
                tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 1, LIMIT])
def test_a_body_within_its_limit_is_returned_completely(size: int) -> None:
    with Peer(answering(b"x" * size)) as peer:
        assert fetch(peer.url) == b"x" * size


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("GZIP", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_compressed_body_is_decompressed(encoding: str, compress: object) -> None:
    content = b"one and another " * 500
    assert callable(compress)
    with Peer(answering(compress(content), "200 OK", f"Content-Encoding: {encoding}")) as peer:
        assert fetch(peer.url) == content


# Invalid answers


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 999999\r\n\r\n",
        HEAD + b"X: " + b"y" * 100_000,
        HEAD + b"X: y\r\n" * 1000 + b"\r\n",
        HEAD + b"Content-Length: 100\r\n\r\ntoo short",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        HEAD + b"Content-Encoding: gzip\r\n\r\nnot gzip",
        HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"cut off" * 100, mtime=0)[:-12],
        HEAD + b"Content-Encoding: br\r\n\r\nbody",
    ],
)
def test_an_incomplete_answer_is_an_error(answer: bytes) -> None:
    with Peer(lambda exchange: exchange.send(answer)) as peer:
        assert refused(peer.url).description.startswith(peer.host)


def test_an_unreachable_peer_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert refused(f"http://127.0.0.1:{port}/?secret=1").reason.startswith("it refuses connections")


# Addresses and credentials


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_nor_its_body_read(status: int) -> None:
    with Peer(answering()) as elsewhere:

        def redirect(exchange: Exchange) -> None:
            exchange.send(f"HTTP/1.1 {status} Elsewhere\r\nLocation: {elsewhere.url}\r\n\r\n".encode())
            exchange.drip(b"x")

        with Peer(redirect) as peer, HttpClient().open("GET", peer.url, seconds=END) as answer:
            assert answer.status == status
        assert elsewhere.heads == []


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials for loopback in the places where some clients look for them."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login ann password lying-around\ndefault login ann password lying-around\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.usefixtures("credentials")
def test_no_credential_is_sent_that_was_not_passed() -> None:
    with Peer(answering(b"", "401 Unauthorized", 'WWW-Authenticate: Basic realm="x"', "Set-Cookie: a=b")) as peer:
        for _ in range(2):
            with HttpClient().open("GET", peer.url, seconds=END) as answer:
                assert answer.status == 401
    assert len(peer.heads) == 2
    for head in peer.heads:
        assert b"authorization" not in head.lower()
        assert b"cookie" not in head.lower()
        assert b"lying-around" not in head


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "//127.0.0.1/",
        "https://",
        "https://ann:secret@127.0.0.1/",
        "https://127.0.0.1:port/",
        "https://[::1/",
        "http://0.0.0.0:1/",
        "http://10.0.0.1/",
        "https://bad host/",
        "https://127.0.0.1:1/\r\nX-Evil: 1",
        "https://" + "a" * 70 + ".example/",
    ],
)
def test_an_address_that_is_neither_https_nor_loopback_is_refused(url: str) -> None:
    with pytest.raises(ExchangeError) as caught:
        HttpClient().open("GET", url, seconds=END)
    assert "secret" not in caught.value.description


def leads_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Resolve every name to these addresses once, then to loopback, as in DNS rebinding."""
    later: Iterator[str] = iter(addresses)

    def look_up(host: str, port: int, **_: object) -> list[object]:
        address = next(later, "127.0.0.1")
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"],
)
def test_a_public_client_connects_to_no_private_address_for_any_name(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    leads_to(monkeypatch, address)
    error = refused("https://innocent.example/", HttpClient(is_public_only=True))
    assert error.reason == "innocent.example is not a public host"


@pytest.mark.parametrize(
    "host",
    ["0177.0.0.1", "0x7f.1", "127.1", "2130706433", "0", "localhost", "[::1]", "[::ffff:7f00:1]", "[2002:7f00:1::]"],
)
def test_a_public_client_connects_to_no_spelling_of_loopback(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        error = refused(f"https://{host}:{listening.getsockname()[1]}/", HttpClient(is_public_only=True))
    assert "is not a public host" in error.reason


def test_a_name_is_looked_up_once_and_cannot_be_rebound(monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(monkeypatch, "8.8.8.8")  # and then to loopback
    tried: list[object] = []
    monkeypatch.setattr("connector.http.sockets.TimedSocket.connect", lambda _, address: tried.append(address))
    with pytest.raises(ExchangeError):
        HttpClient(is_public_only=True).open("GET", "https://rebinding.example/", seconds=SHORT)
    assert tried == [("8.8.8.8", 443)]


def test_plain_http_connects_only_to_loopback_for_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(monkeypatch, "192.0.2.1")
    assert refused("http://localhost/").reason == "plain http is allowed only to this machine"


# Certificates


def test_a_ca_file_is_trusted_by_its_own_client_alone(tmp_path: Path) -> None:
    whole, alone = make_certificate(tmp_path)
    with Peer(answering(b"trusted"), whole) as peer:
        assert fetch(peer.url, HttpClient(ca_file=str(alone))) == b"trusted"
        assert "its TLS certificate is not trusted" in refused(peer.url).reason


def test_a_ca_file_replaces_the_public_authorities(tmp_path: Path) -> None:
    _, another = make_certificate(tmp_path, "another")
    whole, _ = make_certificate(tmp_path)
    with Peer(answering(), whole) as peer:
        assert "its TLS certificate is not trusted" in refused(peer.url, HttpClient(ca_file=str(another))).reason


def test_a_certificate_is_valid_only_for_its_host(tmp_path: Path) -> None:
    whole, alone = make_certificate(tmp_path)
    with Peer(answering(), whole) as peer:
        url = f"https://127.0.0.2:{peer.port}/"
        # The peer listens on 127.0.0.1 alone, and all of 127.0.0.0/8 leads to this machine.
        with pytest.MonkeyPatch.context() as patched:
            leads_to(patched, "127.0.0.1")
            assert "not trusted" in refused(url, HttpClient(ca_file=str(alone))).reason


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_ca_bundle_of_the_environment_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    whole, alone = make_certificate(tmp_path)
    monkeypatch.setenv(name, str(alone))
    with Peer(answering(), whole) as peer:
        assert "not trusted" in refused(peer.url).reason


@pytest.mark.parametrize("content", [None, "", "no certificate", b"\xff\xfe"])
def test_an_unusable_ca_file_is_named(tmp_path: Path, content: str | bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        HttpClient(ca_file=str(path))


# Proxies


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with Peer(answering()) as proxy, Peer(answering(b"direct")) as peer:
        monkeypatch.setenv(name, f"http://{proxy.host}")
        assert fetch(peer.url) == b"direct"
        assert proxy.heads == []


def test_https_uses_the_configured_proxy(tmp_path: Path) -> None:
    whole, alone = make_certificate(tmp_path)
    with Peer(answering(b"through"), whole) as peer, Peer(passes_on(peer.port)) as proxy:
        client = HttpClient(ca_file=str(alone), proxy=f"http://ann:p%40ss@{proxy.host}")
        assert fetch(f"https://localhost:{peer.port}/a", client) == b"through"
    [asked] = proxy.heads
    assert asked.startswith(f"CONNECT localhost:{peer.port} HTTP/1".encode())
    assert b"Proxy-Authorization: Basic YW5uOnBAc3M=\r\n" in asked
    assert b"Proxy-Authorization" not in peer.heads[0]


@pytest.mark.parametrize(
    "script", [answering(b"", "407 Proxy Authentication Required"), answering(b"", "403 Forbidden")]
)
def test_a_proxy_that_refuses_is_an_error(script: Script) -> None:
    with Peer(script) as proxy:
        error = refused("https://behind.example/", HttpClient(proxy=f"http://{proxy.host}"))
    assert error.reason == "the proxy refused the connection"


@pytest.mark.parametrize("script", [drips_before_the_head, drips_headers, says_nothing])
def test_a_slow_proxy_times_out(script: Script) -> None:
    with Peer(script) as proxy:
        error = refused("https://behind.example/", HttpClient(proxy=f"http://{proxy.host}"), seconds=SHORT)
    assert error.reason == "no answer in time"


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "192.168.1.1", "127.0.0.1", "::1", "fd00::1", "fe80::1"]
)
def test_private_and_link_local_addresses_are_refused_unless_their_network_is_allowed(address: str) -> None:
    public = Reach(is_public_only=True)
    with pytest.raises(Refused, match=r"app\.example is not a public host"):
        public.check("app.example", address)
    public.check("app.example", "93.184.216.34")

    allowed = Reach(is_public_only=True, networks=(ip_network(f"{address}/{ip_network(address).max_prefixlen}"),))
    allowed.check("app.example", address)
    with pytest.raises(Refused):
        allowed.check("app.example", "10.9.9.9")
