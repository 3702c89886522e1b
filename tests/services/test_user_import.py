"""Import of thousands of users: a constant cost per batch, and the same withdrawals as for single changes."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from connector.domain.tenancy import Tenant
from connector.services.people.users import BATCH, Batch
from connector.store.models import history
from tests.harness import World, verified
from tests.listening import statements
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING, VALUES

MANY = 2 * BATCH + 1


def put(world: World, values: Mapping[str, Mapping[str, str]]) -> list[Batch]:
    return list(world.connector.services.users.put_all(Tenant(world.tenant), values.items(), "cli:root"))


def people(number: int, **changes: str) -> dict[str, dict[str, str]]:
    values = VALUES | {MAPPING_NAMES[name]: value for name, value in changes.items()}
    return {f"user-{at:05}": values for at in range(number)}


MAPPING_NAMES = {field: uri for uri, field in MAPPING.items()}


def totals(batches: list[Batch]) -> tuple[int, int, int]:
    """Return how many users there were, how many were added and how many changed."""
    each = [(len(batch.claims), len(batch.added), len(batch.changed)) for batch in batches]
    return sum(size for size, _, _ in each), sum(added for _, added, _ in each), sum(changed for *_, changed in each)


def told(world: World, *subjects: str) -> list[tuple[str, str, str]]:
    """Return user or claim, subject and new state of each history entry, in order."""
    with world.connector.services.database.read() as connection:
        rows = connection.execute(select(history).where(history.c.subject.in_(subjects)).order_by(history.c.id)).all()
    return [(row.name, row.subject, row.current) for row in rows]


def test_users_are_added_changed_or_left_alone_batch_by_batch(world: World) -> None:
    world.connector.rest()
    added = put(world, people(MANY))
    assert (len(added), totals(added)) == (3, (MANY, MANY, 0))
    assert all(batch.claims["user-00000"] == set(VALUES) for batch in added[:1])

    some = people(3, last_name="Other") | {"user-00001": VALUES} | {"user-00003": {GIVEN_NAME: ""}}
    assert totals(put(world, people(MANY) | some)) == (MANY, 0, 3)
    assert told(world, "user")[MANY:] == [(f"user-0000{at}", "user", "changed") for at in (0, 2, 3)]
    users = world.connector.services.users
    assert users.values(Tenant(world.tenant), "user-00003") == {uri: VALUES[uri] for uri in (LAST_NAME, BIRTH_DATE)}
    assert totals(put(world, people(3, last_name="Other") | {"user-00001": VALUES})) == (3, 0, 0)


def test_a_dry_run_reports_the_effect_of_an_import(world: World) -> None:
    world.connector.rest()
    put(world, people(2))
    given = people(4, last_name="Other") | {"user-00001": VALUES}
    users = world.connector.services.users
    with statements() as sent:
        [planned] = users.rehearse(Tenant(world.tenant), given.items())
    assert {statement.split()[0] for statement in sent} <= {"SELECT", "PRAGMA", "BEGIN"}
    assert [planned] == put(world, given)
    assert (set(planned.added), set(planned.changed)) == ({"user-00002", "user-00003"}, {"user-00000"})


@pytest.mark.parametrize("changes", [{}, {"last_name": "Other"}, {"last_name": ""}], ids=["same", "other", "removed"])
def test_the_number_of_statements_does_not_grow_with_the_number_of_users(world: World, changes: dict[str, str]) -> None:
    world.connector.rest()
    numbers = []
    for size in (3, 300):
        with statements() as adding:
            put(world, people(size))
        with statements() as changing:
            put(world, people(size, **changes))
        numbers.append((len(adding), len(changing)))
        for user_id in people(3):
            world.connector.services.users.remove(Tenant(world.tenant), user_id)
    few, many = numbers
    assert many[0] - few[0] <= 4, "the rows of one statement are limited"
    assert many[1] - few[1] <= 4


def test_an_import_withdraws_claims_verified_for_another_value(world: World) -> None:
    callers = {name: world.add_user(name) for name in ("ann", "ben", "carl")}
    for caller in callers.values():
        world.outcome(world.start(caller))
        world.wait_until(lambda caller=caller: verified(caller.claims()) == set(MAPPING))  # type: ignore[misc]
    before = len(told(world, "user", "claim"))

    put(world, {"carl": VALUES | {LAST_NAME: "Other", BIRTH_DATE: ""}, "ben": VALUES, "ann": {GIVEN_NAME: "Anna"}})

    assert {name: set(MAPPING) - verified(caller.claims()) for name, caller in callers.items()} == {
        "ann": {GIVEN_NAME},
        "ben": set(),
        "carl": {LAST_NAME, BIRTH_DATE},
    }
    assert sorted(told(world, "user", "claim")[before:]) == [
        ("ann", "user", "changed"),
        ("carl", "user", "changed"),
        (BIRTH_DATE, "claim", "value_changed"),
        (GIVEN_NAME, "claim", "value_changed"),
        (LAST_NAME, "claim", "value_changed"),
    ]


def test_an_open_run_does_not_verify_a_value_changed_by_an_import(world: World) -> None:
    callers = {name: world.add_user(name) for name in ("ann", "ben")}
    runs = {name: world.start(caller) for name, caller in callers.items()}
    put(world, {"ben": VALUES | {LAST_NAME: "Other"}, "ann": VALUES})
    for name, run_id in runs.items():
        world.outcome(run_id)
        callers[name].verify(world.provider_id, "COMPLETED", headers={"Prefer": "wait=10"})
    assert verified(callers["ann"].claims()) == set(MAPPING)
    assert verified(callers["ben"].claims()) == set(MAPPING) - {LAST_NAME}


def test_concurrent_imports_in_other_orders_wait_for_each_other_and_lose_nothing(world: World) -> None:
    world.connector.rest()
    put(world, people(BATCH // 2))
    given = [dict(sorted(people(BATCH, last_name=f"L{at}").items(), reverse=at % 2 == 1)) for at in range(4)]

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda each: put(world, each), given))

    assert [totals(batches)[0] for batches in done] == [BATCH] * 4
    assert sum(totals(batches)[1] for batches in done) == BATCH - BATCH // 2, "each user was added once"
    last = {
        world.connector.services.users.values(Tenant(world.tenant), user_id)[LAST_NAME] for user_id in people(BATCH)
    }
    assert len(last) == 1, "the last one wrote all"
