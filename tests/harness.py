"""The connector for tests: a real server on a real database, with a simulated Onfido over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.serving import WSGIRequestHandler, make_server

from connector.access.development import mint_token
from connector.app import create_app
from connector.bootstrap import Services
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.domain.verifications.verification import Verification, VerificationFilter
from connector.onfido.client import OnfidoClient
from connector.relay import Relay
from connector.services.journal import Subscriber
from connector.services.timing import Deadline
from connector.services.upkeep import Sweep
from connector.settings import Settings
from connector.simulator.server import Simulator
from connector.store.deliveries.outbox import OutboxRow
from tests.bodies import sign
from tests.values import MAPPING, VALUES
from tests.waiting import GENEROUS, wait_until


def as_actor(subject: str) -> str:
    """Return how the history names a caller."""
    return f"{subject} [development@urn:onfido-idvp-connector:development]"


ADMIN = as_actor("admin")
ADMIN_SCOPES = (
    *(f"internal_idvp_{name}" for name in ("view", "add", "update", "delete")),
    *(f"internal_idv_claim_{name}" for name in ("verify", "view", "add", "update")),
)


# Seconds: what a connector of this process queues wakes it, so it polls for retries alone, which pause for longer. Each
# poll costs two transactions.
POLL_INTERVAL = 0.5
TOKEN_LIFETIME = 86_400  # seconds: longer than any run of the suite, through which shared fixtures keep their callers

# One session for all callers, since creating one takes as long as a call. All servers are local: no proxies.
HTTP = requests.Session()
HTTP.trust_env = False


class Clock:
    """The system's time, moved forward at will."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._stopped_at: datetime | None = None
        self._step = timedelta()

    def __call__(self) -> datetime:
        self._ahead += self._step
        return (self._stopped_at or datetime.now(UTC)) + self._ahead

    def stop(self, step: timedelta = timedelta()) -> None:
        """Stop the clock: from now on it moves only on request, and by the step with each reading."""
        self._stopped_at, self._step = datetime.now(UTC), step

    def go_on(self) -> None:
        """Start a stopped clock again; it shows what it would show without the stop."""
        self._stopped_at, self._step = None, timedelta()

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


class _CompiledTemplates(BytecodeCache):
    """The templates that any connector of this process has compiled: each of them would compile them again."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


Flask.jinja_options = Flask.jinja_options | {"bytecode_cache": _CompiledTemplates()}


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object) -> None:
        """Log nothing."""


class ConnectorServer:
    """A connector that answers on loopback, in this process."""

    def __init__(
        self, settings: Settings, clock: Callable[[], datetime], subscribers: Sequence[Subscriber[Any]] = ()
    ) -> None:
        self.app = create_app(settings, clock, subscribers)
        self.settings = settings
        self.services: Services = self.app.extensions["services"]
        self._server = make_server("127.0.0.1", 0, self.app, threaded=True, request_handler=_Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.app.config["PUBLIC_URL"] = self.url
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,))
        self._relay: Relay | None = None

    def __enter__(self) -> ConnectorServer:
        self._thread.start()
        self.deliver()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self.rest()
        self._server.server_close()
        self.services.close()

    def deliver(self) -> None:
        """Start delivering the outbox's rows, as `serve` does, without the sweep: tests call it."""
        self.rest()
        self._relay = Relay(self.services.database, self.services.outbox, {}, poll_interval=POLL_INTERVAL)
        self._relay.start()

    def rest(self) -> None:
        """Stop delivering, so that a connector that is kept between tests does not read its database."""
        if self._relay:
            self._relay.stop()
            self._relay = None

    def as_admin(self, tenant: str = DEFAULT_TENANT, scopes: Iterable[str] = ADMIN_SCOPES) -> Caller:
        return self.caller("admin", scopes, tenant)

    def as_user(self, user_id: str, tenant: str = DEFAULT_TENANT) -> Caller:
        return self.caller(user_id, ["internal_login"], tenant)

    def caller(self, subject: str, scopes: Iterable[str], tenant: str = DEFAULT_TENANT) -> Caller:
        token = mint_token(self.settings.data_dir, subject, scopes, tenant, TOKEN_LIFETIME)
        prefix = "" if tenant == DEFAULT_TENANT else f"/t/{tenant}"
        return Caller(self.url + prefix, {"Authorization": f"Bearer {token}"})


@dataclass(frozen=True)
class Caller:
    """A caller with an access token."""

    url: str
    headers: Mapping[str, str]

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        return HTTP.request(method, self.url + path, headers=headers, timeout=GENEROUS, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        return self.request("POST", path, json=body, **options)

    def put(self, path: str, body: Any, **options: Any) -> requests.Response:
        return self.request("PUT", path, json=body, **options)

    def verify(
        self,
        provider_id: str,
        status: str,
        claims: Iterable[str] = tuple(MAPPING),
        *,
        user_id: str = "me",
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        body = {
            "idVProviderId": provider_id,
            "claims": list(claims),
            "properties": [{"key": "status", "value": status}],
        }
        return self.post(f"/api/users/v1/{user_id}/idv/verify", body, headers=dict(headers or {}))

    def claims(self, user_id: str = "me") -> dict[str, Any]:
        """Return the caller's claims by URI."""
        answer = self.get(f"/api/users/v1/{user_id}/idv/claims")
        assert answer.status_code == 200, answer.text
        return {claim["uri"]: claim for claim in answer.json()}


@dataclass
class World:
    """A connector, its Onfido, and a provider whose webhook is registered by default."""

    connector: ConnectorServer
    simulator: Simulator
    clock: Clock
    provider_id: str = ""
    webhook_token: str = field(default="", repr=False)
    tenant: str = DEFAULT_TENANT

    def add_user(self, user_id: str = "ann", values: Mapping[str, str] | None = None) -> Caller:
        self.connector.services.users.add(Tenant(self.tenant), user_id, VALUES if values is None else values)
        return self.connector.as_user(user_id, self.tenant)

    def put_user(self, user_id: str, values: Mapping[str, str]) -> bool:
        """Import one user; True if it was added."""
        [batch] = self.connector.services.users.put_all(Tenant(self.tenant), [(user_id, values)])
        return user_id in batch.added

    def faults(self, **switches: Any) -> None:
        """Set the simulator's switches."""
        answer = HTTP.patch(f"{self.simulator.url}/simulator/faults", json=switches, timeout=GENEROUS)
        assert answer.ok, answer.text

    def outcome(self, run_id: str, **choice: Any) -> None:
        """End a run at Onfido, as its person would."""
        answer = HTTP.post(f"{self.simulator.url}/simulator/runs/{run_id}/outcome", json=choice, timeout=GENEROUS)
        assert answer.ok, answer.text

    def onfido_state(self) -> Any:
        return HTTP.get(f"{self.simulator.url}/simulator/state", timeout=GENEROUS).json()

    def start(self, caller: Caller, claims: Iterable[str] = tuple(MAPPING)) -> str:
        """Initiate a verification and return its run's id."""
        answer = caller.verify(self.provider_id, "INITIATED", claims)
        assert answer.status_code == 200, answer.text
        return run_id_of(answer)

    def post_event(
        self, body: bytes, *, signature: str | None = None, provider_id: str | None = None
    ) -> requests.Response:
        """Post a webhook, correctly signed unless `signature` is given."""
        prefix = "" if self.tenant == DEFAULT_TENANT else f"/t/{self.tenant}"
        path = f"{prefix}/idv/onfido/v1/{provider_id or self.provider_id}/verify"
        headers = {"X-SHA2-Signature": sign(body, self.webhook_token) if signature is None else signature}
        return HTTP.post(self.connector.url + path, data=body, headers=headers, timeout=GENEROUS)

    def verifications(self, user_id: str | None = None) -> list[Verification]:
        """Return the verifications of the tenant's users, or of one, the latest first."""
        found = self.connector.services.lookup.page(
            Tenant(self.tenant), VerificationFilter(user_id=user_id), limit=100
        ).rows
        return [run.verification for run in found]

    def sweep(self) -> None:
        """Sweep as a worker does, and wait until the deliveries have succeeded or failed."""
        outbox = self.connector.services.outbox
        self.connector.services.upkeep.sweep(Sweep())
        self.wait_until(lambda: not any(map(_is_under_way, outbox.page(("ready",), 100))))

    def wait_until(self, condition: Callable[[], bool], seconds: float = GENEROUS) -> None:
        wait_until(condition, seconds)


def _is_under_way(row: OutboxRow) -> bool:
    """Whether a delivery is due for its first attempt, or being attempted; `history` has the failed attempts.

    A notice to an endpoint that fails, such as an earlier test's, is not due before the endpoint is tried again.
    """
    is_due = row.attempts == 0 and row.due_at <= datetime.now(UTC)
    return is_due or len(row.history) < row.attempts


def onfido_of(world: World) -> OnfidoClient:
    """Return a client of Onfido with the token of the world's provider."""
    services = world.connector.services
    provider = services.providers.get(Tenant(world.tenant), world.provider_id)
    return services.onfido.of_provider(provider, Deadline(time.monotonic() + GENEROUS))


def run_id_of(answer: requests.Response) -> str:
    """Return the run's id from an answer to a verification request."""
    return str(answer.json()["claims"][0]["claimMetadata"]["onfido_workflow_run_id"])


def verified(claims: Mapping[str, Any]) -> set[str]:
    """Return the URIs of the claims that are verified."""
    return {uri for uri, claim in claims.items() if claim["isVerified"]}
