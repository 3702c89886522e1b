"""Guests are removed after their retention, here and at Onfido; the statistics still count them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import String, cast, delete, func, literal, select, update

from connector.domain.statistics.counting import recounted_days
from connector.domain.tenancy import Tenant
from connector.services.batches import BATCH
from connector.services.daily_counts import DailyCounts
from connector.services.people.guests import Guests
from connector.store.models import claims, history, outbox, users, verification_claims, verifications
from tests.bodies import provider_body
from tests.contract.wire import PROVIDERS, answer_on
from tests.crowd import Place, settle
from tests.harness import ADMIN_SCOPES, World, verified
from tests.oidc.relying_party import UserBrowser, okta_claims, register, returned, run_of
from tests.services.jobbing import VALUES_SCOPE, done, result_of
from tests.values import MAPPING

DAY = 86_400
OTHER = "other.example"
SHORT = 7  # days, the shortest retention


def verify_guest(world: World) -> str:
    """Verify a guest; return the id that the connector has generated."""
    party = register(world)
    pushed, browser = party.push(), UserBrowser(party)
    browser.authorize(pushed)
    browser.start()
    run_id = run_of(world)
    world.outcome(run_id)
    returned(browser.follow(), pushed, party)
    [guest] = [each.user_id for each in world.verifications() if each.run_id == run_id]
    return guest


def begin_as_guest(world: World) -> str:
    """Begin a verification that stays open."""
    party = register(world)
    browser = UserBrowser(party)
    browser.authorize(party.push())
    browser.start()
    return world.verifications()[0].user_id


def elsewhere(world: World) -> World:
    """Return the same connector for another tenant, with a provider."""
    body = provider_body(world.simulator)
    provider_id = answer_on(world.connector.as_admin(OTHER).post(PROVIDERS, body), 201)["id"]
    return World(world.connector, world.simulator, world.clock, provider_id, "", OTHER)


def removals(world: World) -> list[tuple[str, str, str]]:
    """Return the audit entries of removed users: tenant, user, actor."""
    chosen = select(history.c.tenant, history.c.name, history.c.actor)
    with world.connector.services.database.read() as connection:
        rows = connection.execute(chosen.where(history.c.subject == "user", history.c.current == "removed")).all()
    return sorted(tuple(row) for row in rows)


def left_of(world: World, user_id: str) -> list[int]:
    """Return the number of a user's rows."""
    with world.connector.services.database.read() as connection:
        return [
            connection.execute(select(func.count()).select_from(table).where(table.c.user_id == user_id)).scalar_one()
            for table in (verifications, claims, users)
        ]


def guests_of(world: World, days: int, **options: Any) -> Guests:
    services = world.connector.services
    return Guests(services.database, services.tenants, services.users, timedelta(days=days), world.clock, **options)


def test_guests_are_removed_after_their_retention_and_users_stay(world: World) -> None:
    ann, other = world.add_user("ann"), elsewhere(world)
    lookalike = world.add_user("openid:ann")
    for user in (ann, lookalike):
        world.outcome(world.start(user))
    world.wait_until(lambda: verified(ann.claims()) == verified(lookalike.claims()) == set(MAPPING))
    guest, waiting, of_other = verify_guest(world), begin_as_guest(world), begin_as_guest(other)
    applicant_ids = {each.applicant_id for each in world.verifications() if each.user_id == guest}

    world.clock.advance(world.connector.settings.guest_retention_days * DAY - 3600)
    world.sweep()
    assert left_of(world, guest)[0] == left_of(world, waiting)[0] == 1
    assert removals(world) == []
    world.clock.advance(7200)
    world.sweep()

    for user_id in (guest, waiting, of_other):
        assert left_of(world, user_id) == [0, 0, 0]
    own = [(world.tenant, user_id, "retention") for user_id in (guest, waiting)]
    assert removals(world) == sorted([*own, (OTHER, of_other, "retention")])
    assert {each.user_id for each in world.verifications()} == {"ann", "openid:ann"}
    assert verified(ann.claims()) == verified(lookalike.claims()) == set(MAPPING)
    world.wait_until(lambda: deleted_at_onfido(world) >= applicant_ids)
    audit = world.connector.as_admin(OTHER).get("/api/server/v1/audit", params={"actor": "retention"})
    assert guest not in audit.text
    assert of_other in audit.text


def deleted_at_onfido(world: World) -> set[str | None]:
    with world.connector.services.database.read() as connection:
        done = outbox.c.kind == "delete_applicant", outbox.c.state == "done"
        return {each["applicant_id"] for each in connection.execute(select(outbox.c.payload).where(*done)).scalars()}


def test_a_guest_whose_values_onfido_refused_leaves_nothing(world: World) -> None:
    party = register(world)
    pushed = party.push(okta_claims({"given_name": "Ann", "family_name": "E", "birthdate": "soon"}))
    browser = UserBrowser(party)
    browser.authorize(pushed)
    returned(browser.press("start"), pushed, party)
    with world.connector.services.database.read() as connection:
        for table in (verifications, claims, users):
            assert connection.execute(select(table.c.user_id)).scalars().all() == [], table.name


def add_guests(world: World, number: int) -> Sequence[str]:
    """Insert verifications of guests over the last year; returns the ids of those that are too old."""
    place, database = Place(world.tenant, world.provider_id, "g"), world.connector.services.database
    beginning = literal(f"openid:{uuid.uuid4()}:00000000-0000-4000-8000-", String)
    before = world.clock() - timedelta(days=world.connector.settings.guest_retention_days)
    with database.write() as connection:
        settle(connection, place, number)
        for table in (verifications, claims):
            guest = beginning + cast(func.substr(table.c.user_id, len("g-") + 1), String)
            connection.execute(update(table).values(user_id=guest))
        for table in (users, outbox):
            connection.execute(delete(table))
        old = select(verifications.c.user_id).where(verifications.c.created_at < before)
        return connection.execute(old.order_by(verifications.c.user_id)).scalars().all()


def test_many_are_removed_by_several_workers_each_once_and_a_sweep_has_its_end(world: World) -> None:
    world.connector.rest()
    old = add_guests(world, 2 * BATCH - 100)
    assert len(old) > BATCH
    days = world.connector.settings.guest_retention_days
    guests_of(world, days, _seconds=0).remove_old()
    assert removals(world) == [], "the next sweep continues"

    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(guests_of(world, days, _seconds=300).remove_old) for _ in range(2)]:
            each.result()

    assert removals(world) == [(world.tenant, user_id, "retention") for user_id in old]
    with world.connector.services.database.read() as connection:
        left = connection.execute(select(verifications.c.user_id)).scalars().all()
        assert connection.execute(select(func.count()).select_from(verification_claims)).scalar_one() == len(left)
    assert len(left) == 2 * BATCH - 100 - len(old)
    assert set(left).isdisjoint(old)


def test_guests_of_a_removed_provider_are_left_to_its_deletion(world: World) -> None:
    world.connector.rest()
    old = add_guests(world, 10)
    world.connector.services.providers.remove(Tenant(world.tenant), world.provider_id, "admin")
    guests_of(world, world.connector.settings.guest_retention_days).remove_old()
    assert old
    assert removals(world) == []


@pytest.mark.parametrize("days", [SHORT, 90])
def test_the_numbers_of_removed_guests_stay(world: World, days: int) -> None:
    verify_guest(world)
    world.connector.rest()
    services = world.connector.services
    counts = DailyCounts(services.database, timedelta(days=30), recounted_days(days), world.clock)
    for step in (0, *[1] * (min(days, SHORT) + 2), max(0, days - SHORT)):
        world.clock.advance(step * DAY)
        for _ in range(4 if step > 1 else 1):  # as many passes as it takes after a pause
            counts.count_due()
        guests_of(world, days).remove_old()

    assert world.verifications() == []
    period = {"from": str((world.clock() - timedelta(days=days + 3)).date()), "to": str(world.clock().date())}
    admin = world.connector.as_admin(world.tenant)
    found = answer_on(admin.get("/api/server/v1/statistics", params={**period, "environment": "all"}), 200)
    assert [each["count"] for each in found["funnel"] if each["stage"] == "started"] == [1]
    assert sum(day["started"] for day in found["days"]) == 1


@pytest.mark.one_database
def test_a_guest_s_record_says_how_long_it_is_kept(world: World) -> None:
    world.add_user("ann")
    guest = verify_guest(world)
    admin = world.connector.caller("admin", [*ADMIN_SCOPES, VALUES_SCOPE], world.tenant)
    for user_id, is_kept in (
        (guest, f"{world.connector.settings.guest_retention_days} days after the start"),
        ("ann", "until"),
    ):
        record = json.loads(result_of(admin, done(world, admin, "user-record", {"userId": user_id})))
        kept = [row["kept"] for row in record["retention"] if "claims" in row["what"] or "Onfido" in row["what"]]
        assert len(kept) == 2
        assert all(each.startswith(is_kept) for each in kept)
