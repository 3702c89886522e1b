"""Concurrent requests on PostgreSQL: no two of them deadlock, and none is answered with 500.

One request is held within its transaction, with its locks, until the other one waits for it.
To make two requests collide, a third transaction locks a row for which both wait.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, ExceptionContext, insert, text

from connector.domain.signals import ALL, ENABLED, Receiver, Stream, StreamConfig
from connector.domain.tenancy import Tenant
from connector.errors import Code, RequestError
from connector.services import batches
from connector.services.key_rotation import KeyRotation
from connector.services.people.claim_entries import ClaimEntry
from connector.settings import Settings
from connector.simulator.server import Simulator
from connector.store import console_sessions
from connector.store.claims import claims
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.store.models import console_sessions as console_sessions_table
from connector.store.models import outbox as outbox_table
from connector.store.providers import events
from connector.store.signals import signal_streams
from connector.store.vault import KEY_BYTES, Vault, read_keys
from tests.bodies import event_body
from tests.harness import ADMIN_SCOPES, Caller, Clock, ConnectorServer, World, verified
from tests.listening import listening
from tests.races.attack import ALL_CLEAR, PROVIDERS, add_provider, outcome_of
from tests.races.colliding import RUN_LOCKED, collide, collide_behind
from tests.races.meanwhile import meanwhile
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING, VALUES

PATIENCE = 60
YEAR = 365 * 86_400
RUN_RECORDED = ("UPDATE verifications", "dashboard_url=")
USER_LOCKED = ("FROM users", "FOR UPDATE")
ATTEMPTS_LOCKED = ("FROM verifications", "ORDER BY verifications.id FOR UPDATE")
VALUES_SHARED = "FOR SHARE"


@pytest.fixture(scope="module")
def running(new_settings: Callable[..., Settings]) -> Iterator[tuple[ConnectorServer, Clock]]:
    clock = Clock()
    with ConnectorServer(new_settings("postgresql"), clock) as connector:
        connector.rest()
        yield connector, clock


@pytest.fixture
def world(running: tuple[ConnectorServer, Clock], simulator: Simulator) -> World:
    """A provider whose webhook receives only the test's events."""
    connector, clock = running
    return add_provider(World(connector, simulator, clock, tenant=f"locks-{uuid.uuid4()}"))


@pytest.fixture
def database(world: World) -> Database:
    return world.connector.services.database


def admin_of(world: World) -> Caller:
    return world.connector.as_admin(world.tenant, (*ADMIN_SCOPES, "internal_idv_claim_delete"))


def remove_provider(world: World) -> requests.Response:
    return admin_of(world).request("DELETE", f"{PROVIDERS}/{world.provider_id}")


def remove_user(world: World) -> requests.Response:
    return admin_of(world).request("DELETE", "/api/users/v1/ann/idv")


def verify_all(world: World, caller: Caller, *, of: tuple[str, ...] = tuple(MAPPING)) -> str:
    run_id = world.start(caller, of)
    assert world.post_event(event_body(run_id, "approved", ALL_CLEAR)).ok
    return run_id


def verify_in_two_attempts(world: World) -> None:
    """Store the claims in another order than that of their URIs, and analyze their table in PostgreSQL."""
    ann = world.add_user()
    verify_all(world, ann, of=(LAST_NAME,))
    verify_all(world, ann, of=(BIRTH_DATE, GIVEN_NAME))
    with world.connector.services.database.read() as connection:
        connection.execute(text("ANALYZE"))


def correct_all(world: World) -> None:
    entries = [ClaimEntry(uri, world.provider_id, is_verified=True) for uri in MAPPING]
    world.connector.services.claims.correct_all(Tenant(world.tenant), "ann", entries)


def refusal(call: Callable[[], object]) -> Code | None:
    """Return the code of a refused call."""
    try:
        call()
    except RequestError as error:
        return error.code
    return None


GIVEN_NAME_LOCKED = (
    "SELECT id FROM claims WHERE tenant = :tenant AND uri = :uri FOR UPDATE",
    {"uri": GIVEN_NAME},
)


# A provider is removed

DONE = {(200, None), (400, "OIDV-10014")}  # removed after the transaction, perhaps before the answer was made


def test_provider_is_removed_while_a_run_is_recorded(world: World, database: Database) -> None:
    ann = world.add_user()

    started, removed = collide(
        database, lambda: ann.verify(world.provider_id, "INITIATED"), RUN_RECORDED, lambda: remove_provider(world)
    )

    assert outcome_of(started) in DONE
    assert removed.status_code == 204


def test_a_provider_is_removed_while_a_result_with_a_parked_event_is_applied(world: World, database: Database) -> None:
    ann = world.add_user()
    run_id = world.start(ann)
    world.outcome(run_id)
    assert world.post_event(event_body(run_id, "approved")).ok  # nothing was compared: Onfido is to be asked

    completed, removed = collide(
        database, lambda: ann.verify(world.provider_id, "COMPLETED"), RUN_LOCKED, lambda: remove_provider(world)
    )

    assert outcome_of(completed) in DONE
    assert removed.status_code == 204


def test_a_provider_and_a_user_are_removed_concurrently(world: World, database: Database) -> None:
    verify_all(world, world.add_user())

    one, other = collide(database, lambda: remove_user(world), ATTEMPTS_LOCKED, lambda: remove_provider(world))

    assert (one.status_code, other.status_code) == (204, 204)


def test_provider_is_removed_while_a_value_changes(world: World, database: Database) -> None:
    verify_in_two_attempts(world)
    lock, row = GIVEN_NAME_LOCKED
    change = partial(world.connector.services.users.change, Tenant(world.tenant), "ann", {GIVEN_NAME: "Bea"})

    _, removed = collide_behind(database, lock, row | {"tenant": world.tenant}, change, lambda: remove_provider(world))

    assert removed.status_code == 204


def test_an_event_for_a_provider_removed_meanwhile_gets_an_error(world: World) -> None:
    run_id = world.start(world.add_user())

    with meanwhile("providers.previous_webhook_token", lambda: remove_provider(world)):
        answer = world.post_event(event_body(run_id, "approved", ALL_CLEAR))

    assert outcome_of(answer) == (404, "OIDV-60001")


def test_an_initiation_with_a_provider_removed_meanwhile_gets_an_error(world: World) -> None:
    ann = world.add_user()

    with meanwhile("FROM providers", lambda: remove_provider(world)):
        answer = ann.verify(world.provider_id, "INITIATED")

    assert outcome_of(answer) == (400, "OIDV-10009")


def test_an_initiation_continues_if_the_conflicting_attempt_has_just_ended(world: World) -> None:
    ann = world.add_user()
    run_id = world.start(ann)
    posted: list[requests.Response] = []

    def end_run(_refused: ExceptionContext) -> None:
        if not posted:
            posted.append(world.post_event(event_body(run_id, "abandoned")))

    with listening((Engine, "handle_error", end_run)):
        next_run_id = world.start(ann)

    assert [each.status_code for each in posted] == [200]
    assert next_run_id != run_id


def test_claims_are_added_before_their_provider_is_removed_or_not_at_all(world: World, database: Database) -> None:
    world.add_user()
    entries = [ClaimEntry(uri, world.provider_id, is_verified=True) for uri in MAPPING]
    add = partial(world.connector.services.claims.add, Tenant(world.tenant), "ann", entries)

    told, removed = collide(
        database, lambda: refusal(add), ("FROM providers", "providers.id IN"), lambda: remove_provider(world)
    )

    assert (told in {None, Code.CLAIM_NOT_FOUND}, removed.status_code) == (True, 204)  # it looks at them once more


# A user is removed


def test_user_is_removed_while_claims_are_corrected(world: World, database: Database) -> None:
    verify_in_two_attempts(world)
    lock, row = GIVEN_NAME_LOCKED
    correct = partial(correct_all, world)

    told, removed = collide_behind(
        database, lock, row | {"tenant": world.tenant}, lambda: refusal(correct), lambda: remove_user(world)
    )

    assert (told, removed.status_code) == (None, 204)  # the correction has a share of the user: it was first
    assert world.connector.services.users.is_known(Tenant(world.tenant), "ann") is False


@pytest.mark.parametrize("values", [VALUES, {}], ids=["with values", "without"])
def test_a_user_added_during_the_removal_exists(world: World, database: Database, values: Mapping[str, str]) -> None:
    world.add_user()
    users = world.connector.services.users

    removed, is_new = collide(database, lambda: remove_user(world), USER_LOCKED, lambda: world.put_user("ann", values))

    assert (removed.status_code, is_new, users.values(Tenant(world.tenant), "ann")) == (204, True, values)


@pytest.mark.parametrize("status", ["INITIATED", "REINITIATED"])
def test_a_request_for_a_user_removed_meanwhile_gets_an_error(world: World, status: str) -> None:
    ann = world.add_user()
    world.start(ann)

    with meanwhile("verifications.user_id = ", lambda: remove_user(world)):
        answer = ann.verify(world.provider_id, status)

    assert outcome_of(answer) == (400, "OIDV-10014")


def test_a_wait_for_the_result_of_a_removed_user_ends(world: World) -> None:
    ann = world.add_user()
    world.start(ann)

    with meanwhile("verifications.id = ", lambda: remove_user(world)):
        answer = ann.verify(world.provider_id, "COMPLETED", headers={"Prefer": "wait=10"})

    assert outcome_of(answer) == (400, "OIDV-10014")


def test_correction_for_a_removed_user_does_not_change_a_user_added_again(world: World) -> None:
    ann = world.add_user()
    world.start(ann)
    claim_id = ann.claims()[GIVEN_NAME]["id"]

    def come_back() -> None:
        remove_user(world)
        verify_all(world, world.add_user())

    path, body = f"/api/users/v1/ann/idv/claims/{claim_id}", {"isVerified": True, "claimMetadata": {}}
    with meanwhile(VALUES_SHARED, come_back):
        answer = admin_of(world).put(path, body)

    assert outcome_of(answer) == (404, "IDV-10000")
    assert verified(ann.claims()) == set(MAPPING)


# A claim is added in between


def test_claims_are_withdrawn_while_one_before_them_is_added_and_locked(world: World, database: Database) -> None:
    """The withdrawal has locked its claims; another request has locked the new claim, and waits for the others."""
    ann = world.add_user()
    verify_all(world, ann, of=(GIVEN_NAME, LAST_NAME))
    added = [ClaimEntry(BIRTH_DATE, world.provider_id, is_verified=True)]

    def withdraw() -> list[str | None]:
        with database.write() as connection:
            withdrawn = claims.unverify_all(
                connection, world.tenant, "ann", None, world.clock(), status="user_gone", cause="user_gone"
            )
            return [each.name for each in withdrawn]

    def add_and_correct() -> None:
        world.connector.services.claims.add(Tenant(world.tenant), "ann", added)
        correct_all(world)

    withdrawn, _ = collide(database, withdraw, ("FROM claims", "FOR UPDATE"), add_and_correct)

    assert withdrawn == [GIVEN_NAME, LAST_NAME]
    assert verified(ann.claims()) == set(MAPPING)


# Upkeep meets other transactions


def test_levels_of_a_tenant_with_two_streams_are_noted_while_one_of_its_users_is_checked(
    world: World, database: Database
) -> None:
    """The check locks the streams by their ids; in the table they are in the opposite order."""
    ids = sorted(str(uuid.uuid4()) for _ in range(2))
    with database.write() as connection:
        for stream_id in reversed(ids):
            signal_streams.add(connection, stream_of(world, stream_id))
    lock = ("SELECT id FROM signal_streams WHERE id = :id FOR UPDATE", {"id": ids[0]})

    def lock_all() -> None:
        with database.write() as connection:
            signal_streams.lock_all(connection, world.tenant)

    def set_seeded() -> None:
        with database.write() as connection:
            signal_streams.set_seeded(connection, world.tenant)

    collide_behind(database, *lock, lock_all, set_seeded)

    with database.read() as connection:
        assert [each.is_seeded for each in signal_streams.find_all(connection, world.tenant)] == [True, True]


def stream_of(world: World, stream_id: str) -> Stream:
    """Return a stream that waits for the levels of its tenant's users."""
    now = world.clock()
    owner = (stream_id, world.tenant, Receiver("issuer", stream_id), "issuer", StreamConfig())
    return Stream(*owner, ENABLED, None, ALL, turn=0, waiting=0, is_seeded=False, created_at=now, updated_at=now)


def test_the_sweep_passes_over_sessions_and_deliveries_that_others_have_locked(
    world: World, database: Database
) -> None:
    past = world.clock() - timedelta(days=400)
    with database.write() as connection:
        connection.execute(console_sessions_table.delete())
        connection.execute(outbox_table.delete())
        connection.execute(insert(console_sessions_table), [session_of(world, number, past) for number in range(3)])
        connection.execute(insert(outbox_table), [delivery_of(number, past) for number in range(3)])

    with database.write() as connection:
        for table in ("console_sessions", "outbox"):
            connection.execute(text(f"SELECT id FROM {table} WHERE id = '1' FOR UPDATE"))
        numbers = [sweep_some(database, world) for _ in range(2)]

    assert numbers == [(2, 2, 2), (0, 0, 0)]
    assert sweep_some(database, world) == (1, 1, 1)


def session_of(world: World, number: int, ended: datetime) -> dict[str, Any]:
    """Return a session at the console that has ended long ago, with a token."""
    texts = dict.fromkeys(("issuer", "subject", "user_id", "name", "client_id", "tenant"), world.tenant)
    times = dict.fromkeys(("created_at", "seen_at", "expires_at", "token_expires_at"), ended)
    return {**texts, **times, "id": str(number), "digest": str(number), "scopes": [], "access_token": "sealed"}


def delivery_of(number: int, ended: datetime) -> dict[str, Any]:
    """Return a delivery that was made long ago."""
    made = {"state": "done", "attempts": 1, "history": [], "payload": {}, "kind": "bulk"}
    return {**made, **dict.fromkeys(("created_at", "due_at", "settled_at"), ended), "id": str(number)}


def sweep_some(database: Database, world: World) -> tuple[int, int, int]:
    """Delete tokens, sessions and deliveries, as the sweep does, and return how many."""
    now = world.clock()
    with database.write() as connection:
        return (
            console_sessions.forget_expired_tokens(connection, now, batches.BATCH),
            console_sessions.forget_sessions(connection, now, batches.BATCH),
            outbox.forget_done(connection, timedelta(days=1), batches.BATCH),
        )


# Keys are rotated


def rotate(world: World) -> None:
    """Rotate the encryption key, always to the same one, because one connector serves all tests."""
    keys = read_keys((), world.connector.settings.data_dir)
    list(KeyRotation(world.connector.services.database, Vault([b"n" * KEY_BYTES, *keys])).run())


def sealing_keys(database: Database, column: str) -> set[str]:
    """Return the ids of the keys with which the values of a column are encrypted."""
    table, _, name = column.partition(".")
    with database.read() as connection:
        sealed = connection.execute(text(f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL")).scalars()
        return {each.split(".")[1] for each in sealed}


def test_keys_are_rotated_while_values_change(world: World, database: Database) -> None:
    world.add_user()
    users, values = world.connector.services.users, {BIRTH_DATE: "1990-02-02", LAST_NAME: ""}

    collide(
        database,
        lambda: users.change(Tenant(world.tenant), "ann", values),
        ("DELETE FROM user_attributes",),
        lambda: rotate(world),
    )

    rotate(world)  # the change itself was sealed with the old key: this process knows no other
    assert len(sealing_keys(database, "user_attributes.value")) == 1


def test_keys_are_rotated_while_bodies_are_deleted(world: World, database: Database) -> None:
    for number in range(6):
        assert world.post_event(event_body(f"unknown-{number}", "approved", ALL_CLEAR)).ok
    world.clock.advance(YEAR)
    before = world.clock() - timedelta(days=30)
    forget = partial(batches.forget, database, lambda connection, size: events.forget_bodies(connection, before, size))

    collide(database, lambda: rotate(world), ("UPDATE events SET body",), forget)

    forget()
    assert sealing_keys(database, "events.body") == set()
