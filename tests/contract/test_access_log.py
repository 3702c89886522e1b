"""The access log: one line with the caller for each request to a protected route, whether it was refused or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from structlog.testing import capture_logs

from tests.contract.wire import (
    ALL_SCOPES,
    OPERATIONS,
    PERSON,
    PROVIDERS,
    UNKNOWN_ID,
    USERS,
    WEBHOOK,
    Operation,
    answer_on,
    assert_discreet,
    entry,
    new_provider,
    new_user,
    on_sqlite,
)
from tests.harness import HTTP, World
from tests.values import GIVEN_NAME

DEVELOPMENT = {"client": "development", "issuer": "urn:onfido-idvp-connector:development"}
NOBODY = {"user": None, "client": None, "issuer": None}

pytestmark = on_sqlite


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with capture_logs() as logged:
        yield logged


def accesses(lines: list[Any]) -> list[Any]:
    found = [line for line in lines if line["event"] == "access"]
    assert_discreet(json.dumps(found))
    return found


def ask(shared: World, operation: Operation, provider_id: str, headers: dict[str, str]) -> requests.Response:
    url = shared.connector.url + operation.path_for(provider_id)
    body: dict[str, Any] | None = {} if operation.takes_body else None
    return HTTP.request(operation.method, url, headers=headers, json=body, timeout=60)


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_request_to_a_protected_operation_is_one_line(
    shared: World, lines: list[Any], operation: Operation
) -> None:
    provider_id = new_provider(shared)  # one of the operations removes it
    lines.clear()
    good = dict(shared.connector.caller("boss", ALL_SCOPES).headers)
    poor = dict(shared.connector.caller("boss", ["internal_nothing"]).headers)
    answers = [
        ask(shared, operation, provider_id, {}),
        ask(shared, operation, provider_id, {"Authorization": "Bearer nonsense"}),
        ask(shared, operation, provider_id, poor),
        ask(shared, operation, provider_id, good | {"X-Forwarded-For": "203.0.113.7, 10.0.0.1"}),
    ]

    unknown, refused, lacking, admitted = accesses(lines)
    assert [each["status"] for each in accesses(lines)] == [answer.status_code for answer in answers]
    assert (unknown["code"], refused["code"], lacking["code"]) == ("HTTP-401", "HTTP-401", "HTTP-403")
    for line, who in (
        (unknown, NOBODY),
        (refused, NOBODY),
        (lacking, {"user": "boss"} | DEVELOPMENT),
        (admitted, {"user": "boss"} | DEVELOPMENT),
    ):
        assert {name: line[name] for name in who} == who
        assert (line["tenant"], line["method"], line["peer"]) == ("carbon.super", operation.method, "127.0.0.1")
        assert line["route"].count("<") == operation.path.count("{")
    assert admitted["forwarded_for"] == "203.0.113.7, 10.0.0.1"
    assert admitted["ids"].get("provider_id", provider_id) == provider_id
    assert (admitted["code"] is None) is (answers[-1].status_code < 400)


def test_a_line_of_another_tenant_names_the_tenant(shared: World, lines: list[Any]) -> None:
    shared.connector.as_admin("acme").get(PROVIDERS)
    [line] = accesses(lines)
    assert (line["tenant"], line["status"]) == ("acme", 200)


def test_no_line_contains_a_users_value(shared: World, lines: list[Any]) -> None:
    user_id, me = new_user(shared)
    admin = shared.connector.as_admin()
    answer_on(admin.post(f"{USERS}/{user_id}/idv/claims", [entry(shared.provider_id, claimMetadata=PERSON)]), 201)
    shared.start(me)
    me.get(f"{USERS}/me/idv/claims", params={"q": PERSON[GIVEN_NAME]})
    me.request("POST", f"{USERS}/me/idv/verify", data=PERSON[GIVEN_NAME].encode())

    found = accesses(lines)
    assert len(found) >= 4
    assert {line["user"] for line in found} == {"admin", user_id}


@pytest.mark.parametrize("forged", ['203.0.113.7", "user": "root', "a\tb", "x" * 300, "é"])
def test_an_invalid_forwarded_address_is_left_out(shared: World, lines: list[Any], forged: str) -> None:
    headers = {"X-Forwarded-For": forged.encode()}
    requests.get(shared.connector.url + PROVIDERS, headers=headers, timeout=60)
    [line] = accesses(lines)
    assert line["forwarded_for"] is None


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/api/users/v1/me/idv/nothing", 404),
        ("PATCH", PROVIDERS, 405),
        ("GET", "/" + "x" * 1000, 404),
    ],
)
def test_a_request_to_an_unknown_route_is_one_line_with_its_path(
    shared: World, lines: list[Any], method: str, path: str, status: int
) -> None:
    requests.request(method, f"{shared.connector.url}{path}?token=secret", timeout=60)
    [line] = accesses(lines)
    assert (line["method"], line["route"], line["path"], line["status"]) == (method, None, path[:200], status)
    assert "secret" not in json.dumps(line)


def test_an_unprotected_request_writes_no_line(shared: World, lines: list[Any]) -> None:
    for path in ("/healthz", "/readyz", "/openapi.json"):
        requests.get(shared.connector.url + path, timeout=60)
    requests.post(shared.connector.url + WEBHOOK.replace("{provider_id}", UNKNOWN_ID), data=b"{}", timeout=60)
    assert accesses(lines) == []
