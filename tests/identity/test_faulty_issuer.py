"""Signing in to the console at an issuer that answers nothing, or something else than OpenID Connect says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from structlog.testing import capture_logs

from connector.access.discovery import FetchError, IssuerUnavailableError
from connector.access.openid_client import OpenIdClient
from connector.console.ground import TURNS
from connector.pages import applications
from connector.settings import Issuer, Settings
from tests.harness import Clock, ConnectorServer
from tests.identity.test_console_sign_in import reasons, with_issuers
from tests.loopback import Standing
from tests.waiting import GENEROUS

pytestmark = pytest.mark.one_database

METADATA, KEYS, TOKENS = "/.well-known/openid-configuration", "/jwks", "/token"
KEY = RSAKey.generate_key(2048, {"kid": "k", "use": "sig", "alg": "RS256"})
Reply = Callable[["FaultyIssuer"], Any]


class FaultyIssuer(Standing):
    """An OpenID provider that signs in without asking; `replies` replaces the answers of some paths."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.nonce = ""
        self.asked = 0
        self.is_over = threading.Event()
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        super().__init__(server)
        self.url = f"http://127.0.0.1:{server.server_port}"

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        super().__exit__()

    def answer(self, path: str) -> bytes:
        self.asked += 1
        usual: dict[str, Reply] = {
            METADATA: FaultyIssuer.metadata,
            KEYS: lambda _: KeySet([KEY]).as_dict(private=False),
            TOKENS: FaultyIssuer.tokens,
        }
        reply = (usual | self.replies).get(path)
        content = reply(self) if reply else {}
        return content if isinstance(content, bytes) else json.dumps(content).encode()

    def metadata(self, **changes: Any) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": self.url + TOKENS,
            "jwks_uri": self.url + KEYS,
            "end_session_endpoint": f"{self.url}/end",
        } | changes

    def tokens(self, **changes: Any) -> dict[str, Any]:
        at = int(time.time())
        claims = {"iss": self.url, "aud": "console", "sub": "ann", "iat": at, "exp": at + 60, "nonce": self.nonce}
        signed = jwt.encode({"alg": "RS256", "kid": "k"}, claims, KEY)
        return {"access_token": "opaque", "token_type": "Bearer", "id_token": signed} | changes

    def say_nothing(self) -> bytes:
        self.is_over.wait(60)
        return b""


def _handler(issuer: FaultyIssuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = issuer.answer(urlsplit(self.path).path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            try:
                self.wfile.write(content)
            except OSError:
                return  # the other side went away, as it should

        do_POST = do_GET  # noqa: N815  the names that `http.server` calls

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return Handler


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyIssuer]:
    monkeypatch.setenv("CONSOLE_SECRET", "console-secret")
    with FaultyIssuer() as issuer:
        yield issuer


@pytest.fixture
def connector(settings: Settings, clock: Clock, issuer: FaultyIssuer) -> Iterator[ConnectorServer]:
    with ConnectorServer(with_issuers(settings, issuer.url), clock) as connector:
        yield connector


def sign_in(connector: ConnectorServer, issuer: FaultyIssuer) -> requests.Response:
    """Return the connector's answer to the step of a sign-in that fails, or to the last one."""
    with requests.Session() as browser:
        browser.trust_env = False
        options: dict[str, Any] = {"timeout": GENEROUS, "allow_redirects": False}
        begun = browser.get(f"{connector.url}/console/sign-in/start", **options)
        if not begun.is_redirect:
            return begun
        query = parse_qs(urlsplit(begun.headers["Location"]).query)
        issuer.nonce = query["nonce"][0]
        back = {"code": "c", "state": query["state"][0]}
        return browser.get(f"{connector.url}/console/callback", params=back, **options)


def test_a_usual_answer_signs_a_person_in(connector: ConnectorServer, issuer: FaultyIssuer) -> None:
    assert sign_in(connector, issuer).headers["Location"] == "/console"


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    ("path", "reply"),
    [
        (METADATA, lambda _: DEEP),
        (METADATA, lambda issuer: issuer.metadata(authorization_endpoint=None)),
        (METADATA, lambda issuer: issuer.metadata(authorization_endpoint=5)),
        (METADATA, lambda issuer: issuer.metadata(authorization_endpoint="javascript:alert(1)")),
        (METADATA, lambda issuer: issuer.metadata(authorization_endpoint="http://issuer.example.com/authorize")),
        (METADATA, lambda issuer: issuer.metadata(token_endpoint=["https://issuer.example.com/token"])),
        (KEYS, lambda _: DEEP),
        (KEYS, lambda _: []),
        (KEYS, lambda _: {"keys": [1, {"kty": "RSA"}, {"kty": ["RSA"]}, {"kty": "EC", "crv": []}]}),
        (TOKENS, lambda _: DEEP),
        (TOKENS, lambda _: b"null"),
        (TOKENS, lambda issuer: issuer.tokens(id_token=["a"])),
        (TOKENS, lambda issuer: issuer.tokens(expires_in=[1])),
        (TOKENS, lambda issuer: issuer.tokens(expires_in=float("inf"))),
    ],
)
def test_a_hostile_answer_of_an_issuer_is_refused(
    connector: ConnectorServer, issuer: FaultyIssuer, path: str, reply: Reply
) -> None:
    issuer.replies[path] = reply
    with capture_logs() as logs:
        answer = sign_in(connector, issuer)
    assert (answer.status_code, len(reasons(logs))) == (400, 1)


def test_algorithms_of_another_type_in_the_metadata_do_not_matter(
    connector: ConnectorServer, issuer: FaultyIssuer
) -> None:
    issuer.replies[METADATA] = lambda issuer: issuer.metadata(id_token_signing_alg_values_supported=5)
    assert sign_in(connector, issuer).is_redirect


def test_a_person_is_told_that_the_issuers_keys_are_not_available(
    connector: ConnectorServer, issuer: FaultyIssuer
) -> None:
    issuer.replies[KEYS] = FaultyIssuer.say_nothing
    answer = sign_in(connector, issuer)
    assert answer.status_code == 400
    assert "The identity provider does not answer" in answer.text


def client_of(issuer: FaultyIssuer, **options: Any) -> OpenIdClient:
    return OpenIdClient(Issuer(issuer.url, "connector", console_client_id="console"), "", **options)


def test_an_issuer_that_does_not_answer_is_asked_once_in_a_while(issuer: FaultyIssuer) -> None:
    times = [0.0]
    client = client_of(issuer, clock=lambda: times[-1])
    issuer.replies[METADATA] = lambda _: b""
    with pytest.raises(FetchError):
        client.load_server_metadata()
    asked = issuer.asked
    for at in (1.0, 4.9):
        times.append(at)
        with pytest.raises(IssuerUnavailableError):
            client.load_server_metadata()
    assert issuer.asked == asked
    issuer.replies.clear()
    times.append(5.1)
    assert client.load_server_metadata()["issuer"] == issuer.url


def test_few_callers_wait_for_the_keys_of_an_issuer(issuer: FaultyIssuer) -> None:
    waiting = threading.BoundedSemaphore(1)
    client = client_of(issuer, waiting=waiting)
    with waiting, pytest.raises(IssuerUnavailableError):
        client.keys.find("forged")
    assert client.keys.find(None)


def test_the_page_of_a_sign_out_asks_no_issuer_while_sign_ins_have_taken_all_turns(
    connector: ConnectorServer, issuer: FaultyIssuer
) -> None:
    page, turns = f"{connector.url}/console/signed-out?at=0", applications(connector.app)[-1].extensions[TURNS]
    with ExitStack() as stack:
        for _ in range(connector.settings.console_threads // 2):
            stack.enter_context(turns.one())
        assert (requests.get(page, timeout=GENEROUS).status_code, issuer.asked) == (200, 0)
    assert f"{issuer.url}/end" in requests.get(page, timeout=GENEROUS).text
