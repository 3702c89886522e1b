"""The contract: every protected operation, the shapes on the wire, the common body of errors."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.bodies import API_TOKEN, provider_body
from tests.contract.documented import undocumented
from tests.harness import Caller, World
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME

PROVIDERS = "/api/server/v1/idv-providers"
RUNS = PROVIDERS + "/{provider_id}/verifications"
USERS = "/api/users/v1"
CONSOLE_SESSIONS = "/api/server/v1/console-sessions"
DELIVERIES = "/api/server/v1/deliveries"
EVENTS = "/api/server/v1/events"
JOBS = "/api/server/v1/jobs"
ENDPOINTS = "/api/server/v1/notice-endpoints"
OPENID_CLIENTS = "/api/server/v1/openid-clients"
SIGNAL_STREAMS = "/api/server/v1/signal-streams"
UNKNOWN_ID = "11111111-2222-4333-8444-555555555555"
MASK = "********"  # the placeholder of a secret
METRICS_TOKEN = "scraper-of-the-tests"
WEBHOOK_TOKEN = "webhook-secret-of-the-tests"
PERSON = {GIVEN_NAME: "Zebulon", LAST_NAME: "Quackenbush", BIRTH_DATE: "1977-07-07"}  # found in no error's own words

# For a test of `shared` that does not depend on the database, such as a refusal before it is read.
on_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True, scope="module")


def further(*cases: Any) -> list[Any]:
    """Return cases of a test that, for the database, are like the case before them: they run over SQLite alone."""
    return [
        pytest.param(*(each if isinstance(each, tuple) else (each,)), marks=pytest.mark.one_database) for each in cases
    ]


_UNSPEAKABLE = (API_TOKEN, WEBHOOK_TOKEN, *PERSON.values(), "Traceback", 'File "', "sqlalchemy", "psycopg", "sqlite3")
_SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|PRAGMA)\b")
_numbers = itertools.count()


@dataclass(frozen=True)
class Operation:
    """An operation, and its scope or one of `others`; an operation without a body ignores a sent one."""

    method: str
    path: str
    scope: str
    takes_body: bool = True
    others: tuple[str, ...] = ()

    def path_for(self, provider_id: str = UNKNOWN_ID, user_id: str = "nobody", other_id: str = UNKNOWN_ID) -> str:
        """Return the path for these ids; `other_id` is used for every object that is neither a provider nor a user."""
        ids = {"provider_id": provider_id, "user_id": user_id}
        return re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], other_id), self.path)

    def is_at(self, path: str) -> bool:
        """Whether a path matches the operation; an id that is a word may match another operation's path as well."""
        return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", self.path), path) is not None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


_UPDATE_CLAIM = "internal_idv_claim_update"
OPERATIONS = (
    Operation("GET", PROVIDERS, "internal_idvp_view"),
    Operation("POST", PROVIDERS, "internal_idvp_add"),
    Operation("GET", PROVIDERS + "/{provider_id}", "internal_idvp_view"),
    Operation("PUT", PROVIDERS + "/{provider_id}", "internal_idvp_update"),
    Operation("DELETE", PROVIDERS + "/{provider_id}", "internal_idvp_delete"),
    Operation("GET", PROVIDERS + "/{provider_id}/setup-guide", "internal_idvp_view"),
    Operation("POST", PROVIDERS + "/{provider_id}/test-connection", "internal_idvp_update", takes_body=False),
    Operation("POST", PROVIDERS + "/test-configuration", "internal_idvp_add"),
    Operation("POST", PROVIDERS + "/{provider_id}/test-configuration", "internal_idvp_update"),
    Operation("GET", PROVIDERS + "/{provider_id}/usage", "internal_idvp_view"),
    Operation("GET", PROVIDERS + "/{provider_id}/setup-progress", "internal_idvp_view"),
    Operation("GET", PROVIDERS + "/health", "internal_idvp_view"),
    Operation("GET", PROVIDERS + "/{provider_id}/health", "internal_idvp_view"),
    Operation("POST", PROVIDERS + "/{provider_id}/webhook", "internal_idvp_update", takes_body=False),
    Operation("DELETE", PROVIDERS + "/{provider_id}/webhook", "internal_idvp_update"),
    Operation("DELETE", PROVIDERS + "/{provider_id}/previous-webhook-token", "internal_idvp_update"),
    Operation("GET", RUNS, "internal_idv_claim_view"),
    Operation("GET", RUNS + ".csv", "internal_idv_claim_view"),
    Operation("GET", RUNS + "/{run_id}", "internal_idv_claim_view"),
    Operation("POST", RUNS + "/{run_id}/refresh", _UPDATE_CLAIM, takes_body=False),
    Operation("POST", RUNS + "/{run_id}/decision", _UPDATE_CLAIM),
    Operation("GET", RUNS + "/{run_id}/history", "internal_idv_claim_view"),
    Operation("GET", RUNS + "/{run_id}/explanation", "internal_idv_claim_view"),
    Operation("POST", RUNS + "/{run_id}/dry-run", "internal_idv_claim_view"),
    Operation("GET", PROVIDERS + "/{provider_id}/match-impact", "internal_idvp_view"),
    Operation("POST", PROVIDERS + "/{provider_id}/remapping-impact", "internal_idvp_view"),
    Operation("GET", "/api/server/v1/statistics", "internal_idv_claim_view"),
    Operation("POST", RUNS + "/{run_id}/timeline-file", "internal_idv_claim_view", takes_body=False),
    Operation("GET", RUNS + "/{run_id}/timeline-file/{file_id}", "internal_idv_claim_view"),
    Operation("GET", RUNS + "/{run_id}/signed-evidence", "internal_idv_claim_view"),
    Operation("GET", RUNS + "/{run_id}/evidence-folder", "internal_idv_claim_view"),
    Operation("GET", RUNS + "/{run_id}/pictures", "internal_idv_claim_update"),
    Operation("GET", RUNS + "/{run_id}/pictures/{picture_id}", "internal_idv_claim_update"),
    Operation("GET", RUNS + "/{run_id}/tasks", "internal_idv_claim_view"),
    Operation("GET", RUNS + "/{run_id}/tasks/{task_id}", "internal_idv_claim_view"),
    Operation("POST", RUNS + "/{run_id}/tasks/{task_id}/complete", "internal_idv_claim_verify"),
    Operation("PUT", PROVIDERS + "/{provider_id}/applicants/{applicant_id}", _UPDATE_CLAIM, takes_body=False),
    Operation("DELETE", PROVIDERS + "/{provider_id}/applicants/{applicant_id}", "internal_idv_claim_delete"),
    Operation("POST", PROVIDERS + "/{provider_id}/applicants/{applicant_id}/restore", _UPDATE_CLAIM, takes_body=False),
    Operation("POST", USERS + "/me/idv/verify", "internal_login"),
    Operation("GET", USERS + "/me/idv/verified-claims", "internal_login"),
    Operation("GET", USERS + "/{user_id}/idv/verified-claims", "internal_idv_verified_claims_view"),
    Operation("GET", USERS + "/me/idv/claims", "internal_login"),
    Operation("GET", USERS + "/me/idv/claims/{claim_id}", "internal_login"),
    Operation("POST", USERS + "/{user_id}/idv/verify", "internal_idv_claim_verify"),
    Operation("GET", USERS + "/{user_id}/idv/claims", "internal_idv_claim_view"),
    Operation("POST", USERS + "/{user_id}/idv/claims", "internal_idv_claim_add"),
    Operation("PUT", USERS + "/{user_id}/idv/claims", "internal_idv_claim_update"),
    Operation("GET", USERS + "/{user_id}/idv/claims/{claim_id}", "internal_idv_claim_view"),
    Operation("PUT", USERS + "/{user_id}/idv/claims/{claim_id}", "internal_idv_claim_update"),
    Operation("DELETE", USERS + "/{user_id}/idv", "internal_idv_claim_delete"),
    Operation("GET", USERS + "/{user_id}/idv", "internal_idv_claim_view"),
    Operation("POST", USERS + "/{user_id}/idv/unlock", _UPDATE_CLAIM, takes_body=False),
    Operation("POST", USERS + "/{user_id}/idv/attributes-changed", _UPDATE_CLAIM, takes_body=False),
    Operation("GET", ENDPOINTS, "internal_idvp_view"),
    Operation("POST", ENDPOINTS, "internal_idvp_add"),
    Operation("GET", ENDPOINTS + "/{endpoint_id}", "internal_idvp_view"),
    Operation("PUT", ENDPOINTS + "/{endpoint_id}", "internal_idvp_update"),
    Operation("DELETE", ENDPOINTS + "/{endpoint_id}", "internal_idvp_delete"),
    Operation("POST", ENDPOINTS + "/{endpoint_id}/rotate-secret", "internal_idvp_update"),
    Operation("POST", ENDPOINTS + "/{endpoint_id}/test", "internal_idvp_update", takes_body=False),
    Operation("POST", ENDPOINTS + "/{endpoint_id}/recover", "internal_idvp_update"),
    Operation("GET", EVENTS, "internal_idv_claim_view"),
    Operation("GET", EVENTS + "/refused", "internal_idv_claim_view"),
    Operation("GET", EVENTS + "/{event_id}", "internal_idv_claim_view"),
    Operation("GET", EVENTS + "/{event_id}/body", "internal_idv_claim_view"),
    Operation("POST", EVENTS + "/{event_id}/replay", "internal_idvp_update", takes_body=False),
    Operation("GET", CONSOLE_SESSIONS, "internal_idvp_view"),
    Operation("DELETE", CONSOLE_SESSIONS, "internal_idvp_update"),
    Operation("DELETE", CONSOLE_SESSIONS + "/{session_id}", "internal_idvp_update"),
    Operation("GET", DELIVERIES, "internal_idv_claim_view"),
    Operation("GET", DELIVERIES + "/counts", "internal_idv_claim_view"),
    Operation("GET", DELIVERIES + "/resend-preview", "internal_idv_claim_view"),
    Operation("GET", DELIVERIES + "/{delivery_id}", "internal_idv_claim_view"),
    Operation("POST", DELIVERIES + "/{delivery_id}/retry", "internal_idvp_update", takes_body=False),
    Operation("DELETE", DELIVERIES + "/{delivery_id}", "internal_idvp_update"),
    Operation("GET", "/api/server/v1/settings", "internal_idv_operate"),
    Operation("GET", "/api/server/v1/connections", "internal_idv_operate"),
    Operation("GET", "/api/server/v1/audit", "internal_idv_audit_view", others=("internal_idv_claim_view",)),
    Operation("GET", "/api/server/v1/audit.csv", "internal_idv_audit_view", others=("internal_idv_claim_view",)),
    Operation("GET", USERS + "/idv", "internal_idv_claim_view"),
    Operation("GET", RUNS + "/{run_id}/delivery-proof", "internal_idv_claim_view"),
    Operation("POST", JOBS + "/verifications-csv", "internal_idv_claim_view"),
    Operation("POST", JOBS + "/user-record", "internal_idv_verified_claims_view"),
    Operation("POST", JOBS + "/resend-deliveries", "internal_idvp_update"),
    Operation("POST", JOBS + "/fetch-runs", _UPDATE_CLAIM),
    Operation("GET", JOBS, "internal_idv_claim_view"),
    Operation("GET", JOBS + "/{job_id}", "internal_idv_claim_view"),
    Operation("GET", JOBS + "/{job_id}/result", "internal_idv_claim_view"),
    Operation("POST", JOBS + "/{job_id}/cancel", "internal_idv_claim_view", takes_body=False),
    Operation("GET", OPENID_CLIENTS, "internal_idvp_view"),
    Operation("POST", OPENID_CLIENTS, "internal_idvp_add"),
    Operation("GET", OPENID_CLIENTS + "/{client_id}", "internal_idvp_view"),
    Operation("PUT", OPENID_CLIENTS + "/{client_id}", "internal_idvp_update"),
    Operation("DELETE", OPENID_CLIENTS + "/{client_id}", "internal_idvp_delete"),
    Operation("POST", OPENID_CLIENTS + "/{client_id}/rotate-secret", "internal_idvp_update", takes_body=False),
    Operation("GET", SIGNAL_STREAMS, "internal_idvp_view"),
    Operation("GET", SIGNAL_STREAMS + "/{stream_id}", "internal_idvp_view"),
)
ALL_SCOPES = tuple({operation.scope: None for operation in OPERATIONS})
WEBHOOK = "/idv/onfido/v1/{provider_id}/verify"


def new_user(world: World, values: Mapping[str, str] | None = None) -> tuple[str, Caller]:
    """Add a new user; returns the id and a caller for that user."""
    user_id = f"user-{next(_numbers)}"
    return user_id, world.add_user(user_id, PERSON if values is None else values)


def new_provider(world: World, **changes: Any) -> str:
    """Register a provider under a unique name; returns its id."""
    body = provider_body(world.simulator, name=f"provider-{next(_numbers)}") | changes
    answer = world.connector.as_admin(world.tenant).post(PROVIDERS, body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def entry(provider_id: str, uri: str = GIVEN_NAME, **changes: Any) -> dict[str, Any]:
    """Create a claim as an administrator sends it."""
    return {"uri": uri, "idVProviderId": provider_id, "isVerified": True, "claimMetadata": {"source": "desk"}} | changes


def add_claim(world: World, user_id: str, uri: str = GIVEN_NAME, **changes: Any) -> str:
    """Add a claim to a user as an administrator; returns its id."""
    body = [entry(world.provider_id, uri, **changes)]
    answer = world.connector.as_admin(world.tenant).post(f"{USERS}/{user_id}/idv/claims", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()[0]["id"])


def answer_on(answer: requests.Response, status: int) -> Any:
    """Check an answer's status; return its body."""
    assert answer.status_code == status, answer.text
    return answer.json()


def assert_provider(body: Mapping[str, Any]) -> None:
    """Check a provider against the contract's shape."""
    texts = {name: body[name] for name in ("id", "type", "name", "description", "image")}
    assert set(body) == {*texts, "isEnabled", "claims", "configProperties"}
    assert all(isinstance(value, str) for value in texts.values())
    assert body["type"] == "ONFIDO"
    assert isinstance(body["isEnabled"], bool)
    assert all(set(claim) == {"localClaim", "idvpClaim"} for claim in body["claims"])
    for item in body["configProperties"]:
        is_secret = item["key"] in ("token", "client_secret", "webhook_token", "notice_secret")
        assert set(item) == {"key", "value", "isSecret"}
        assert item["isSecret"] is is_secret
        assert (item["value"] == MASK) is is_secret


def assert_claim(body: Mapping[str, Any], *, has_sdk_token: bool = False) -> None:
    """Check a claim against the contract's shape; only the expected answers have an SDK token."""
    assert set(body) == {"id", "uri", "isVerified", "idVProviderId", "claimMetadata"}
    assert all(isinstance(body[name], str) and body[name] for name in ("id", "uri", "idVProviderId"))
    assert isinstance(body["isVerified"], bool)
    assert isinstance(body["claimMetadata"], dict)
    assert ("sdk_token" in body["claimMetadata"]) is has_sdk_token


def assert_verification(
    body: Any, provider_id: str, claims: Collection[str], *, has_sdk_token: bool = False
) -> list[dict[str, Any]]:
    """Check an answer to `verify` against the contract's shape; return its claims."""
    assert set(body) == {"idVProviderId", "claims"}
    assert body["idVProviderId"] == provider_id
    found: list[dict[str, Any]] = body["claims"]
    assert {claim["uri"] for claim in found} == set(claims)
    for claim in found:
        assert claim["idVProviderId"] == provider_id
        assert_claim(claim, has_sdk_token=has_sdk_token)
    return found


def assert_error(answer: requests.Response, status: int, code: str | None = None, *named: str) -> str:
    """Check an error against the contract: one body that names the faulty parts (`named`), and no secrets.

    Returns the description.
    """
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == {"code", "message", "description", "traceId"}
    assert all(isinstance(value, str) and value for value in body.values()), body
    assert body["traceId"] == answer.headers["X-Correlation-ID"]
    if code is not None:
        assert body["code"] == code, body
    assert undocumented(answer) is None
    description = str(body["description"])
    assert [name for name in named if name not in description] == [], description
    assert description.endswith("."), description
    assert_discreet(answer.text)
    return description


def assert_discreet(text: str) -> None:
    """Check that a text has no secret, personal value, SQL or stack trace."""
    assert [word for word in _UNSPEAKABLE if word in text] == []
    assert not _SQL.search(text)
