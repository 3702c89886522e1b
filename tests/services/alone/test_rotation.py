"""Secrets are replaced while everything runs: webhook tokens with an overlap, encryption keys without a stop."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import Result
from sqlalchemy import select

from connector.domain.tenancy import Tenant
from connector.domain.utc import timestamp
from connector.errors import ConfigurationError
from connector.settings import Settings
from connector.simulator.server import Simulator
from connector.store.models import events, providers, secrets, user_attributes
from tests.contract.wire import MASK
from tests.harness import Clock, ConnectorServer, World, verified
from tests.plans.browsing import Console
from tests.services.alone.rotating import EXPIRY, PROVIDERS, change_token, end_overlap, post
from tests.values import MAPPING, VALUES

Run = Callable[..., Result]
VIEWER = ["internal_idvp_view", "internal_idv_claim_view"]
DAY = 86_400
OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


@pytest.fixture
def settings(own_settings: Settings) -> Settings:
    """Settings with an encryption key of their own, in place of the data directory's."""
    return replace(own_settings, encryption_keys=(OLD,))


def test_replaced_webhook_token_is_valid_until_the_overlap_ends(world: World) -> None:
    old = world.webhook_token
    world.clock.stop()
    shown = change_token(world, "the new token of the webhook")
    assert shown[EXPIRY] == timestamp(world.clock() + timedelta(days=1))
    assert (post(world, old), post(world, "the new token of the webhook"), post(world, "neither")) == (200, 200, 401)

    world.clock.advance(DAY - 10)
    assert post(world, old) == 200
    world.clock.advance(11)

    assert (post(world, old), post(world, "the new token of the webhook")) == (401, 200)


def test_results_signed_with_either_token_count(world: World) -> None:
    old = world.webhook_token
    users = [world.add_user("ann"), world.add_user("bob")]
    runs = [world.start(user) for user in users]
    change_token(world, "the new token of the webhook")
    for token, run_id in zip((old, "the new token of the webhook"), runs, strict=True):
        assert post(world, token, run_id) == 200
    assert [verified(user.claims()) for user in users] == [set(MAPPING)] * 2


def test_overlap_can_be_ended_at_once(world: World) -> None:
    old = world.webhook_token
    change_token(world, "the new token of the webhook")
    assert end_overlap(world, ("internal_idvp_view",)).status_code == 403
    assert post(world, old) == 200

    assert end_overlap(world).status_code == 204

    assert (post(world, old), post(world, "the new token of the webhook")) == (401, 200)
    assert EXPIRY not in change_token(world, None)
    assert end_overlap(world).status_code == 204, "there is nothing to end"


def test_second_rotation_within_the_overlap_ends_the_first_token(world: World) -> None:
    oldest = world.webhook_token
    change_token(world, "the second token of the webhook")
    change_token(world, "the third token of the webhook")
    assert [
        post(world, token) for token in (oldest, "the second token of the webhook", "the third token of the webhook")
    ] == [401, 200, 200]


def test_repeating_the_same_token_or_none_is_not_a_rotation(world: World) -> None:
    assert EXPIRY not in change_token(world, world.webhook_token)
    assert EXPIRY not in change_token(world, None)
    assert post(world, world.webhook_token) == 200


def test_the_end_of_an_overlap_is_shown_without_a_secret(world: World) -> None:
    old = world.webhook_token
    shown = change_token(world, "the new token of the webhook")
    assert {key: value for key, value in shown.items() if "token" in key and key != EXPIRY} == {
        "token": MASK,
        "webhook_token": MASK,
    }
    admin = world.connector.as_admin()
    for path in ("", f"/{world.provider_id}", f"/{world.provider_id}/setup-guide"):
        text = admin.get(PROVIDERS + path).text
        assert old not in text
        assert "the new token of the webhook" not in text
    assert shown[EXPIRY] in admin.get(f"{PROVIDERS}/{world.provider_id}").text


# Encryption keys


@contextmanager
def restarted(world: World, *keys: str) -> Iterator[World]:
    """Run another process of the same connector with these keys; it receives events like the first one."""
    settings = replace(world.connector.settings, encryption_keys=keys)
    with ConnectorServer(settings, world.clock) as connector:
        yield replace(world, connector=connector)


def sealed(world: World) -> list[str]:
    """Return every encrypted value in the database."""
    columns = [
        *(providers.c[name] for name in ("api_token", "webhook_token", "previous_webhook_token")),
        *(user_attributes.c.value, events.c.body, secrets.c.value),
    ]
    with world.connector.services.database.read() as connection:
        return [text for each in columns for text in connection.execute(select(each)).scalars() if text]


def key_ids(world: World) -> set[str]:
    return {text.split(".")[1] for text in sealed(world)}


def populate(world: World) -> str:
    """Write to every encrypted column; returns a run whose result is in a parked event."""
    ann, bob = world.add_user("ann"), world.add_user("bob")
    world.outcome(world.start(ann))
    world.wait_until(lambda: verified(ann.claims()) == set(MAPPING))
    change_token(world, "the new token of the webhook")
    world.faults(webhooks_lost=-1, route="POST /workflow_runs", dropped_after=1)
    assert bob.verify(world.provider_id, "INITIATED").status_code == 503
    run_id = str(world.onfido_state()["runs"][-1]["id"])
    assert post(world, "the new token of the webhook", run_id) == 200
    return run_id


def test_the_old_key_is_not_needed_after_a_rotation(world: World, run: Run) -> None:
    old_token = world.webhook_token
    populate(world)
    before = key_ids(world)

    result = run("rotate-keys", CONNECTOR_ENCRYPTION_KEYS=f"{NEW},{OLD}")

    assert (result.exit_code, len(before)) == (0, 1)
    assert len(key_ids(world)) == 1
    assert not key_ids(world) & before
    with restarted(world, NEW) as after:
        assert [post(after, token) for token in (old_token, "the new token of the webhook")] == [200, 200]
        ann, bob = after.connector.as_user("ann"), after.connector.as_user("bob")
        assert after.connector.services.users.values(Tenant(after.tenant), "ann") == VALUES
        resumed = bob.verify(after.provider_id, "INITIATED")
        assert resumed.status_code == 200, resumed.text
        assert verified(bob.claims()) == set(MAPPING), "the parked event could be read"
        assert verified(ann.claims()) == set(MAPPING)


def test_fingerprints_still_match_after_a_rotation(world: World, run: Run) -> None:
    populate(world)
    assert run("rotate-keys", CONNECTOR_ENCRYPTION_KEYS=f"{NEW},{OLD}").exit_code == 0
    with restarted(world, NEW) as after:
        ann = after.connector.as_user("ann")
        after.connector.services.users.change(Tenant(after.tenant), "ann", VALUES)
        assert verified(ann.claims()) == set(MAPPING), "the values are those that were verified"
        again = ann.verify(after.provider_id, "INITIATED")
        assert (again.status_code, again.json()["code"]) == (400, "OIDV-10049")


def test_a_rotation_does_not_disturb_concurrent_requests(world: World, run: Run) -> None:
    populate(world)
    world.faults(webhooks_lost=0)
    with restarted(world, NEW, OLD) as after:
        stopping, problems = threading.Event(), []

        def be_verified(name: str) -> None:
            number = 0
            while not stopping.is_set():
                number += 1
                user = after.add_user(f"{name}-{number}")
                answer = user.verify(after.provider_id, "INITIATED")
                statuses = (answer.status_code, post(after, "the new token of the webhook"))
                if statuses != (200, 200):
                    problems.append((statuses, answer.text))

        threads = [threading.Thread(target=be_verified, args=(name,)) for name in ("carl", "dora")]
        for thread in threads:
            thread.start()
        for _ in range(3):
            assert run("rotate-keys", CONNECTOR_ENCRYPTION_KEYS=f"{NEW},{OLD}").exit_code == 0
        stopping.set()
        for thread in threads:
            thread.join()
        assert problems == []
        assert len(key_ids(after)) == 1
    with restarted(world, NEW) as after:
        services = after.connector.services
        user_ids = list(services.users.ids(Tenant(after.tenant)))
        assert len(user_ids) > 4
        for user_id in user_ids:
            assert services.users.values(Tenant(after.tenant), user_id) == VALUES


def test_the_operator_is_told_of_a_rotation_until_it_is_complete(world: World, run: Run) -> None:
    populate(world)
    with restarted(world, NEW, OLD) as after:
        operator = after.connector.caller("olga", ["internal_idv_operate"])

        def warned() -> list[bool]:
            warnings = operator.get("/api/server/v1/settings").json()["warnings"]
            people = [Console(after, *each) for each in (("olga", ["internal_idv_operate"]), ("vera", VIEWER))]
            pages = ["Not everything is encrypted" in each.open("/console/home") for each in people]
            return [any("rotate-keys" in each for each in warnings), *pages]

        assert warned() == [True, True, False]
        steps = after.connector.services.key_rotation.run()
        next(steps)
        assert warned() == [True, True, False], "an interrupted rotation is not complete"
        for _ in steps:
            pass
        assert warned() == [False, False, False]


def test_an_interrupted_rotation_can_be_repeated(world: World, run: Run) -> None:
    populate(world)
    some = [each for each in sealed(world) if each]
    with pytest.raises(ConfigurationError), restarted(world, NEW):
        pass  # too early: the old key is still needed
    for _ in range(2):
        assert run("rotate-keys", CONNECTOR_ENCRYPTION_KEYS=f"{NEW},{OLD}").exit_code == 0
    assert len(sealed(world)) == len(some)


def test_a_rotation_without_the_old_key_changes_nothing(settings: Settings, simulator: Simulator, run: Run) -> None:
    with ConnectorServer(settings, Clock()) as connector:
        world = World(connector, simulator, Clock())
        world.add_user()
        before = sealed(world)
        result = run("rotate-keys", CONNECTOR_ENCRYPTION_KEYS=NEW)
        assert result.exit_code == 1
        assert "encryption_keys" in result.stderr
        assert sealed(world) == before
