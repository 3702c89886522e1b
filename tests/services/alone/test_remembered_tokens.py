"""Webhook tokens that a process remembers, while another process changes them: the database decides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta

import pytest

from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.onfido.webhooks import PROBE
from connector.services.providers.secrets import Secrets
from connector.services.providers.webhook_access import WebhookAccesses
from connector.settings import Settings
from connector.store.providers import providers, refused_posts
from connector.store.vault import Vault, read_keys
from tests.bodies import event_body, provider_body, sign
from tests.harness import ConnectorServer, World, verified
from tests.services.alone.rotating import ALL_CLEAR, PROVIDERS, change_token, end_overlap, post
from tests.values import MAPPING

NEW_TOKEN = "the new token of the webhook"
DAY = 86_400


@pytest.fixture
def settings(own_settings: Settings) -> Settings:
    return own_settings


@pytest.fixture
def elsewhere(world: World) -> Iterator[World]:
    """Another process on the same database, where administrators work; the first has received an event before."""
    assert post(world, world.webhook_token) == 200
    with ConnectorServer(world.connector.settings, world.clock) as connector:
        yield replace(world, connector=connector)


def test_a_token_registered_by_another_process_signs_at_once(world: World, elsewhere: World) -> None:
    old = world.webhook_token
    change_token(elsewhere, NEW_TOKEN)
    assert [post(world, token) for token in (NEW_TOKEN, old, "neither", NEW_TOKEN)] == [200, 200, 401, 200]


def test_a_token_withdrawn_by_another_process_signs_nothing_any_more(world: World, elsewhere: World) -> None:
    old, run_id = world.webhook_token, world.start(world.add_user("ann"))
    change_token(elsewhere, NEW_TOKEN)
    assert post(world, old) == 200
    assert end_overlap(elsewhere).status_code == 204
    assert post(world, old, run_id) == 401
    assert verified(world.connector.as_user("ann").claims()) == set(), "nothing of it was applied"
    assert post(world, NEW_TOKEN, run_id) == 200
    assert verified(world.connector.as_user("ann").claims()) == set(MAPPING)


def test_a_remembered_token_expires(world: World, elsewhere: World) -> None:
    old = world.webhook_token
    change_token(elsewhere, NEW_TOKEN)
    assert post(world, old) == 200
    world.clock.advance(DAY + 1)
    assert [post(world, token) for token in (old, NEW_TOKEN)] == [401, 200]


def test_events_are_accepted_if_the_clock_is_set_back_before_a_token_expired(world: World, elsewhere: World) -> None:
    old = world.webhook_token
    world.clock.stop()
    change_token(elsewhere, NEW_TOKEN)
    world.clock.advance(DAY + 1)
    assert post(world, NEW_TOKEN) == 200
    world.clock.advance(-2)
    assert [post(world, token) for token in (NEW_TOKEN, old)] == [200, 200]


def test_a_probe_has_no_effect_whatever_it_contains(world: World, elsewhere: World) -> None:
    run_id = world.start(world.add_user("ann"))
    event = json.loads(event_body(run_id, "approved", ALL_CLEAR))
    event["payload"]["action"] = PROBE
    assert world.post_event(json.dumps(event).encode()).status_code == 200
    assert verified(world.connector.as_user("ann").claims()) == set()
    assert [each.status for each in world.verifications("ann")] == ["awaiting_input"]


def test_a_provider_removed_by_another_process_receives_nothing(world: World, elsewhere: World) -> None:
    assert elsewhere.connector.as_admin().request("DELETE", f"{PROVIDERS}/{world.provider_id}").status_code == 204
    assert [post(world, world.webhook_token) for _ in range(2)] == [404, 404]


def test_a_remembered_token_is_of_its_tenant_alone(world: World, elsewhere: World) -> None:
    assert post(replace(world, tenant="another"), world.webhook_token) == 404
    assert post(world, world.webhook_token) == 200


def test_a_refused_event_is_counted_once(world: World, elsewhere: World) -> None:
    unreadable = [world.post_event(body) for body in (b"{", b"[]", b'{"payload": {}}')]
    assert [each.json()["code"] for each in unreadable] == ["OIDV-60007"] * 3
    forged = [world.post_event(b"{}", signature=each) for each in ("0" * 64, sign(b"{} ", world.webhook_token))]
    assert [each.json()["code"] for each in forged] == ["OIDV-60002"] * 2
    world.connector.services.refused_posts.write()
    with elsewhere.connector.services.database.read() as connection:
        counted = {each.cause: each.number for each in refused_posts.find(connection, DEFAULT_TENANT)}
    assert counted == {"unreadable": 3, "wrong_signature": 2}


def test_an_event_that_waits_for_the_withdrawal_of_its_token_is_refused(world: World, elsewhere: World) -> None:
    body = event_body(world.start(world.add_user("ann")), "approved", ALL_CLEAR)
    with ThreadPoolExecutor(1) as threads:
        with elsewhere.connector.services.database.write() as connection:
            providers.lock(connection, world.provider_id, DEFAULT_TENANT)
            posted = threads.submit(world.post_event, body)
            providers.change(connection, world.provider_id, {"webhook_token": None}, world.clock())
            wait([posted], 0.2)
            assert not posted.done()
        assert posted.result().status_code == 401
    assert verified(world.connector.as_user("ann").claims()) == set()


def test_only_so_many_tokens_are_remembered(world: World) -> None:
    """With more providers the memory starts anew, and those that it forgot are read again."""
    tenant, database = Tenant(DEFAULT_TENANT), world.connector.services.database
    secrets = Secrets(Vault(read_keys((), world.connector.settings.data_dir)), timedelta(), world.clock)
    accesses = WebhookAccesses(database, secrets, world.clock, most=2)
    added = [world.connector.as_admin().post(PROVIDERS, provider_body(world.simulator, name=name)) for name in "abc"]
    provider_ids = [each.json()["id"] for each in added]
    for each in provider_ids:
        accesses.read(tenant, each, "")
    assert [accesses.recall(tenant, each) is not None for each in provider_ids] == [False, False, True]
    accesses.read(tenant, provider_ids[0], "")
    assert accesses.recall(tenant, provider_ids[0]) is not None
