"""The latest check of every provider: made in the background, stored with its time, shown without a call to Onfido."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.providers.readiness import Check, Readiness
from connector.domain.tenancy import Tenant
from connector.services.providers.health_checks import MOST_DUE, CheckProvider
from connector.services.upkeep import Sweep
from connector.store.models import history, outbox, provider_health, providers
from tests.bodies import API_TOKEN, WORKFLOW_ID, config_properties, event_body, provider_body
from tests.contract.wire import PROVIDERS, UNKNOWN_ID, assert_error
from tests.harness import Caller, World
from tests.loopback import Quiet, serving
from tests.services.conftest import Run

OTHERS = "elsewhere.example"
HOUR = 3600
NIL = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def admin(world: World) -> Caller:
    """An administrator; only the test runs deliveries."""
    world.connector.rest()
    world.connector.services.outbox.work("tests")
    return world.connector.as_admin(world.tenant)


def health(caller: Caller, provider_id: str) -> dict[str, Any]:
    answer = caller.get(f"{PROVIDERS}/{provider_id}/health")
    assert answer.status_code == 200, answer.text
    assert API_TOKEN not in answer.text
    found: dict[str, Any] = answer.json()
    return found


def sweep(world: World) -> list[str]:
    """Sweep and deliver; return the providers that were checked."""
    services = world.connector.services
    services.upkeep.sweep(Sweep())
    queued = select(outbox.c.provider_id).where(outbox.c.kind == CheckProvider.kind, outbox.c.state == "ready")
    with services.database.read() as connection:
        due = list(connection.execute(queued).scalars())
    while services.outbox.work("tests"):
        pass
    return due


def reconfigure(world: World, admin: Caller, **properties: str) -> None:
    changed = config_properties(world.simulator, **properties)
    answer = admin.put(f"{PROVIDERS}/{world.provider_id}", provider_body(world.simulator, configProperties=changed))
    assert answer.status_code == 200, answer.text


def turns(world: World) -> list[tuple[str | None, str]]:
    """Return the recorded changes of the provider's health."""
    statement = select(history.c.previous, history.c.current).where(history.c.cause == "checked")
    with world.connector.services.database.read() as connection:
        return [(row.previous, row.current) for row in connection.execute(statement.order_by(history.c.id))]


def asked(world: World) -> int:
    return sum(world.onfido_state()["requests"].values())


def webhook(world: World) -> None:
    """Register the webhook at the public URL of the settings, where the background check expects it."""
    services, settings = world.connector.services, world.connector.settings
    services.setup.add_webhook(Tenant(world.tenant), world.provider_id, settings.public_url)


def test_a_new_provider_is_checked_a_minute_later_and_then_every_six_hours(world: World, admin: Caller) -> None:
    unchecked = health(admin, world.provider_id)
    assert (unchecked["state"], unchecked["checkedAt"], unchecked["ageSeconds"]) == ("unchecked", None, None)
    assert sweep(world) == []
    world.clock.advance(61)
    assert sweep(world) == [world.provider_id]

    known = health(admin, world.provider_id)

    assert (known["state"], known["isOutdated"], known["isChecking"]) == ("bad", False, False)
    assert known["failed"] == ["webhook"]
    assert [each["name"] for each in known["checks"]] == [
        *("region", "token", "environment", "workflow", "claims", "webhook")
    ]
    assert sweep(world) == []
    world.clock.advance(5 * HOUR)
    assert sweep(world) == []
    assert health(admin, world.provider_id)["ageSeconds"] >= 5 * HOUR
    world.clock.advance(HOUR)
    assert sweep(world) == [world.provider_id]
    assert health(admin, world.provider_id)["ageSeconds"] < HOUR


def test_health_is_shown_only_to_the_providers_tenant_without_calling_onfido(
    world: World, admin: Caller, run: Run
) -> None:
    others = world.connector.as_admin(OTHERS)
    theirs = others.post(PROVIDERS, provider_body(world.simulator)).json()["id"]
    reconfigure(world, admin, workflow_id=NIL)
    admin.post(f"{PROVIDERS}/{world.provider_id}/test-connection", None)
    before = asked(world)

    [mine] = admin.get(f"{PROVIDERS}/health").json()["providers"]

    assert mine == health(admin, world.provider_id) | {"ageSeconds": mine["ageSeconds"]}
    assert (mine["providerName"], mine["state"]) == ("Onfido", "bad")
    [other] = others.get(f"{PROVIDERS}/health").json()["providers"]
    assert (other["providerId"], other["state"]) == (theirs, "unchecked")
    for caller, provider_id in ((others, world.provider_id), (admin, theirs), (admin, UNKNOWN_ID)):
        assert_error(caller.get(f"{PROVIDERS}/{provider_id}/health"), 404, "IDVP-60000")
    listed = json.loads(run("provider", "health", "--json").stdout)["providers"]
    assert [(each["providerId"], each["state"]) for each in listed] == [(world.provider_id, "bad")]
    assert "bad" in run("provider", "list").stdout
    shown = run("provider", "show", "Onfido").stdout
    assert "health" in shown
    assert "bad: workflow" in run("provider", "health").stdout
    assert json.loads(run("provider", "show", "Onfido", "--json").stdout)["health"]["state"] == "bad"
    assert asked(world) == before


def test_a_change_outdates_the_health_until_the_next_check_and_is_announced_once(world: World, admin: Caller) -> None:
    webhook(world)
    world.clock.advance(61)
    sweep(world)
    assert health(admin, world.provider_id)["state"] == "good"
    world.clock.advance(60)
    reconfigure(world, admin, workflow_id=NIL)
    assert health(admin, world.provider_id)["isOutdated"] is True
    assert health(admin, world.provider_id)["state"] == "good"

    for _ in range(2):
        world.clock.advance(61)
        sweep(world)
        world.clock.advance(6 * HOUR)

    bad = health(admin, world.provider_id)
    assert (bad["state"], bad["failed"], bad["isOutdated"]) == ("bad", ["workflow"], False)
    assert bad["goodAt"] < bad["checkedAt"]
    assert turns(world) == [("good", "bad")]
    reconfigure(world, admin, workflow_id=WORKFLOW_ID)
    world.clock.advance(61)
    sweep(world)
    assert health(admin, world.provider_id)["state"] == "good"
    assert turns(world) == [("good", "bad"), ("bad", "good")]


@pytest.mark.parametrize("switch", ["throttled", "failed"])
def test_the_last_known_health_and_its_age_stay_visible_during_an_outage(
    world: World, admin: Caller, switch: str
) -> None:
    webhook(world)
    world.clock.advance(61)
    sweep(world)
    checked_at = health(admin, world.provider_id)["checkedAt"]
    world.clock.advance(6 * HOUR)
    world.faults(route="GET /ping", retry_after=0, **{switch: -1})
    sweep(world)

    unknown = health(admin, world.provider_id)

    assert (unknown["state"], unknown["knownState"], unknown["checkedAt"]) == ("unknown", "good", checked_at)
    assert unknown["triedAt"] > checked_at
    assert unknown["ageSeconds"] >= 6 * HOUR
    assert unknown["failed"] == []
    assert turns(world) == []
    world.faults(route="GET /ping", **{switch: 0})
    world.clock.advance(901)
    assert sweep(world) == [world.provider_id]
    assert health(admin, world.provider_id)["state"] == "good"
    assert turns(world) == []


def test_a_running_check_is_visible_and_prevents_a_second_one(world: World, admin: Caller) -> None:
    services = world.connector.services
    with waiting_onfido() as (base_url, arrived, go_on):
        reconfigure(world, admin, base_url=base_url)
        check = (Tenant(world.tenant), world.provider_id, world.connector.settings.public_url, 60)
        thread = threading.Thread(target=services.setup.test_in_background, args=check)
        thread.start()
        assert arrived.wait(60)
        assert health(admin, world.provider_id)["isChecking"] is True
        services.setup.test_in_background(*check)  # which ends at once
        go_on.set()
        thread.join()
    assert health(admin, world.provider_id)["isChecking"] is False
    assert health(admin, world.provider_id)["failed"] == ["token"]


@contextmanager
def waiting_onfido() -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """An Onfido that answers when the test says so; its base URL."""
    arrived, go_on = threading.Event(), threading.Event()
    refusal = json.dumps({"error": {"type": "expired_token", "message": "No.", "fields": {}}}).encode()

    class Handler(Quiet):
        def do_GET(self) -> None:  # noqa: N802  the base class's name
            arrived.set()
            assert go_on.wait(60)
            self.answer(401, refusal)

    with serving(Handler) as url:
        yield f"{url}/v3.6", arrived, go_on


def test_a_secret_repeated_by_onfido_is_not_stored(world: World, admin: Caller) -> None:
    content = json.dumps({"error": {"type": "expired_token", "message": f"No: {API_TOKEN}", "fields": {}}}).encode()

    class Handler(Quiet):
        def do_GET(self) -> None:  # noqa: N802  the base class's name
            self.answer(401, content)

    with serving(Handler) as url:
        reconfigure(world, admin, base_url=f"{url}/v3.6")
        world.clock.advance(61)
        sweep(world)
    assert health(admin, world.provider_id)["failed"] == ["token"]
    with world.connector.services.database.read() as connection:
        stored = connection.execute(select(provider_health.c.checks)).scalars().all()
    assert API_TOKEN not in json.dumps(stored)


def test_an_unusable_stored_configuration_is_unhealthy(world: World, admin: Caller) -> None:
    with world.connector.services.database.write() as connection:
        connection.execute(providers.update().values(base_url="https://elsewhere.example/v3.6"))
    world.clock.advance(61)
    assert sweep(world) == [world.provider_id]
    known = health(admin, world.provider_id)
    assert (known["state"], known["failed"]) == ("bad", ["configuration"])


def test_a_lost_probe_of_the_delivery_is_kept_by_background_checks_until_an_event_arrives(
    world: World, admin: Caller
) -> None:
    path, config = f"{PROVIDERS}/{world.provider_id}", world.connector.app.config
    with serving(Quiet) as url:
        config["PUBLIC_URL"] = url  # of another server
        assert admin.post(f"{path}/webhook", None).status_code == 201
        admin.post(f"{path}/test-connection", None)
    config["PUBLIC_URL"] = world.connector.url
    world.clock.advance(61)
    assert sweep(world) == [world.provider_id]
    assert "delivery" in health(admin, world.provider_id)["failed"]
    steps = {each["name"]: each for each in admin.get(f"{path}/setup-progress").json()["steps"]}
    assert (steps["events"]["state"], "answered 501" in steps["events"]["text"]) == ("failed", True)

    run_id = world.start(world.add_user("ann"))
    world.outcome(run_id)
    world.wait_until(lambda: health(admin, world.provider_id)["lastEventAt"] is not None)
    world.clock.advance(6 * HOUR)
    assert sweep(world) == [world.provider_id]
    assert "delivery" not in [each["name"] for each in health(admin, world.provider_id)["checks"]]


def test_a_provider_removed_meanwhile_is_not_a_failure(world: World, admin: Caller) -> None:
    world.clock.advance(61)
    world.connector.services.upkeep.sweep(Sweep())
    assert admin.request("DELETE", f"{PROVIDERS}/{world.provider_id}").status_code == 204
    while world.connector.services.outbox.work("tests"):
        pass
    assert admin.get(f"{PROVIDERS}/health").json() == {"count": 0, "providers": []}
    assert [row.state for row in world.connector.services.outbox.page(("ready", "dead"), 10)] == []


@pytest.mark.one_database
def test_one_sweep_queues_a_limited_number_of_checks(world: World, admin: Caller) -> None:
    for number in range(MOST_DUE + 1):
        name = f"provider {number}"
        assert admin.post(PROVIDERS, provider_body(world.simulator, name=name)).status_code == 201
    world.clock.advance(61)
    assert len(sweep(world)) == MOST_DUE
    assert len(sweep(world)) == 2
    assert sweep(world) == []


def test_the_last_event_and_the_number_of_dependent_objects_are_reported(world: World, admin: Caller) -> None:
    assert health(admin, world.provider_id)["lastEventAt"] is None
    path = f"{PROVIDERS}/{world.provider_id}/usage"
    assert admin.get(path).json() == {"openVerifications": 0, "verifications": 0, "verifiedClaims": 0, "applicants": 0}
    run_id = world.start(world.add_user("ann"))
    one = {"verifications": 1, "applicants": 1}
    assert admin.get(path).json() == one | {"openVerifications": 1, "verifiedClaims": 0}
    clear: dict[str, str | None] = dict.fromkeys(("first_name", "last_name", "date_of_birth"), "clear")
    assert world.post_event(event_body(run_id, comparisons=clear)).status_code == 200
    assert admin.get(path).json() == one | {"openVerifications": 0, "verifiedClaims": 3}
    assert health(admin, world.provider_id)["lastEventAt"] is not None
    others = world.connector.as_admin(OTHERS)
    assert_error(others.get(path), 404, "IDVP-60000")


def test_a_check_that_began_before_the_recorded_one_changes_nothing(world: World, admin: Caller) -> None:
    admin.post(f"{PROVIDERS}/{world.provider_id}/test-connection", None)
    known, services = health(admin, world.provider_id), world.connector.services
    provider = services.providers.get(Tenant(world.tenant), world.provider_id)
    late = Readiness("sandbox", (Check("token", False, "refused long ago"),))
    services.health_records.record(provider, late, world.clock() - timedelta(hours=1))
    assert health(admin, world.provider_id) | {"ageSeconds": 0} == known | {"ageSeconds": 0}
    gone = replace(provider, provider_id=UNKNOWN_ID)
    services.health_records.record(gone, late, world.clock())
    assert health(admin, world.provider_id)["state"] == known["state"]
