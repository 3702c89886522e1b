"""A receiver of signals: its client, its calls, its endpoint, and the verification of tokens by the published keys."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from connector.access.development import ALGORITHM, AUDIENCE, IDENTIFIER, KEY_FILE
from connector.domain.signals import LEVEL_CHANGE, POLL, PUSH, SET_TYPE
from connector.settings.signals import SignalSettings
from tests.contract.wire import USERS, entry
from tests.harness import HTTP, Caller, ConnectorServer, World
from tests.loopback import Taking
from tests.values import MAPPING

NAMESPACE, HIGH, LOW = "https://example.com/assurance", "proofed", "asserted"
SIGNALS = SignalSettings(namespace=NAMESPACE, verified_level=HIGH, unverified_level=LOW)
STREAMS, STATUS, VERIFICATION = "/ssf/streams", "/ssf/status", "/ssf/verification"
SCOPES = ("ssf.manage", "ssf.read")
POLLED = {"method": POLL}


def as_client(
    connector: ConnectorServer,
    client_id: str | None = "app",
    tenant: str = "carbon.super",
    scopes: Sequence[str] = SCOPES,
) -> Caller:
    """Return a client that calls with a token of its own."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": IDENTIFIER,
        "aud": AUDIENCE,
        "sub": client_id or "ann",
        "jti": str(uuid.uuid4()),
        "tenant": tenant,
    }
    claims |= {"jti": str(uuid.uuid4()), "iat": now, "exp": now + 3600, "scope": " ".join(scopes)}
    claims |= {} if client_id is None else {"client_id": client_id}
    key = ECKey.import_key(json.loads((connector.settings.data_dir / KEY_FILE).read_bytes()))
    token = jwt.encode({"alg": ALGORITHM, "typ": "at+jwt"}, claims, key, algorithms=[ALGORITHM])
    prefix = "" if tenant == "carbon.super" else f"/t/{tenant}"
    return Caller(connector.url + prefix, {"Authorization": f"Bearer {token}"})


@dataclass
class Receiver:
    """A client with a stream."""

    caller: Caller
    stream: dict[str, Any]

    @property
    def stream_id(self) -> str:
        return str(self.stream["stream_id"])

    def poll(self, **body: Any) -> Any:
        """Poll, by default without waiting; return the answer's body."""
        answer = self.caller.post(f"/ssf/poll/{self.stream_id}", {"returnImmediately": True, **body})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def events(self, **body: Any) -> list[dict[str, Any]]:
        """Poll, and return the claims of the events in their order."""
        return [self.verify(token) for token in self.poll(**body)["sets"].values()]

    def verify(self, token: str) -> dict[str, Any]:
        """Check a token as a receiver must, and return its claims."""
        keys = HTTP.get(f"{self.caller.url}/.well-known/jwks.json", timeout=60).json()
        read = jwt.decode(token, KeySet.import_key_set(keys), algorithms=["RS256"])
        assert read.header["typ"] == SET_TYPE
        assert (read.claims["iss"], read.claims["aud"]) == (self.stream["iss"], self.stream["aud"])
        assert {"sub", "exp"}.isdisjoint(read.claims)
        assert len(read.claims["events"]) == 1
        return dict(read.claims)

    def status(self, status: str, **more: Any) -> Any:
        answer = self.caller.post(STATUS, {"stream_id": self.stream_id, "status": status, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask_status(self) -> Any:
        return self.caller.get(STATUS, params={"stream_id": self.stream_id}).json()


def connect(caller: Caller, delivery: Any = None, **body: Any) -> Receiver:
    """Create a stream for changes of levels, polled by default."""
    given = {"delivery": delivery or POLLED, "events_requested": [LEVEL_CHANGE]} | body
    answer = caller.post(STREAMS, given)
    assert answer.status_code == 201, answer.text
    return Receiver(caller, answer.json())


def verify_by_hand(world: World, user_id: str, *, is_verified: bool = True, uri: str = next(iter(MAPPING))) -> None:
    """Mark a claim of a user as verified, or not."""
    admin = world.connector.as_admin(world.tenant)
    body = [entry(world.provider_id, uri, isVerified=is_verified)]
    known = admin.get(f"{USERS}/{user_id}/idv/claims").json()
    method = "PUT" if uri in [each["uri"] for each in known] else "POST"
    answer = admin.request(method, f"{USERS}/{user_id}/idv/claims", json=body)
    assert answer.ok, answer.text


def level_of(claims: dict[str, Any]) -> tuple[str, str | None, str]:
    """Return the user of an event, and the levels before and after."""
    payload = claims["events"][LEVEL_CHANGE]
    assert payload["namespace"] == NAMESPACE
    return claims["sub_id"]["sub"], payload.get("previous_level"), payload["current_level"]


Decide = Callable[[str, int], tuple[int, Any]]


def accept(_token: str, _number: int) -> tuple[int, Any]:
    return 202, None


@dataclass
class Endpoint(Taking):
    """Where a receiver takes events that are pushed (RFC 8935); `decide` answers each, by its token and its number."""

    decide: Decide = accept
    received: list[tuple[dict[str, str], str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.url = f"http://{self.host}/events"

    @property
    def delivery(self) -> dict[str, str]:
        return {"method": PUSH, "endpoint_url": self.url, "authorization_header": "Bearer of-the-receiver"}

    @property
    def tokens(self) -> list[str]:
        return [token for _, token in self.received]

    def take(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        token = body.decode()
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self.lock:
            self.received.append((headers, token))
            number = len(self.received)
        status, answer = self.decide(token, number)
        content = b"" if answer is None else json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)
