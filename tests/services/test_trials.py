"""A configuration is tested at Onfido before it is saved: of a new provider, and of a changed one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import func, select

from connector.store.models import history
from tests.bodies import API_TOKEN, WORKFLOW_ID, config_properties, provider_body
from tests.contract.wire import MASK, PROVIDERS, UNKNOWN_ID, assert_error
from tests.harness import Caller, World
from tests.services.conftest import Run
from tests.values import MAPPING

OTHERS = "elsewhere.example"
NIL = "00000000-0000-0000-0000-000000000000"
NAMES = ["region", "token", "environment", "workflow", "claims"]
WRONG_TOKEN = "api_sandbox.a-token-that-onfido-does-not-know"


@pytest.fixture
def admin(world: World) -> Caller:
    world.connector.rest()
    return world.connector.as_admin(world.tenant)


def tried(caller: Caller, body: dict[str, Any], provider_id: str = "") -> dict[str, bool | None]:
    """Test a configuration; return which checks passed."""
    answer = caller.post("/".join(filter(None, (PROVIDERS, provider_id, "test-configuration"))), body)
    assert answer.status_code == 200, answer.text
    assert API_TOKEN not in answer.text
    assert WRONG_TOKEN not in answer.text
    assert [each["name"] for each in answer.json()["checks"]] == NAMES
    passed = {each["name"]: each["passed"] for each in answer.json()["checks"]}
    assert answer.json()["passed"] is (False not in passed.values())
    return passed


def configured(world: World, **properties: str | None) -> dict[str, Any]:
    return provider_body(world.simulator, configProperties=config_properties(world.simulator, **properties))


def test_a_new_provider_is_tried_from_region_to_workflow_and_nothing_stored(world: World, admin: Caller) -> None:
    before = admin.get(PROVIDERS).json()
    runs = world.onfido_state()["counts"]
    with world.connector.services.database.read() as connection:
        entries = connection.execute(select(func.count()).select_from(history)).scalar()

    assert tried(admin, configured(world)) == dict.fromkeys(NAMES, True)
    unknown_workflow = tried(admin, configured(world, workflow_id=NIL))
    assert unknown_workflow == dict.fromkeys(NAMES, True) | {"workflow": False}
    refused = tried(admin, configured(world, token="no-token-of-onfidos"))
    assert refused == dict.fromkeys(NAMES) | {"region": True, "token": False, "claims": True}
    silent = tried(admin, configured(world, base_url="http://127.0.0.1:1/v3.6"))
    assert silent == dict.fromkeys(NAMES) | {"region": False, "environment": True, "claims": True}

    assert admin.get(PROVIDERS).json() == before
    assert world.onfido_state()["counts"] == runs
    with world.connector.services.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(history)).scalar() == entries


@pytest.mark.parametrize(
    ("changes", "properties", "named"),
    [
        ({"name": ""}, {}, "name"),
        ({"type": "OTHER"}, {}, "type"),
        ({"claims": []}, {}, "first_name"),
        ({}, {"workflow_id": "no-uuid"}, "workflow_id"),
        ({}, {"token": None}, "token"),
        ({}, {"token": MASK}, "mask"),
        ({}, {"token": "api_sandbox_us.secret", "base_url": "https://api.eu.onfido.com/v3.6"}, "region"),
        ({}, {"base_url": "https://169.254.169.254/latest/meta-data"}, "base_url"),
        ({}, {"base_url": "https://onfido.example/v3.6"}, "base_url"),
        ({}, {"base_url": "http://10.0.0.1/v3.6"}, "base_url"),
        ({}, {"base_url": "file:///etc/passwd"}, "base_url"),
        ({}, {"base_url": "https://api.eu.onfido.com@elsewhere.example/v3.6"}, "base_url"),
    ],
)
@pytest.mark.one_database
def test_an_invalid_trial_is_refused_like_saving_and_calls_nothing(
    world: World, admin: Caller, changes: dict[str, Any], properties: dict[str, Any], named: str
) -> None:
    before = world.onfido_state()["requests"]
    body = configured(world, **properties) | {"name": "another"} | changes
    answer = admin.post(f"{PROVIDERS}/test-configuration", body)
    saved = admin.post(PROVIDERS, body)
    assert_error(answer, 400, "IDVP-60002", named)
    assert answer.json()["description"] == saved.json()["description"]
    assert API_TOKEN not in answer.text
    assert world.onfido_state()["requests"] == before


def test_a_change_is_tried_with_the_stored_secret_if_none_is_sent(world: World, admin: Caller) -> None:
    before = admin.get(f"{PROVIDERS}/{world.provider_id}").json()
    for kept in (None, "", MASK):
        assert tried(admin, configured(world, token=kept), world.provider_id) == dict.fromkeys(NAMES, True)
    without_workflow = tried(admin, configured(world, token=None, workflow_id=NIL), world.provider_id)
    assert without_workflow == dict.fromkeys(NAMES, True) | {"workflow": False}
    assert tried(admin, configured(world, token="no-token-of-onfidos"), world.provider_id)["token"] is False
    for client in ({"client_id": "another", "token": None},):
        answer = admin.post(f"{PROVIDERS}/{world.provider_id}/test-configuration", configured(world, **client))
        assert_error(
            answer, 400, "IDVP-60002", "client_secret"
        )  # the stored credentials are not tried with another client
    assert admin.get(f"{PROVIDERS}/{world.provider_id}").json() == before
    assert admin.get(f"{PROVIDERS}/{world.provider_id}/health").json()["state"] == "unchecked"


def test_the_stored_secret_is_never_sent_to_a_forbidden_host(world: World, admin: Caller) -> None:
    for base_url in ("https://elsewhere.example/v3.6", "https://10.0.0.1/v3.6", "http://localhost.elsewhere.example"):
        body = configured(world, token=None, base_url=base_url)
        answer = admin.post(f"{PROVIDERS}/{world.provider_id}/test-configuration", body)
        assert_error(answer, 400, "IDVP-60002", "base_url")


def test_a_provider_of_another_tenant_cannot_be_tried(world: World, admin: Caller) -> None:
    others = world.connector.as_admin(OTHERS)
    for caller, provider_id in ((others, world.provider_id), (admin, UNKNOWN_ID)):
        answer = caller.post(f"{PROVIDERS}/{provider_id}/test-configuration", configured(world, token=None))
        assert_error(answer, 404, "IDVP-60000")


def test_the_command_line_tries_new_and_changed_providers_and_saves_nothing(
    world: World, admin: Caller, run: Run
) -> None:
    before = admin.get(PROVIDERS).json()
    loopback = {"CONNECTOR_ALLOW_HTTP_LOOPBACK": "true", "ONFIDO_API_TOKEN": API_TOKEN}
    claims = [f"--claim={uri}={name}" for uri, name in MAPPING.items()]
    new = ("provider", "add", "--test-only", "--name", "new", "--base-url", world.simulator.api_url, *claims)

    result = run(*new, "--workflow-id", WORKFLOW_ID, "--json", **loopback)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["passed"] is True
    result = run(*new, "--workflow-id", NIL, **loopback)
    assert result.exit_code == 1
    assert result.stderr == "Error: The configuration would not work: workflow. Nothing was saved.\n"
    change = ("provider", "update", "Onfido", "--test-only")
    assert run(*change, CONNECTOR_ALLOW_HTTP_LOOPBACK="true").exit_code == 0
    refused = run(*change, "--api-token", WRONG_TOKEN[:-4], "--workflow-id", NIL, **loopback)
    assert refused.exit_code == 1
    assert WRONG_TOKEN[:-4] not in refused.output
    assert admin.get(PROVIDERS).json() == before


def test_client_credentials_are_tried_and_their_environment_read_from_an_applicant(world: World, admin: Caller) -> None:
    client = {"token": None, "client_id": "a-client", "client_secret": API_TOKEN}
    body = configured(world, **client) | {"name": "by client"}
    assert tried(admin, body)["environment"] is None
    world.start(world.add_user("ann"))
    assert tried(admin, body)["environment"] is True
