"""Access to the simulator: tokens of OAuth 2 clients, environments, and host names."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import requests

from connector.simulator.server import Simulator
from tests import vendor as onfido
from tests.simulator.conftest import API_TOKEN, WORKFLOW_ID

PERSON = {"first_name": "Ada", "last_name": "Lovelace"}
LIVE = {"Authorization": "Token token=api_live.tests"}


def grant(simulator: Simulator, **form: str) -> requests.Response:
    form = {"client_id": "client", "client_secret": "secret"} | form
    return requests.post(f"{simulator.api_url}/oauth/token", data=form, timeout=60)


def bearer(simulator: Simulator, client_id: str = "client") -> dict[str, str]:
    return {"Authorization": f"Bearer {grant(simulator, client_id=client_id).json()['access_token']}"}


def test_the_vendors_client_is_granted_a_token(simulator: Simulator) -> None:
    configuration = onfido.Configuration(
        host=simulator.api_url, oauth_client_id="client", oauth_client_secret="of-the-tests"
    )
    client = onfido.ApiClient(configuration)
    created = onfido.DefaultApi(client).create_applicant(
        onfido.ApplicantBuilder(first_name="Ada", last_name="Lovelace")
    )
    client.rest_client.pool_manager.clear()
    assert created.sandbox is True


@pytest.mark.parametrize(
    ("client_id", "is_sandbox"), [("client", True), ("my-sandbox", True), ("client-live-1", False)]
)
def test_the_environment_of_a_client_is_in_its_id(simulator: Simulator, client_id: str, is_sandbox: bool) -> None:
    headers = bearer(simulator, client_id)
    answer = requests.post(f"{simulator.api_url}/applicants", json=PERSON, headers=headers, timeout=60)
    assert answer.json()["sandbox"] is is_sandbox


def test_the_secret_of_a_client_may_be_in_a_header(simulator: Simulator) -> None:
    header = "Basic " + base64.b64encode(b"client:secret").decode()
    answer = requests.post(f"{simulator.api_url}/oauth/token", headers={"Authorization": header}, timeout=60)
    assert answer.json()["expires_in"] == 3600


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"client_id": ""}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_unknown_clients_are_granted_no_token(
    simulator: Simulator, form: dict[str, str], status: int, error: str
) -> None:
    answer = grant(simulator, **form)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_a_token_expires(simulator: Simulator, http: requests.Session) -> None:
    switches = {"access_token_seconds": 0}
    assert http.patch(f"{simulator.url}/simulator/faults", json=switches, timeout=60).ok
    answer = requests.get(f"{simulator.api_url}/applicants", headers=bearer(simulator), timeout=60)
    assert answer.status_code == 401


def test_a_call_can_be_refused_by_a_switch(simulator: Simulator, http: requests.Session) -> None:
    switches = {"unauthorized": 1, "route": "GET /applicants"}
    assert http.patch(f"{simulator.url}/simulator/faults", json=switches, timeout=60).ok
    statuses = [
        http.get(f"{simulator.api_url}/{path}", timeout=60).status_code for path in ("webhooks", *["applicants"] * 2)
    ]
    assert statuses == [200, 401, 200]


@pytest.fixture
def made(simulator: Simulator, http: requests.Session) -> dict[str, str]:
    """Ids of the objects that were created in the sandbox."""

    def make(path: str, **body: str) -> str:
        answer = http.post(f"{simulator.api_url}/{path}", json=body, timeout=60)
        assert answer.ok, answer.text
        return str(answer.json()["id"])

    applicant_id = make("applicants", **PERSON)
    return {
        "applicant_id": applicant_id,
        "run_id": make("workflow_runs", applicant_id=applicant_id, workflow_id=WORKFLOW_ID),
        "monitor_id": make("watchlist_monitors", applicant_id=applicant_id, report_name="watchlist_standard"),
    }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "applicants/{applicant_id}", None),
        ("PUT", "applicants/{applicant_id}", PERSON),
        ("DELETE", "applicants/{applicant_id}", None),
        ("POST", "applicants/{applicant_id}/restore", None),
        ("GET", "workflow_runs/{run_id}", None),
        ("GET", "workflow_runs/{run_id}/tasks", None),
        ("GET", "workflow_runs/{run_id}/signed_evidence_file", None),
        ("GET", "watchlist_monitors/{monitor_id}", None),
    ],
)
def test_sandbox_objects_are_unknown_in_live(
    simulator: Simulator, http: requests.Session, made: dict[str, str], method: str, path: str, body: object
) -> None:
    url = f"{simulator.api_url}/{path.format(**made)}"
    answer = requests.request(method, url, json=body, headers=LIVE, timeout=60)
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "resource_not_found")
    assert http.get(url.removesuffix("/restore").removesuffix("/signed_evidence_file"), timeout=60).ok


def test_lists_and_new_objects_belong_to_one_environment(simulator: Simulator, made: dict[str, str]) -> None:
    def ask(method: str, path: str, **body: str) -> requests.Response:
        return requests.request(method, f"{simulator.api_url}/{path}", json=body or None, headers=LIVE, timeout=60)

    assert ask("GET", "applicants").json() == {"applicants": []}
    assert ask("GET", "workflow_runs").json() == []
    assert ask("GET", "watchlist_monitors").json() == {"monitors": []}
    applicant = {"applicant_id": made["applicant_id"]}
    assert ask("POST", "workflow_runs", workflow_id=WORKFLOW_ID, **applicant).status_code == 422
    assert ask("POST", "sdk_token", **applicant).status_code == 422


PATHS = ("/", "/v3.6/ping", "/v3.6/applicants", "/simulator/state", "/link/x")


def statuses(simulator: Simulator, host: str) -> set[int]:
    headers = {"Host": host, "Authorization": f"Token token={API_TOKEN}"}
    return {requests.get(simulator.url + path, headers=headers, timeout=60).status_code for path in PATHS}


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8090",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io:8090",
        "evil.localhost.example",
        "10.0.0.1",
        "169.254.169.254",
        "[2001:db8::1]:8090",
        "localhost, evil.example",
        "localhost@evil.example",
        "0.0.0.0",
        "",
    ],
)
def test_a_request_for_another_host_is_refused(simulator: Simulator, host: str) -> None:
    """By DNS rebinding, a page of another host could send requests here."""
    assert statuses(simulator, host) == {421}


@pytest.mark.parametrize("host", ["localhost", "LocalHost:1", "127.0.0.1:8090", "127.9.9.9", "[::1]", "[::1]:8090"])
def test_the_loopback_names_are_accepted(simulator: Simulator, host: str) -> None:
    assert 421 not in statuses(simulator, host)


def test_changes_for_another_host_are_refused_without_effect(simulator: Simulator, http: requests.Session) -> None:
    url, headers = f"{simulator.url}/simulator/faults", {"Host": "evil.example"}
    assert http.patch(url, json={"throttled": 1}, headers=headers, timeout=60).status_code == 421
    assert http.get(url, timeout=60).json()["throttled"] == 0


def test_additional_host_names_are_accepted_if_configured() -> None:
    with Simulator(names=["Onfido.Test"]) as named:
        assert 421 not in statuses(named, "onfido.test:8090")
        assert statuses(named, "other.test") == {421}


def test_a_server_on_all_interfaces_accepts_every_address_but_no_name() -> None:
    with Simulator("0.0.0.0") as everywhere:
        everywhere.host = "127.0.0.1"
        assert 421 not in statuses(everywhere, "192.0.2.1:8090")
        assert statuses(everywhere, "evil.example") == {421}


def test_the_home_page_names_missing_settings(simulator: Simulator, http: requests.Session) -> None:
    page = http.get(simulator.url, timeout=60).text
    assert "real SDK refuses its tokens" in page
    for route in ("/live_videos", "/motion_captures", "/checks", "/qualified_electronic_signature/documents"):
        assert f"<code>{route}</code>" in page
        assert http.get(simulator.api_url + route, timeout=60).status_code == 404


@pytest.fixture
def give(simulator: Simulator, http: requests.Session) -> Callable[..., dict[str, int]]:
    """Return a customer passkeys and biometric tokens."""

    def add(customer: str, **what: int | str) -> dict[str, int]:
        url = f"{simulator.url}/simulator/customers/{quote(customer, safe='')}"
        answer = http.post(url, json=what, timeout=60)
        assert answer.ok, answer.text
        counts: dict[str, int] = answer.json()
        return counts

    return add


@pytest.mark.parametrize("customer", ["ann", "SECONDARY/ann", "ann smith", "ann@example.com", "50%"])
def test_the_vendors_client_finds_and_deletes_passkeys(
    vendor: onfido.DefaultApi, give: Callable[..., dict[str, int]], customer: str
) -> None:
    give("other", passkeys=1)
    assert give(customer, passkeys=3) == {"passkeys": 3, "biometric_tokens": 0}
    first, second, third = vendor.list_passkeys(customer).passkeys
    changed = vendor.update_passkey(customer, first.id, onfido.PasskeyUpdater(state="INACTIVE"))
    assert changed.state == "INACTIVE"
    vendor.delete_passkey(customer, second.id)
    with pytest.raises(onfido.exceptions.NotFoundException):
        vendor.find_passkey(customer, second.id)
    assert vendor.find_passkey(customer, third.id).state == "ACTIVE"
    vendor.delete_passkeys(customer)
    assert vendor.list_passkeys(customer).passkeys == []
    with pytest.raises(onfido.exceptions.NotFoundException):
        vendor.delete_passkeys(customer)
    assert len(vendor.list_passkeys("other").passkeys) == 1


@pytest.mark.parametrize("customer", ["ann", "SECONDARY/ann"])
def test_biometric_tokens_are_found_and_invalidated(
    simulator: Simulator, http: requests.Session, give: Callable[..., dict[str, int]], customer: str
) -> None:
    give(customer, biometric_tokens=3)
    give(customer, biometric_tokens=1, environment="live")
    root = f"{simulator.api_url}/biometric_tokens/{quote(customer, safe='')}"

    def ask(method: str, token: str = "", **body: str) -> Any:
        answer = http.request(method, f"{root}/{token}".rstrip("/"), json=body or None, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    first, second, _ = (each["uuid"] for each in ask("GET")["biometric_tokens"])
    assert ask("PUT", first, status="declined")["biometric_token"]["data"]["status"] == "declined"
    assert ask("GET", second)["biometric_token"]["uuid"] == second
    assert ask("DELETE", second) == {"biometric_token": {"deleted_items": {"count": 1}}}
    assert http.get(f"{root}/{second}", timeout=60).status_code == 404
    assert ask("DELETE") == {"biometric_tokens": {"deleted_items": {"count": 2}}}
    assert ask("DELETE") == {"biometric_tokens": {"deleted_items": {"count": 0}}}
