"""The connection test of a provider: Onfido, the claims, and the webhook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.contract.account import (
    NAMES,
    NIL,
    RESULT,
    ask_onfido,
    at_onfido,
    checked,
    give_token,
    post,
    provider_with,
    register,
    told,
    url_of,
)
from tests.contract.wire import PROVIDERS, answer_on, further, new_provider
from tests.harness import ADMIN, Caller, World
from tests.loopback import Quiet, serving
from tests.values import MAPPING


def test_a_new_provider_lacks_only_its_webhook(shared: World, admin: Caller, provider_id: str) -> None:
    passed, details = checked(admin, provider_id)

    assert passed == dict.fromkeys(NAMES, True) | {"webhook": False}
    assert url_of(shared, provider_id) in details["webhook"]
    assert f"`connector provider add-webhook {provider_id}`" in details["webhook"]
    assert shared.simulator.api_url in details["region"]
    assert all(uri in details["claims"] for uri in MAPPING)


def test_a_provider_with_a_webhook_is_ready(admin: Caller, provider_id: str) -> None:
    register(admin, provider_id, 201)

    passed, details = checked(admin, provider_id)

    assert passed == dict.fromkeys(NAMES, True)
    assert RESULT in details["webhook"]


def test_the_checks_create_nothing_at_onfido(shared: World, admin: Caller, provider_id: str) -> None:
    before = shared.onfido_state()["counts"]

    checked(admin, provider_id)

    assert shared.onfido_state()["counts"] == before


@pytest.mark.parametrize(
    ("token", "environment"),
    [("api_sandbox.s", "sandbox"), *further(("api_sandbox_eu.s", "sandbox"), ("api_live.s", "live"))],
)
def test_the_environment_is_taken_from_the_token(shared: World, admin: Caller, token: str, environment: str) -> None:
    provider_id = provider_with(shared, token=token)

    answer = admin.post(f"{PROVIDERS}/{provider_id}/test-connection", None)

    assert answer_on(answer, 200)["environment"] == environment
    assert token not in answer.text
    assert register(admin, provider_id, 201)["environments"] == [environment]


def test_a_refused_token_fails_and_dependent_checks_are_skipped(shared: World, admin: Caller) -> None:
    token = "no-token-of-onfidos"
    passed, details = checked(admin, provider_with(shared, token=token))

    assert passed == dict.fromkeys(NAMES) | {"region": True, "token": False, "claims": True}
    assert "API token" in details["token"]
    assert token not in str(details)


def test_an_unreachable_region_fails_and_dependent_checks_are_skipped(shared: World, admin: Caller) -> None:
    passed, details = checked(admin, provider_with(shared, base_url="http://127.0.0.1:1/v3.6"))

    assert passed == dict.fromkeys(NAMES) | {"region": False, "environment": True, "claims": True}
    assert "127.0.0.1:1" in details["region"]


@contextmanager
def answering(status: int, error_type: str) -> Iterator[str]:
    """An Onfido that refuses everything in the same way; returns its base URL."""
    content = json.dumps({"error": {"type": error_type, "message": "No.", "fields": {}}}).encode()

    class Handler(Quiet):
        def do_GET(self) -> None:  # noqa: N802  the base class's name
            self.answer(status, content)

    with serving(Handler) as url:
        yield f"{url}/v3.6"


@pytest.mark.parametrize(
    ("status", "error_type", "failed", "advice"),
    [
        (403, "incorrect_base_url", "region", "base URL"),
        *further(
            (401, "expired_token", "token", "API token"),
            (403, "account_disabled", "token", "API token"),
            (429, "rate_limit", "region", "again"),
            (503, "internal_server_error", "region", "again"),
            (404, "resource_not_found", "region", "base URL"),
        ),
    ],
)
def test_a_refusal_by_onfido_is_a_result_with_advice(
    shared: World, admin: Caller, status: int, error_type: str, failed: str, advice: str
) -> None:
    with answering(status, error_type) as base_url:
        passed, details = checked(admin, provider_with(shared, base_url=base_url))

    assert [name for name, it_passed in passed.items() if it_passed is False] == [failed]
    assert advice in details[failed]
    assert error_type in details[failed]


def test_a_workflow_unknown_to_onfido_fails_alone(shared: World, admin: Caller) -> None:
    provider_id = provider_with(shared, workflow_id=NIL)
    register(admin, provider_id, 201)

    passed, details = checked(admin, provider_id)

    assert passed == dict.fromkeys(NAMES, True) | {"workflow": False}
    assert "Onfido Studio" in details["workflow"]


@pytest.mark.parametrize(
    ("route", "switch", "failed"),
    [("POST /workflow_runs", "throttled", "workflow"), ("GET /webhooks", "failed", "webhook")],
)
def test_checks_that_onfido_did_not_answer_fail(
    onfido: World, admin: Caller, route: str, switch: str, failed: str
) -> None:
    provider_id = new_provider(onfido)
    register(admin, provider_id, 201)
    onfido.faults(route=route, retry_after=0, **{switch: 1})

    passed, details = checked(admin, provider_id)

    assert passed == dict.fromkeys(NAMES, True) | {failed: False}
    assert "Test again" in details[failed]


def test_claims_that_cannot_be_verified_are_reported_without_a_failure(shared: World, admin: Caller) -> None:
    claims = {"given": "first_name", "family": "last_name", "mail": "email", "phone": "phone_number"}
    provider_id = new_provider(
        shared,
        claims=[{"localClaim": uri, "idvpClaim": name} for uri, name in claims.items()],
        studio={"outputClaims": [{"pointer": "/mail", "localClaim": "mail", "as": "value"}]},
    )

    passed, details = checked(admin, provider_id)

    assert passed["claims"] is True
    assert "output: mail." in details["claims"]
    assert details["claims"].endswith(": phone.")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"enabled": False}, "disabled"),
        *further(
            ({"events": ["check.completed"]}, RESULT),
            ({"environments": ["live"]}, "sandbox"),
            ({"payload_version": 2}, "payload_version is 2"),
        ),
    ],
)
def test_a_webhook_with_too_few_events_is_found_and_repaired(
    shared: World, admin: Caller, provider_id: str, change: dict[str, Any], named: str
) -> None:
    webhook = register(admin, provider_id, 201)
    ask_onfido(shared, "PUT", webhook["webhookId"], **change)

    passed, details = checked(admin, provider_id)

    assert passed["webhook"] is False
    assert named in details["webhook"]
    assert register(admin, provider_id) == webhook | {"isNew": False}
    assert checked(admin, provider_id)[0]["webhook"] is True
    assert told(shared, provider_id)[-1] == (ADMIN, {"properties": [], "webhook": "repaired"})


def test_a_webhook_with_another_token_is_found_and_repaired(shared: World, admin: Caller, provider_id: str) -> None:
    webhook = register(admin, provider_id, 201)
    give_token(shared, admin, provider_id, "given-by-hand-here")

    assert "token" in checked(admin, provider_id)[1]["webhook"]
    assert register(admin, provider_id) == webhook | {"isNew": False}
    assert checked(admin, provider_id)[0]["webhook"] is True


def test_a_webhook_without_a_registered_token_is_found_and_replaced(
    shared: World, admin: Caller, provider_id: str
) -> None:
    url = url_of(shared, provider_id)
    made = ask_onfido(shared, "POST", url=url, events=[RESULT], environments=["sandbox"])
    assert "no token" in checked(admin, provider_id)[1]["webhook"]

    assert register(admin, provider_id)["webhookId"] == made["id"]
    assert post(shared, provider_id, made["token"]) == 200
    assert checked(admin, provider_id)[0]["webhook"] is True


def test_a_duplicate_webhook_is_found_and_the_registered_one_kept(
    shared: World, admin: Caller, provider_id: str
) -> None:
    url = url_of(shared, provider_id)
    webhook = register(admin, provider_id, 201)
    ask_onfido(shared, "POST", url=url)
    assert "2" in checked(admin, provider_id)[1]["webhook"]

    assert register(admin, provider_id) == webhook | {"isNew": False}
    assert [each["id"] for each in at_onfido(shared, provider_id)] == [webhook["webhookId"]]
