"""Customers' data at Onfido, the environment of applicants, and runs that no longer exist there."""

from __future__ import annotations

from typing import Any

import pytest

from connector.errors import Code, OnfidoError
from connector.onfido.client import OnfidoClient
from tests.onfido.conftest import Reply, ScriptedOnfido

GONE = {"error": {"type": "resource_not_found", "message": "No such resource"}}


@pytest.mark.parametrize(
    ("customer", "written"),
    [("ann", "ann"), ("ann@example.com", "ann%40example.com"), ("a/b", "a%2Fb"), ("50% ann?", "50%25%20ann%3F")],
)
@pytest.mark.parametrize("kind", ["passkeys", "biometric_tokens"])
@pytest.mark.parametrize("status", [204, 404, 410])
def test_customer_data_is_deleted_if_it_exists(
    onfido: ScriptedOnfido, client: OnfidoClient, kind: str, status: int, customer: str, written: str
) -> None:
    onfido.answers(Reply(status, GONE if status != 204 else b""))
    getattr(client, f"delete_{kind}")(customer)
    [request] = onfido.received
    assert (request.method, request.target) == ("DELETE", f"/v3.6/{kind}/{written}")


@pytest.mark.parametrize(("status", "code"), [(401, Code.TOKEN_REFUSED), (503, Code.ONFIDO_UNREACHABLE)])
def test_a_failed_deletion_is_an_error(onfido: ScriptedOnfido, client: OnfidoClient, status: int, code: Code) -> None:
    onfido.answers(Reply(status, {"error": {"type": "any", "message": "No"}}))
    with pytest.raises(OnfidoError) as caught:
        client.delete_passkeys("ann")
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("sandbox", "environment"),
    [(True, "sandbox"), (False, "live"), (None, None), ("true", None), (1, None), ({}, None)],
)
def test_an_applicant_shows_its_environment(
    onfido: ScriptedOnfido, client: OnfidoClient, sandbox: Any, environment: str | None
) -> None:
    applicant = {"id": "a", "sandbox": sandbox}
    onfido.answers(Reply(201, applicant), Reply(200, applicant), Reply(200, {"applicants": [applicant]}))
    assert client.create_applicant({}).environment == environment
    assert client.update_applicant("a", {}).environment == environment
    assert client.find_environment() == environment


@pytest.mark.parametrize("body", [b"", b"not json", [], {"id": "another"}])
def test_an_update_succeeds_with_any_readable_answer(
    onfido: ScriptedOnfido, client: OnfidoClient, body: object
) -> None:
    onfido.answers(Reply(200, body))
    updated = client.update_applicant("a", {})
    assert (updated.applicant_id, updated.environment) == ("a", None)


def test_the_environment_is_unknown_without_applicants(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, {"applicants": []}))
    assert client.find_environment() is None


# Runs that Onfido does not know any more


@pytest.mark.parametrize("status", [404, 410])
def test_a_run_is_lost_if_onfido_accepts_the_credentials_but_not_the_run(
    onfido: ScriptedOnfido, client: OnfidoClient, status: int
) -> None:
    onfido.answers(Reply(status, GONE), Reply(200, []))
    assert client.has_lost_run("run-1")


def test_a_run_found_at_onfido_is_not_lost(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, {"id": "run-1", "status": "processing"}))
    assert not client.has_lost_run("run-1")


@pytest.mark.parametrize("replies", [[503], [401], [404, 404], [404, 401], [404, 503]])
def test_a_lost_run_is_not_detected_while_onfido_fails(
    onfido: ScriptedOnfido, client: OnfidoClient, replies: list[int]
) -> None:
    onfido.answers(*(Reply(status, GONE if status == 404 else None) for status in replies))
    with pytest.raises(OnfidoError):
        client.has_lost_run("run-1")
