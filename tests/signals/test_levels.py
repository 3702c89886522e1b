"""The events of streams about users' levels: raised, lowered, at a user's removal, and never twice."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.domain.audit.history import CLAIM, Change
from connector.domain.openid.flow import guest_of
from connector.domain.signals import LEVEL_CHANGE
from connector.domain.tenancy import Tenant
from connector.services.announcements.signal_announcement import AnnounceLevel, SignalAnnouncement
from connector.services.removals import FinishRemovals, Removals
from connector.services.signals.levels import PAGE, SeedLevels
from connector.store.deliveries import outbox as outbox_rows
from connector.store.models import claims, outbox, signal_events, signal_levels, signal_subjects
from tests.bodies import event_body
from tests.contract.wire import PROVIDERS, USERS
from tests.harness import World
from tests.races.attack import ALL_CLEAR
from tests.services.environments import LIVE, SANDBOX, use
from tests.services.receiving import rows_of, wait_for
from tests.services.removing import rows_left
from tests.signals.receiver import HIGH, LOW, STREAMS, Receiver, as_client, connect, level_of, verify_by_hand
from tests.values import GIVEN_NAME, LAST_NAME

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GUEST = guest_of(str(uuid.uuid4()), str(uuid.uuid4()))
TABLES = (signal_levels, signal_events, signal_subjects)


def levels(world: World, receiver: Receiver, number: int) -> list[tuple[str, str | None, str]]:
    """Wait for this number of events, and return their levels."""
    events: list[dict[str, Any]] = []

    def has_come() -> bool:
        events[:] = receiver.events()
        return len(events) >= number

    world.wait_until(has_come)
    return [level_of(each) for each in events]


def test_a_level_is_signalled_when_a_user_becomes_verified_and_when_no_longer(world: World) -> None:
    receiver = connect(as_client(world.connector))
    ann = world.add_user()
    body = event_body(world.start(ann), "approved", ALL_CLEAR)
    assert world.post_event(body).ok
    assert levels(world, receiver, 1) == [("ann", LOW, HIGH)]
    [event] = receiver.events()
    assert event["events"][LEVEL_CHANGE]["change_direction"] == "increase"
    assert event["sub_id"] == {"format": "iss_sub", "iss": receiver.stream["iss"], "sub": "ann"}

    assert world.put_user("ann", {GIVEN_NAME: "Anna"}) is False
    assert levels(world, receiver, 2)[1:] == [("ann", HIGH, LOW)]
    assert receiver.events()[1]["events"][LEVEL_CHANGE]["change_direction"] == "decrease"


def test_a_level_falls_when_the_credentials_leave_the_sandbox_that_verified_the_user(world: World) -> None:
    receiver = connect(as_client(world.connector))
    use(world, SANDBOX)
    assert world.post_event(event_body(world.start(world.add_user()), "approved", ALL_CLEAR)).ok
    assert levels(world, receiver, 1) == [("ann", LOW, HIGH)]

    use(world, LIVE)

    assert levels(world, receiver, 2)[1:] == [("ann", HIGH, LOW)]


def test_a_user_reaches_the_level_when_all_claims_of_a_provider_are_verified(world: World) -> None:
    receiver = connect(as_client(world.connector))
    seed(world)
    world.add_user()
    verify_by_hand(world, "ann", is_verified=False, uri=LAST_NAME)
    verify_by_hand(world, "ann")
    verify_by_hand(world, "ann", uri=LAST_NAME)
    assert levels(world, receiver, 1) == [("ann", LOW, HIGH)]
    verify_by_hand(world, "ann", is_verified=False)
    assert levels(world, receiver, 2) == [("ann", LOW, HIGH), ("ann", HIGH, LOW)]
    verify_by_hand(world, "ann", uri=LAST_NAME, is_verified=False)
    settle(world)
    assert len(receiver.events()) == 2, "the level is the same"


@pytest.mark.parametrize("status", ["declined", "abandoned", "review"])
def test_a_first_result_that_verifies_nothing_lowers_the_level_of_a_verified_user(world: World, status: str) -> None:
    """The user is verified by one claim, and then needs another."""
    receiver = connect(as_client(world.connector))
    ann = world.add_user()
    verify_by_hand(world, "ann")
    assert levels(world, receiver, 1) == [("ann", LOW, HIGH)]
    world.outcome(world.start(ann, [LAST_NAME]), status=status)
    assert levels(world, receiver, 2) == [("ann", LOW, HIGH), ("ann", HIGH, LOW)]


def test_a_removed_user_ends_at_the_lower_level_and_leaves_no_other_rows(world: World) -> None:
    receiver = connect(as_client(world.connector))
    world.add_user()
    verify_by_hand(world, "ann")
    assert levels(world, receiver, 1) == [("ann", LOW, HIGH)]

    admin = world.connector.caller("admin", ["internal_idv_claim_delete"])
    assert admin.request("DELETE", f"{USERS}/ann/idv").status_code == 204

    world.wait_until(lambda: [level_of(each) for each in receiver.events()] == [("ann", HIGH, LOW)])
    [last] = receiver.poll()["sets"]
    receiver.poll(ack=[last])
    assert users_in_rows(world) == set()


def test_a_user_removed_without_a_stream_leaves_no_level(world: World) -> None:
    receiver = connect(as_client(world.connector))
    world.add_user()
    verify_by_hand(world, "ann")
    levels(world, receiver, 1)
    assert receiver.caller.request("DELETE", STREAMS, params={"stream_id": receiver.stream_id}).status_code == 204
    assert users_in_rows(world) == set(), "with the last stream, the levels are forgotten"
    world.connector.services.users.remove(Tenant(world.tenant), "ann")
    assert not rows_of(world, "tell_level", ("ready",)), "without a stream, nothing is queued"


def test_the_levels_of_a_removed_providers_users_end(world: World) -> None:
    receiver = connect(as_client(world.connector))
    for user_id in ("ann", "bea"):
        world.add_user(user_id)
        verify_by_hand(world, user_id)
    assert sorted(levels(world, receiver, 2)) == [("ann", LOW, HIGH), ("bea", LOW, HIGH)]
    assert world.connector.as_admin().request("DELETE", f"{PROVIDERS}/{world.provider_id}").status_code == 204
    assert sorted(levels(world, receiver, 4)[2:]) == [("ann", HIGH, LOW), ("bea", HIGH, LOW)]


def test_users_removed_before_their_levels_are_noted_end_at_the_lower_level(world: World) -> None:
    """Levels are recorded shortly after a tenant's first stream was created: no change before that is lost."""
    for user_id in ("ann", "bea", "cid"):
        world.add_user(user_id)
        verify_by_hand(world, user_id)
    verify_by_hand(world, "cid", uri=LAST_NAME, is_verified=False)  # so cid is not verified
    with world.connector.services.database.write() as connection:
        connection.execute(claims.insert(), claim_of(world, GUEST))
    settle(world)
    receiver = connect(as_client(world.connector))
    admin = world.connector.caller("admin", ["internal_idv_claim_delete"])
    assert admin.request("DELETE", f"{USERS}/ann/idv").status_code == 204
    assert levels(world, receiver, 1) == [("ann", HIGH, LOW)]
    assert world.connector.as_admin().request("DELETE", f"{PROVIDERS}/{world.provider_id}").status_code == 204
    assert levels(world, receiver, 2)[1:] == [("bea", HIGH, LOW)]
    settle(world)
    assert len(receiver.events()) == 2
    seed(world)
    assert users_in_rows(world) == {"ann", "bea"}, "these are the events that are not confirmed yet"


def test_removed_users_of_a_tenant_without_a_stream_are_not_noted(world: World) -> None:
    connect(as_client(world.connector, tenant="other.example"))
    world.add_user()
    verify_by_hand(world, "ann")
    world.connector.services.users.remove(Tenant(world.tenant), "ann")
    assert users_in_rows(world) == set()


@pytest.mark.one_database
def test_many_users_are_processed_page_by_page(world: World) -> None:
    receiver = connect(as_client(world.connector))
    with world.connector.services.database.write() as connection:
        connection.execute(claims.insert(), [claim_of(world, f"user-{number:04}") for number in range(PAGE)])
    seed(world)
    wait_for(world, "seed_levels", "done", 2)
    assert len(users_in_rows(world)) == PAGE
    assert receiver.events() == []
    connect(as_client(world.connector, "other"))
    assert len(rows_of(world, "seed_levels")) == 2, "of a tenant with a stream, the levels are known"
    assert world.connector.as_admin().request("DELETE", f"{PROVIDERS}/{world.provider_id}").status_code == 204
    world.wait_until(lambda: not rows_of(world, "tell_levels", ("ready",)) and settled(world))
    service = world.connector.services.signal_streams
    assert service.get(Tenant(world.tenant), receiver.stream_id).waiting == PAGE


@pytest.mark.one_database
def test_users_of_a_removed_provider_are_noted_before_their_claims_are_deleted(world: World) -> None:
    services = world.connector.services
    with services.database.write() as connection:
        connection.execute(claims.insert(), [claim_of(world, f"user-{number:04}") for number in range(PAGE)])
    receiver = connect(as_client(world.connector))
    world.connector.rest()
    assert world.connector.as_admin().request("DELETE", f"{PROVIDERS}/{world.provider_id}").status_code == 204
    Removals(services.database).finish(FinishRemovals())
    assert rows_left(services.database, world.provider_id)["claims"] == PAGE
    world.connector.deliver()
    wait_for(world, "note_levels", "done", 2)
    settle(world)
    world.wait_until(lambda: rows_left(services.database, world.provider_id) == {})
    assert services.signal_streams.get(Tenant(world.tenant), receiver.stream_id).waiting == PAGE


def test_an_order_without_a_waiting_stream_notes_no_user(world: World) -> None:
    world.add_user()
    verify_by_hand(world, "ann")
    with world.connector.services.database.write() as connection:
        outbox_rows.add_all(connection, [AnnounceLevel(world.tenant, "ann"), SeedLevels(world.tenant)])
    wait_for(world, "tell_level", "done")
    wait_for(world, "seed_levels", "done")
    assert users_in_rows(world) == set()


def test_users_verified_before_the_first_stream_are_known(world: World) -> None:
    for user_id in ("ann", "bea"):
        world.add_user(user_id)
        verify_by_hand(world, user_id)
    world.add_user("cid")
    verify_by_hand(world, "cid", is_verified=False)
    verify_by_hand(world, "cid", uri=LAST_NAME)
    receiver = connect(as_client(world.connector))
    verify_by_hand(world, "ann", is_verified=False)
    assert levels(world, receiver, 1) == [("ann", None, LOW)], "the former level is not stored yet"
    settle(world)

    seed(world)
    assert users_in_rows(world) == {"ann", "bea"}
    verify_by_hand(world, "bea", is_verified=False)
    verify_by_hand(world, "cid", uri=LAST_NAME, is_verified=False)
    assert levels(world, receiver, 2)[1:] == [("bea", HIGH, LOW)]
    settle(world)
    assert len(receiver.events()) == 2, "cid was never verified as a whole"


def hold_levels(world: World, seconds: float) -> None:
    """Postpone the deliveries that announce levels, or make them due."""
    values = {"due_at": world.clock() + timedelta(seconds=seconds)}
    with world.connector.services.database.write() as connection:
        connection.execute(update(outbox).where(outbox.c.kind == AnnounceLevel.kind).values(values))


def test_changes_that_the_recording_of_levels_overtakes_are_announced(world: World) -> None:
    for user_id in ("ann", "bea", "cid", "dee"):
        world.add_user(user_id)
    verify_by_hand(world, "bea")
    verify_by_hand(world, "cid")
    receiver = connect(as_client(world.connector))
    world.connector.rest()
    verify_by_hand(world, "ann")
    verify_by_hand(world, "bea", is_verified=False)
    for is_verified in (False, True):
        verify_by_hand(world, "cid", is_verified=is_verified)
    for is_verified in (True, False, True):
        verify_by_hand(world, "dee", is_verified=is_verified)
    hold_levels(world, 3600)
    world.connector.deliver()
    seed(world)
    assert receiver.events() == []
    assert users_in_rows(world) == {"cid"}, "the level before its first change"

    hold_levels(world, -1)
    settle(world)
    assert sorted(map(level_of, receiver.events())) == [("ann", LOW, HIGH), ("bea", None, LOW), ("dee", LOW, HIGH)]
    world.wait_until(lambda: not rows_of(world, "seed_levels", ("ready",)))
    for user_id in ("ann", "cid", "dee"):
        verify_by_hand(world, user_id, is_verified=False)
    verify_by_hand(world, "bea")
    fallen = [(user_id, HIGH, LOW) for user_id in ("ann", "cid", "dee")]
    assert sorted(levels(world, receiver, 7)[3:]) == sorted([*fallen, ("bea", LOW, HIGH)])


def test_a_stream_contains_the_users_named_by_its_receiver(world: World) -> None:
    everyone, some = connect(as_client(world.connector)), connect(as_client(world.connector, "other"))
    issuer = everyone.stream["iss"]
    for format_ in ({"format": "opaque", "id": "ann"}, {"format": "iss_sub", "iss": issuer, "sub": "bea"}):
        answer = some.caller.post("/ssf/subjects/remove", {"stream_id": some.stream_id, "subject": format_})
        assert answer.status_code == 204, answer.text
    bea = {"stream_id": some.stream_id, "subject": {"format": "opaque", "id": "bea"}}
    assert some.caller.post("/ssf/subjects/add", bea).status_code == 200
    for user_id in ("ann", "bea", "cid"):
        world.add_user(user_id)
        verify_by_hand(world, user_id)
    assert sorted(each[0] for each in levels(world, everyone, 3)) == ["ann", "bea", "cid"]
    assert sorted(each[0] for each in levels(world, some, 2)) == ["bea", "cid"]
    assert {each["txn"] for each in some.events()} <= {each["txn"] for each in everyone.events()}


def test_a_second_tenant_receives_no_signals(world: World) -> None:
    mine, theirs = connect(as_client(world.connector)), connect(as_client(world.connector, tenant="acme"))
    assert theirs.stream["iss"] == f"{world.connector.url}/t/acme"
    world.add_user()
    verify_by_hand(world, "ann")
    levels(world, mine, 1)
    settle(world)
    assert theirs.poll() == {"sets": {}, "moreAvailable": False}


@pytest.mark.one_database
def test_a_guest_of_the_openid_provider_is_not_a_subject() -> None:
    change = Change(NOW, "t", CLAIM, "verified", "event", name=GIVEN_NAME, user_id=GUEST)
    assert not SignalAnnouncement().wants(change)
    assert SignalAnnouncement().wants(replace(change, user_id="ann"))


def settle(world: World) -> None:
    """Wait until all levels were compared."""
    world.wait_until(lambda: settled(world))


def settled(world: World) -> bool:
    return not rows_of(world, "tell_level", ("ready",))


def claim_of(world: World, user_id: str) -> dict[str, Any]:
    """Return the row of a verified claim."""
    row = {"id": str(uuid.uuid4()), "user_id": user_id, "tenant": world.tenant, "provider_id": world.provider_id}
    return row | {"uri": GIVEN_NAME, "is_verified": True, "metadata": {}, "created_at": NOW, "updated_at": NOW}


def seed(world: World) -> None:
    """Make the recording of levels due, and wait for it."""
    with world.connector.services.database.write() as connection:
        connection.execute(update(outbox).where(outbox.c.kind == "seed_levels").values(due_at=outbox.c.created_at))
    wait_for(world, "seed_levels", "done")


def users_in_rows(world: World) -> set[str]:
    """Return the users in the tables of signals."""
    with world.connector.services.database.read() as connection:
        ids = [set(connection.execute(select(table.c.user_id)).scalars()) for table in TABLES]
    return set().union(*ids)
