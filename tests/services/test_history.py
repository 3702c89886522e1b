"""The history: every change with its cause, in order, without a value."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import RowMapping, select

from connector.domain.tenancy import Tenant
from connector.store.models import history
from tests.bodies import config_properties, event_body, provider_body
from tests.harness import ADMIN, ADMIN_SCOPES, Caller, World, as_actor, verified
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

THE_ADMIN = as_actor("the-admin")
PROVIDERS = "/api/server/v1/idv-providers"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
UNKNOWN_WORKFLOW = "00000000-0000-0000-0000-000000000000"
MIXED = {"first_name": "clear", "last_name": "consider", "date_of_birth": None}
ALL_CLEAR = dict.fromkeys(MIXED, "clear")
Run = Callable[..., Result]
Entry = tuple[str, str | None, str, str]


def told(world: World, run_id: str) -> list[dict[str, Any]]:
    answer = world.connector.as_admin(world.tenant).get(history_path(world.provider_id, run_id))
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()
    return entries


def history_path(provider_id: str, run_id: str) -> str:
    return f"{PROVIDERS}/{provider_id}/verifications/{run_id}/history"


def about(entries: list[dict[str, Any]], subject: str) -> list[Entry]:
    return [(each["name"], each["from"], each["to"], each["cause"]) for each in entries if each["subject"] == subject]


def settle(world: World, run_id: str, status: str = "approved", **options: Any) -> bytes:
    """Post the event of a run's end, as Onfido's webhook does; return the event."""
    body = event_body(run_id, status, options.pop("comparisons", MIXED), **options)
    assert world.post_event(body).status_code == 200
    return body


def rows(world: World) -> list[RowMapping]:
    """Return all stored entries of the history, including those of providers and users."""
    with world.connector.services.database.read() as connection:
        return list(connection.execute(select(history).order_by(history.c.id)).mappings())


def test_every_change_is_recorded_with_its_cause_in_order(world: World) -> None:
    run_id = world.start(world.add_user())
    settle(world, run_id)

    entries = told(world, run_id)

    assert about(entries, "run") == [
        (run_id, "starting", "awaiting_input", "initiated"),
        (run_id, "awaiting_input", "approved", "webhook"),
    ]
    assert sorted(about(entries, "claim")) == [
        (BIRTH_DATE, "unverified", "not_compared", "webhook"),
        (GIVEN_NAME, "unverified", "verified", "webhook"),
        (LAST_NAME, "unverified", "consider", "webhook"),
    ]
    times = [datetime.fromisoformat(entry["at"]) for entry in entries]
    assert times == sorted(times)
    [event_id] = {entry["actor"] for entry in entries if entry["cause"] == "webhook"}
    assert event_id
    assert {entry["actor"] for entry in entries if entry["cause"] == "initiated"} == {as_actor("ann")}


def test_a_start_refused_by_onfido_is_recorded(world: World) -> None:
    properties = config_properties(world.simulator, workflow_id=UNKNOWN_WORKFLOW)
    body = provider_body(world.simulator, name="Refused", configProperties=properties)
    provider = world.connector.as_admin(world.tenant).post(PROVIDERS, body).json()
    ann = world.add_user()

    assert ann.verify(provider["id"], "INITIATED").status_code == 400

    [entry] = [each for each in rows(world) if each["subject"] == "run"]
    assert (entry["previous"], entry["current"], entry["cause"]) == ("starting", "error", "initiated")


def test_a_start_that_never_reached_onfido_is_not_recorded(world: World) -> None:
    ann = world.add_user(values={})
    assert ann.verify(world.provider_id, "INITIATED").status_code == 400
    assert [each for each in rows(world) if each["subject"] == "run"] == []


@pytest.mark.parametrize("status", ["COMPLETED", "REINITIATED", "INITIATED"])
def test_the_cause_of_a_result_is_the_request_that_fetched_it(world: World, status: str) -> None:
    ann = world.add_user()
    world.faults(webhooks_lost=-1)
    world.outcome(run_id := world.start(ann))
    ann.verify(world.provider_id, status)
    assert about(told(world, run_id), "run")[-1] == (run_id, "awaiting_input", "approved", status.lower())


def test_the_sweep_is_the_cause_of_results_that_it_fetched(world: World) -> None:
    ann = world.add_user()
    world.faults(webhooks_lost=-1)
    world.outcome(run_id := world.start(ann))
    world.clock.advance(180)
    world.sweep()
    world.wait_until(lambda: verified(ann.claims()) == set(MAPPING))
    assert {entry["cause"] for entry in told(world, run_id)} == {"initiated", "sweep"}


def test_open_statuses_are_recorded_and_no_status_is_recorded_twice(world: World) -> None:
    ann = world.add_user()
    run_id = world.start(ann)
    world.outcome(run_id, status="processing")
    for _ in range(3):
        assert ann.verify(world.provider_id, "COMPLETED").status_code == 200
    event = settle(world, run_id)
    before = told(world, run_id)
    assert world.post_event(event).status_code == 200
    settle(world, run_id, "declined")
    ann.verify(world.provider_id, "COMPLETED")

    assert told(world, run_id) == before
    assert [entry[1:3] for entry in about(before, "run")] == [
        ("starting", "awaiting_input"),
        ("awaiting_input", "processing"),
        ("processing", "approved"),
    ]


def test_a_run_handed_over_at_the_second_request_was_started_once(world: World) -> None:
    ann = world.add_user()
    world.faults(runs_without_sdk_token=1, route="POST /sdk_token", failed=1)
    assert ann.verify(world.provider_id, "INITIATED").status_code == 503
    run_id = world.start(ann)
    assert about(told(world, run_id), "run") == [(run_id, "starting", "awaiting_input", "initiated")]


def test_a_changed_value_is_recorded_if_it_withdraws_a_verification(world: World) -> None:
    run_id = world.start(world.add_user())
    settle(world, run_id)
    world.connector.services.users.change(Tenant(world.tenant), "ann", {GIVEN_NAME: "Zebulonia"})
    assert about(told(world, run_id), "claim")[-1] == (GIVEN_NAME, "verified", "value_changed", "value_changed")


def correct(world: World, admin: Caller, uri: str, *, is_verified: bool) -> None:
    metadata = {"reason": "seen at the counter"}
    body = [{"uri": uri, "idVProviderId": world.provider_id, "isVerified": is_verified, "claimMetadata": metadata}]
    answer = admin.put("/api/users/v1/ann/idv/claims", body)
    assert answer.status_code == 201, answer.text


def test_an_administrators_correction_is_recorded_and_not_undone_by_a_replayed_event(world: World) -> None:
    ann = world.add_user()
    run_id = world.start(ann)
    event = settle(world, run_id)
    admin = world.connector.caller("the-admin", ADMIN_SCOPES)
    correct(world, admin, GIVEN_NAME, is_verified=False)
    correct(world, admin, LAST_NAME, is_verified=True)
    corrected = told(world, run_id)

    assert world.post_event(event).status_code == 200
    settle(world, run_id, comparisons=ALL_CLEAR)
    ann.verify(world.provider_id, "COMPLETED")

    assert verified(ann.claims()) == {LAST_NAME}
    assert told(world, run_id) == corrected
    assert [(entry["name"], entry["from"], entry["to"]) for entry in corrected[-2:]] == [
        (GIVEN_NAME, "verified", "unverified"),
        (LAST_NAME, "consider", "verified"),
    ]
    assert {(entry["cause"], entry["actor"]) for entry in corrected[-2:]} == {("administrator", THE_ADMIN)}


def test_a_run_of_another_tenant_or_provider_is_not_found(world: World) -> None:
    run_id = world.start(world.add_user())
    admin = world.connector.as_admin()
    body = provider_body(world.simulator, name="Another")
    another = admin.post(PROVIDERS, body).json()["id"]
    foreign = world.connector.as_admin("another-tenant")
    foreign_provider = foreign.post(PROVIDERS, body).json()["id"]

    answers = [
        admin.get(history_path(another, run_id)),
        admin.get(history_path(world.provider_id, UNKNOWN)),
        admin.get(history_path(UNKNOWN, run_id)),
        foreign.get(history_path(world.provider_id, run_id)),
        foreign.get(history_path(foreign_provider, run_id)),
    ]

    codes = ["IDVP-60010", "IDVP-60010", "IDVP-60000", "IDVP-60000", "IDVP-60010"]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, code) for code in codes]


def test_the_history_requires_the_scope_for_viewing_claims(world: World) -> None:
    ann = world.add_user()
    path = history_path(world.provider_id, world.start(ann))
    for caller in (ann, world.connector.caller("admin", ["internal_idvp_view"])):
        refused = caller.get(path)
        assert refused.status_code == 403
        assert "internal_idv_claim_view" in refused.text


def test_the_command_line_shows_a_verification_and_its_history(world: World, run: Run) -> None:
    run_id = world.start(world.add_user())
    settle(world, run_id)

    shown = json.loads(run("verification", "show", run_id, "--json").stdout)

    assert (shown["runId"], shown["status"], shown["userId"]) == (run_id, "approved", "ann")
    changes = [(each["subject"], each["from"], each["to"], each["cause"]) for each in shown["history"]]
    assert changes[:2] == [
        ("run", "starting", "awaiting_input", "initiated"),
        ("run", "awaiting_input", "approved", "webhook"),
    ]
    named = {each["name"]: (each["from"], each["to"]) for each in shown["history"]}
    assert named[GIVEN_NAME] == ("unverified", "verified")
    assert all(datetime.fromisoformat(each["at"]) for each in shown["history"])
    by_verification = run("verification", "show", shown["id"]).stdout
    assert "awaiting_input" in by_verification
    refused = run("verification", "show", run_id, "--tenant", "another")
    assert refused.exit_code == 1
    assert run_id in refused.stderr


def test_changes_of_providers_and_users_are_recorded_without_secrets_or_values(world: World, run: Run) -> None:
    admin = world.connector.caller("the-admin", ADMIN_SCOPES)
    path = f"{PROVIDERS}/{world.provider_id}"
    properties = config_properties(
        world.simulator, token="api_sandbox.the-next", webhook_token="the next token of the webhook"
    )
    admin.put(path, provider_body(world.simulator, name="Renamed", configProperties=properties))
    world.connector.caller("another-admin", ["internal_idvp_update"]).request(
        "DELETE", f"{path}/previous-webhook-token"
    )
    world.connector.services.users.add(Tenant(world.tenant), "ann", {GIVEN_NAME: "Zebulonia"}, "the-importer")
    assert run("user", "set", "ann", "-a", f"{LAST_NAME}=Quartermainsen").exit_code == 0
    admin.request("DELETE", path)

    entries = [row for row in rows(world) if row["actor"] != ADMIN]

    assert [(row["subject"], row["current"], row["actor"]) for row in entries if row["actor"][:4] != "cli:"] == [
        ("provider", "changed", THE_ADMIN),
        ("provider", "changed", as_actor("another-admin")),
        ("user", "added", "the-importer"),
        ("provider", "removed", THE_ADMIN),
    ]
    [by_command] = [row for row in entries if row["actor"].startswith("cli:")]
    assert (by_command["name"], by_command["current"], by_command["detail"]) == (
        "ann",
        "changed",
        {"claims": [LAST_NAME]},
    )
    changed = {"name", "api_token", "webhook_token"}
    assert changed <= set(entries[0]["detail"]["properties"])
    text = str(rows(world))
    for secret in ("the-next", "the next token of the webhook", world.webhook_token, "Zebulonia", "Quartermainsen"):
        assert secret not in text


def test_providers_and_claims_that_an_administrator_adds_are_recorded(world: World) -> None:
    world.add_user()
    admin = world.connector.caller("the-admin", ADMIN_SCOPES)
    added = admin.post(PROVIDERS, provider_body(world.simulator, name="Second"))
    entry = {"uri": GIVEN_NAME, "idVProviderId": added.json()["id"], "isVerified": True, "claimMetadata": {}}
    assert admin.post("/api/users/v1/ann/idv/claims", [entry]).status_code == 201

    entries = [row for row in rows(world) if row["actor"] == THE_ADMIN]

    assert [(row["subject"], row["name"], row["current"]) for row in entries] == [
        ("provider", "Second", "added"),
        ("claim", GIVEN_NAME, "verified"),
    ]


def test_a_change_without_effect_names_no_property(world: World) -> None:
    body = provider_body(world.simulator)
    assert world.connector.as_admin().put(f"{PROVIDERS}/{world.provider_id}", body).status_code == 200
    assert rows(world)[-1]["detail"] == {"properties": []}


def test_the_history_outlives_provider_and_user(world: World) -> None:
    run_id = world.start(world.add_user())
    settle(world, run_id)
    before = [dict(row) for row in rows(world)]
    world.connector.services.users.remove(Tenant(world.tenant), "ann", "the-admin")
    assert world.connector.as_admin().request("DELETE", f"{PROVIDERS}/{world.provider_id}").status_code == 204

    after = [dict(row) for row in rows(world)]

    assert after[: len(before)] == before
    assert [(row["subject"], row["current"]) for row in after[len(before) :]] == [
        ("user", "removed"),
        ("provider", "removed"),
    ]
    assert run_id in str(after)


def test_an_imported_user_is_recorded_as_added_and_then_as_changed(world: World) -> None:
    for given_name in ("Zebulonia", "Zelda"):
        world.put_user("zoe", {GIVEN_NAME: given_name})
    assert [row["current"] for row in rows(world) if row["name"] == "zoe"] == ["added", "changed"]
