"""Rows of another version: pages, the API and the command line show values unchanged that this version lacks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from connector.cli import main
from connector.domain.studio.custom_data import custom_data
from connector.domain.studio.studio import OutputRole
from connector.domain.studio.workflow_run import RunSnapshot
from connector.domain.tenancy import Tenant
from connector.domain.verifications.judgement import ClaimOutput, judge
from connector.domain.verifications.verification import VerificationClaim
from connector.errors import InvalidField
from connector.store.models import metadata
from connector.store.providers.providers import read_studio, studio_column
from tests.console.test_every_page import planted, routes, sign_in
from tests.contract.wire import ALL_SCOPES, ENDPOINTS, PROVIDERS
from tests.harness import World
from tests.plans.browsing import Console
from tests.values import GIVEN_NAME, MAPPING

__all__ = ["planted"]

LATER = "of_later"
COLUMNS = {
    "verifications": ("environment", "capture", "decision"),
    "verification_claims": ("rule", "result", "finding", "output_role"),
    "claims": ("verification_status", "environment"),
    "events": ("kind", "state"),
    "history": ("subject", "current", "cause", "channel"),
    "openid_clients": ("profile",),
    "providers": ("environment",),
}
pytestmark = pytest.mark.one_database


def change(world: World, table: str, **values: Any) -> None:
    """Write values of another version into every row."""
    with world.connector.services.database.write() as connection:
        assert connection.execute(update(metadata.tables[table]).values(**values)).rowcount > 0, table


def command(world: World, *words: str) -> str:
    settings = world.connector.settings
    environ = {"CONNECTOR_DATA_DIR": str(settings.data_dir), "CONNECTOR_DATABASE_URL": settings.database_url}
    result = CliRunner().invoke(main, words, env=environ | {"CONNECTOR_CONFIG": ""}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def run_id(world: World) -> str:
    """A run that has ended, and was approved."""
    ann = world.add_user("ann")
    run_id = world.start(ann)
    world.outcome(run_id)
    ann.verify(world.provider_id, "COMPLETED")
    return run_id


def test_a_result_by_an_unknown_rule_stands_and_is_explained_in_a_plain_sentence(world: World, run_id: str) -> None:
    change(world, "verification_claims", rule=LATER)
    admin, [verification] = world.connector.as_admin(), world.verifications("ann")

    answer = admin.get(f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/explanation")
    assert answer.status_code == 200, answer.text
    explained = {each["uri"]: each for each in answer.json()["claims"]}[GIVEN_NAME]
    assert (explained["result"], explained["isVerified"], explained["rule"]) == ("clear", True, "unknown")
    assert explained["steps"][-1]["name"] == LATER
    assert "Another version" in explained["steps"][-1]["text"]

    page = Console(world, "bob", ALL_SCOPES).open(f"/console/verifications/{verification.verification_id}")
    assert "Another version of the connector has decided this" in page
    assert "Another version" in command(world, "verification", "explain", run_id)


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("verification_claims", {"finding": LATER}),
        ("verification_claims", {"output_role": LATER, "output_pointer": "/a"}),
    ],
    ids=str,
)
def test_unknown_words_of_a_claim_keep_its_explanation_readable(
    world: World, run_id: str, table: str, values: Mapping[str, Any]
) -> None:
    change(world, table, **values)
    path = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}"
    for part in ("", "/explanation"):
        answer = world.connector.as_admin().get(path + part)
        assert answer.status_code == 200, answer.text


def test_every_page_and_list_shows_words_of_another_version(world: World, planted: Mapping[str, str]) -> None:
    browser, admin = sign_in(world), world.connector.as_admin()
    for table, names in COLUMNS.items():
        for name in names:
            change(world, table, **{name: LATER[:8]})
    for each in routes(world, planted):
        if each.method == "GET" and not each.endpoint.startswith("console.sample."):
            answer = browser.get(world.connector.url + each.path, timeout=60, allow_redirects=False)
            assert answer.status_code < 500, each
    for path in (f"{PROVIDERS}/{world.provider_id}/setup-progress", "/api/server/v1/events", "/api/server/v1/audit"):
        assert admin.get(path).status_code == 200, path
    for words in ("verification list", "events list", "outbox list", "audit", "openid list", "provider list"):
        command(world, *words.split())


def test_a_claim_with_an_unknown_role_is_judged_by_nothing_else() -> None:
    column: dict[str, Any] = json.loads(json.dumps(studio_column(read_studio(None))))
    column |= {"output_claims": [{"pointer": "/a", "uri": GIVEN_NAME, "role": LATER, "weight": 2}], "later": True}
    [output] = read_studio(column).output_claims
    claim = VerificationClaim(GIVEN_NAME, MAPPING[GIVEN_NAME], output.pointer, output.role, fingerprint="x")
    run = RunSnapshot("run", "approved", comparisons={MAPPING[GIVEN_NAME]: "clear"})  # type: ignore[dict-item]

    verdict = judge(claim, run, ClaimOutput("clear"), is_same=lambda value: True)  # type: ignore[arg-type]

    assert output.role not in set(OutputRole)
    assert verdict.verification_status == "not_compared"
    assert studio_column(read_studio(column))["output_claims"][0]["role"] == LATER, "it is saved as it was"


def test_an_input_of_an_unknown_type_starts_no_run() -> None:
    column = studio_column(read_studio(None))
    column["custom_data"] = [{"name": "n", "type": LATER, "value": None, "claim": None, "is_required": True}]
    declared = read_studio(column).custom_data

    with pytest.raises(InvalidField, match=LATER):
        custom_data(declared, {"n": "1"}, {})
    assert LATER in (declared[0].objection() or "")


def test_saving_a_tab_keeps_choices_made_by_another_version(world: World) -> None:
    column = studio_column(read_studio(None))
    column["output_claims"] = [{"pointer": "/a", "uri": GIVEN_NAME, "role": LATER}]
    change(world, "providers", studio=column)

    page = Console(world, "bob", ALL_SCOPES).submit(f"/console/providers/{world.provider_id}/workflow", do="save")

    assert f"must be one of value, result, not {LATER}" in page
    [output] = world.connector.services.providers.get(Tenant(world.tenant), world.provider_id).studio.output_claims
    assert output.role == LATER


def test_properties_that_another_version_has_stored_outlast_every_change_of_a_provider(world: World) -> None:
    column = studio_column(read_studio(None)) | {LATER: {"on": True}}
    column["link"][LATER], column["sdk"][LATER], column["notices"][LATER] = "day", 2, ["a"]
    inputs = [{"name": name, "type": "string", "value": "x", "claim": None, "is_required": True} for name in "ab"]
    column["custom_data"] = [each | {LATER: each["name"]} for each in inputs]
    column["output_claims"] = [{"pointer": "/a", "uri": GIVEN_NAME, "role": "value", LATER: 3}]
    change(world, "providers", studio=column)
    admin, path = world.connector.as_admin(), f"{PROVIDERS}/{world.provider_id}"
    body = admin.get(path).json()
    body["studio"] |= {"tags": ["by-api"], "customData": body["studio"]["customData"][:1]}

    Console(world, "bob", ALL_SCOPES).submit(f"/console/providers/{world.provider_id}/workflow", do="save")
    Console(world, "bob", ALL_SCOPES).submit(f"/console/providers/{world.provider_id}/limits", max_attempts="6")
    answer = admin.put(path, body)
    assert answer.status_code == 200, answer.text
    assert stored_studio(world) == column | {"tags": ["by-api"], "custom_data": column["custom_data"][:1]}
    del body["studio"]
    answer = admin.put(path, body | {"description": "Without the features."})
    assert answer.status_code == 200, answer.text
    assert stored_studio(world)[LATER] == {"on": True}


def test_events_that_another_version_has_chosen_outlast_every_change_of_an_endpoint(world: World) -> None:
    admin = world.connector.as_admin()
    body = {"url": "http://127.0.0.1:9/notices", "events": ["verification.finished"]}
    path = f"{ENDPOINTS}/{admin.post(ENDPOINTS, body).json()['id']}"
    change(world, "notice_subscriptions", event=LATER)
    page, console = f"/console/deliveries/endpoints/{path.rpartition('/')[2]}", Console(world, "bob", ALL_SCOPES)

    for act in ("disable", "enable"):
        console.submit_at(f"{page}/disable" if act == "disable" else page, f"{page}/{act}")
        assert admin.get(path).json()["events"] == [LATER]
    console.submit(f"{page}/edit", url=f"{body['url']}/new", events="claims.changed")
    assert sorted(admin.get(path).json()["events"]) == ["claims.changed", LATER]
    assert admin.put(path, body).status_code == 200
    assert sorted(admin.get(path).json()["events"]) == [LATER, "verification.finished"]
    refused = admin.put(path, body | {"events": ["verification.finished", f"{LATER}.too"]})
    assert refused.status_code == 400, refused.text


def stored_studio(world: World) -> Any:
    with world.connector.services.database.read() as connection:
        return connection.execute(select(metadata.tables["providers"].c.studio)).scalar_one()


def test_checks_of_a_provider_with_further_properties_are_shown(world: World) -> None:
    check = {"name": LATER, "passed": False, "detail": "It is new.", "severity": 3}
    change(world, "provider_health", checks=[check], checked_at=world.clock(), tried_at=world.clock(), is_good=False)

    health = world.connector.as_admin().get(f"{PROVIDERS}/{world.provider_id}/health")

    assert LATER in [each["name"] for each in health.json()["checks"]]
    assert Console(world, "bob", ALL_SCOPES).open(f"/console/providers/{world.provider_id}/setup")
