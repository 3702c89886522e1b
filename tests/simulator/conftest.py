"""A running simulator, its callers, and a receiver for its webhooks; all on loopback over real HTTP."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import urllib3

from connector.simulator.server import Simulator
from tests import vendor as onfido
from tests.loopback import Quiet, serving

WORKFLOW_ID = "8a9b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
API_TOKEN = "api_sandbox.tests"


def content(answer: requests.Response, status: int = 200) -> dict[str, Any]:
    """Return the object in an answer that has this status."""
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="session")
def standing_simulator() -> Iterator[Simulator]:
    """A simulator that runs until the last test: werkzeug compiles every route of a new one."""
    with Simulator(retry_delays=(0.02, 0.02), webhook_timeout=60) as running:
        yield running


@pytest.fixture
def http() -> Iterator[requests.Session]:
    """A plain client with an API token, for requests that the vendor's client refuses to send."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Token token={API_TOKEN}"
        yield session


@pytest.fixture
def vendor(simulator: Simulator) -> Iterator[onfido.DefaultApi]:
    """The vendor's own client, configured only with the API's URL."""
    retries: Any = urllib3.Retry(total=None, connect=0, read=0, redirect=1)
    configuration = onfido.Configuration(host=simulator.api_url, api_token=API_TOKEN, retries=retries)
    client = onfido.ApiClient(configuration)
    yield onfido.DefaultApi(client)
    client.rest_client.pool_manager.clear()


@pytest.fixture
def put_workflow(simulator: Simulator, http: requests.Session) -> Callable[..., dict[str, Any]]:
    """Return the tests' workflow rules."""

    def put(**rules: Any) -> dict[str, Any]:
        return content(http.put(f"{simulator.url}/simulator/workflows/{WORKFLOW_ID}", json=rules, timeout=60))

    return put


@pytest.fixture
def new_run(simulator: Simulator, http: requests.Session) -> Callable[..., dict[str, Any]]:
    """Create an applicant and a run for it: `new_run(last_name=…)` changes the applicant, `link` is the run's."""

    def create(link: dict[str, Any] | None = None, **applicant: Any) -> dict[str, Any]:
        person = {"first_name": "Ada", "last_name": "Lovelace", "dob": "1990-01-01"} | applicant
        created = http.post(f"{simulator.api_url}/applicants", json=person, timeout=60).json()
        body = {"workflow_id": WORKFLOW_ID, "applicant_id": created["id"]} | ({"link": link} if link else {})
        return content(http.post(f"{simulator.api_url}/workflow_runs", json=body, timeout=60), 201)

    return create


@pytest.fixture
def end_run(simulator: Simulator, http: requests.Session) -> Callable[..., dict[str, Any]]:
    """End a run as a script does; return the run."""

    def end(run: dict[str, Any], **outcome: Any) -> dict[str, Any]:
        return content(http.post(f"{simulator.url}/simulator/runs/{run['id']}/outcome", json=outcome, timeout=60))

    return end


@pytest.fixture
def set_faults(simulator: Simulator, http: requests.Session) -> Callable[..., dict[str, Any]]:
    """Set switches and return them all."""

    def change(**switches: Any) -> dict[str, Any]:
        return content(http.patch(f"{simulator.url}/simulator/faults", json=switches, timeout=60))

    return change


@pytest.fixture
def state_of(simulator: Simulator, http: requests.Session) -> Callable[[], dict[str, Any]]:
    """Read `/simulator/state`."""

    def read() -> dict[str, Any]:
        return content(http.get(f"{simulator.url}/simulator/state", timeout=60))

    return read


@pytest.fixture
def received() -> queue.Queue[tuple[bytes, str]]:
    """The bodies and signatures that reached the receiver, in order."""
    return queue.Queue()


@pytest.fixture
def read_event(received: queue.Queue[tuple[bytes, str]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Verify the next event with the vendor's client, and return its payload."""

    def read(webhook: dict[str, Any]) -> dict[str, Any]:
        body, signature = received.get(timeout=60)
        event = onfido.WebhookEventVerifier(webhook["token"]).read_payload(body.decode(), signature)
        payload: dict[str, Any] = json.loads(body)["payload"]
        assert event is not None
        assert event.payload is not None
        assert (event.payload.resource_type, event.payload.action) == (payload["resource_type"], payload["action"])
        return payload

    return read


@pytest.fixture
def answers() -> queue.Queue[int]:
    """The statuses with which the receiver answers next; 200 once none is left."""
    return queue.Queue()


@pytest.fixture
def receiver_url(received: queue.Queue[tuple[bytes, str]], answers: queue.Queue[int]) -> Iterator[str]:
    """A webhook receiver on loopback."""

    class Receiver(Quiet):
        def do_POST(self) -> None:  # noqa: N802  the base class's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                status = answers.get_nowait()
            except queue.Empty:
                status = 200
            received.put((body, self.headers["X-SHA2-Signature"]))
            self.answer(status)

    with serving(Receiver) as url:
        yield f"{url}/events"


@pytest.fixture
def subscribe(simulator: Simulator, http: requests.Session, receiver_url: str) -> Callable[..., dict[str, Any]]:
    """Register the receiver, by default for the end of runs only."""

    def register(**values: Any) -> dict[str, Any]:
        body = {"url": receiver_url, "events": ["workflow_run.completed"]} | values
        return content(http.post(f"{simulator.api_url}/webhooks", json=body, timeout=60), 201)

    return register
