"""Watchlist monitors at Onfido: one for each verified user of a provider with this setting, and none for others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.bootstrap import Services
from connector.domain.tenancy import Tenant
from connector.errors import OnfidoError
from connector.services.announcements.monitor_announcement import (
    UpdateMonitor,
    UpdateMonitorsOfProvider,
    UpdateMonitorsOfUser,
)
from connector.services.application.watchlist_monitors import PAUSE, BusyError, WatchlistMonitors
from connector.services.outbox import Undeliverable
from connector.store.deliveries import watchlist_monitors as statements
from connector.store.dialect import from_now
from connector.store.models import providers, watchlist_monitors
from tests.bodies import event_body, provider_body
from tests.contract.wire import PROVIDERS, USERS, entry
from tests.harness import Caller, World, verified
from tests.onfido.conftest import Reply, ScriptedOnfido
from tests.services.ageing import let_pass
from tests.services.receiving import use_studio
from tests.services.test_outbox import LEASE_OVER
from tests.services.test_watchlist import applicant_of, correct, find_matches, monitor, onfido, verified_user
from tests.services.test_workers import worker
from tests.values import GIVEN_NAME, LAST_NAME, MAPPING

STANDARD, AML = "watchlist_standard", "watchlist_aml"
CREATE = "POST /watchlist_monitors"
GONE = {"error": {"type": "resource_not_found", "message": "No such resource"}}
KINDS = (UpdateMonitor.kind, UpdateMonitorsOfUser.kind, UpdateMonitorsOfProvider.kind)


def settled(world: World) -> None:
    """Wait until every delivery about monitors is done."""
    world.wait_until(lambda: not [row for row in rows(world, "ready") if row.kind in KINDS])
    assert [row.history for row in rows(world, "dead")] == []


def rows(world: World, state: str) -> list[Any]:
    return [row for row in world.connector.services.outbox.page((state,), 1000) if row.kind in KINDS]


def at_onfido(world: World, **query: str) -> list[dict[str, Any]]:
    """Return the monitors that are active at Onfido."""
    listed = "&".join(f"{name}={value}" for name, value in query.items())
    found: list[dict[str, Any]] = onfido(world, "GET", f"watchlist_monitors?{listed}")["monitors"]
    return found


def watched(world: World) -> list[tuple[str, str]]:
    """Return the monitored applicants at Onfido, with the report."""
    return sorted((each["applicant_id"], each["report_name"]) for each in at_onfido(world))


def recorded(world: World) -> dict[str, str | None]:
    """Return the ids of the recorded monitors, by user."""
    with world.connector.services.database.read() as connection:
        found = connection.execute(select(watchlist_monitors.c.user_id, watchlist_monitors.c.monitor_id))
        return {row.user_id: row.monitor_id for row in found}


@contextmanager
def scripted_onfido() -> Iterator[ScriptedOnfido]:
    """An Onfido that answers by script."""
    with ScriptedOnfido() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,))
        thread.start()
        try:
            yield server
        finally:
            server.stopped.set()
            server.shutdown()
            thread.join()


def lease_expires(world: World) -> None:
    with world.connector.services.database.write() as connection:
        connection.execute(update(watchlist_monitors).values(owner=None, lease_until=from_now(-1)))
    let_pass(world.connector.services.database, LEASE_OVER)


@pytest.fixture
def ann(world: World) -> Caller:
    """A verified user of a provider that monitors verified users."""
    use_studio(world, watchlistMonitor=STANDARD)
    return verified_user(world, "ann")


def test_a_user_who_becomes_verified_is_monitored_once(world: World, ann: Caller) -> None:
    settled(world)
    [monitored] = at_onfido(world)
    assert (monitored["applicant_id"], monitored["report_name"]) == (applicant_of(ann), STANDARD)
    assert monitored["tags"] == [f"idvp-connector:provider:{world.provider_id}"]
    assert recorded(world) == {"ann": monitored["id"]}
    correct(world, *MAPPING)
    settled(world)
    assert len(at_onfido(world, include_deleted="true")) == 1


@pytest.mark.one_database
def test_a_user_who_is_not_verified_is_not_monitored(world: World) -> None:
    use_studio(world, watchlistMonitor=STANDARD)
    ann = world.add_user("ann")
    run_id = world.start(ann)
    world.outcome(run_id, status="declined")
    world.wait_until(lambda: world.verifications("ann")[0].closed_at is not None)
    settled(world)
    assert (at_onfido(world, include_deleted="true"), recorded(world)) == ([], {})


@pytest.mark.one_database
def test_claims_not_judged_by_a_run_do_not_matter(world: World) -> None:
    use_studio(world, watchlistMonitor=AML)
    ann = world.add_user("ann")
    found = {"first_name": "clear", "last_name": "clear"}
    assert world.post_event(event_body(world.start(ann), "approved", found)).status_code == 200
    world.wait_until(lambda: verified(ann.claims()) == {GIVEN_NAME, LAST_NAME})
    settled(world)
    assert watched(world) == [(applicant_of(ann), AML)]


@pytest.mark.one_database
def test_a_finding_against_one_claim_leaves_the_user_without_monitor(world: World) -> None:
    use_studio(world, watchlistMonitor=AML)
    ann = world.add_user("ann")
    found = {"first_name": "clear", "last_name": "consider"}
    assert world.post_event(event_body(world.start(ann), "approved", found)).status_code == 200
    world.wait_until(lambda: verified(ann.claims()) == {GIVEN_NAME})
    settled(world)
    assert at_onfido(world, include_deleted="true") == []


def withdraw_by_correction(world: World) -> None:
    admin = world.connector.as_admin(world.tenant)
    body = [entry(world.provider_id, GIVEN_NAME) | {"isVerified": False}]
    assert admin.put(f"{USERS}/ann/idv/claims", body).status_code == 201


def withdraw_by_value(world: World) -> None:
    world.connector.services.users.change(Tenant(world.tenant), "ann", {GIVEN_NAME: "Anna"})


def withdraw_by_match(world: World) -> None:
    use_studio(world, watchlistMonitor=STANDARD, unverifyOnMatch=True)
    find_matches(world, str(recorded(world)["ann"]))
    world.wait_until(lambda: verified(world.connector.as_user("ann", world.tenant).claims()) == set())


def withdraw_by_run(world: World) -> None:
    withdraw_by_correction(world)
    correct(world, GIVEN_NAME)
    world.connector.services.users.change(Tenant(world.tenant), "ann", {LAST_NAME: "Other"})
    run_id = world.start(world.connector.as_user("ann", world.tenant))
    assert world.post_event(event_body(run_id, "declined", {"first_name": "consider"})).status_code == 200


def withdraw_by_setting(world: World) -> None:
    use_studio(world)


def withdraw_by_removal(world: World) -> None:
    world.connector.services.users.remove(Tenant(world.tenant), "ann")


@pytest.mark.parametrize(
    "withdraw",
    [
        withdraw_by_correction,
        withdraw_by_value,
        withdraw_by_match,
        withdraw_by_run,
        withdraw_by_setting,
        withdraw_by_removal,
    ],
)
def test_the_monitor_is_ended_once_the_user_is_no_longer_verified(world: World, ann: Caller, withdraw: Any) -> None:
    settled(world)
    assert len(at_onfido(world)) == 1
    withdraw(world)
    settled(world)
    assert (at_onfido(world), recorded(world)) == ([], {})
    assert at_onfido(world, include_deleted="true")


@pytest.mark.one_database
def test_a_user_who_is_verified_again_is_monitored_again(world: World, ann: Caller) -> None:
    settled(world)
    withdraw_by_correction(world)
    settled(world)
    correct(world, GIVEN_NAME)
    settled(world)
    assert watched(world) == [(applicant_of(ann), STANDARD)]
    assert len(at_onfido(world, include_deleted="true")) == 2


def test_the_setting_applies_to_users_who_are_already_verified(world: World) -> None:
    ann, bea = (verified_user(world, name) for name in ("ann", "bea"))
    world.add_user("cid")
    assert rows(world, "done") == []
    use_studio(world, watchlistMonitor=STANDARD)
    settled(world)
    assert watched(world) == sorted((applicant_of(each), STANDARD) for each in (ann, bea))
    before = len(rows(world, "done"))
    use_studio(world, watchlistMonitor=STANDARD, tags=["other"])
    settled(world)
    assert len(rows(world, "done")) == before + 1, "only monitors that the setting changes are updated"
    use_studio(world, watchlistMonitor=AML)
    settled(world)
    assert watched(world) == sorted((applicant_of(each), AML) for each in (ann, bea))
    use_studio(world)
    settled(world)
    assert (at_onfido(world), recorded(world)) == ([], {})


@pytest.mark.one_database
def test_many_users_are_updated_page_by_page(world: World) -> None:
    callers = [verified_user(world, f"user-{number}") for number in range(5)]
    services = world.connector.services
    world.connector.rest()
    use_studio(world, watchlistMonitor=STANDARD)
    monitors = WatchlistMonitors(services.database, services.onfido, page_size=2)
    order = UpdateMonitorsOfProvider(world.tenant, world.provider_id, None)
    pages = []
    for _ in range(3):
        before = {row.delivery_id for row in rows(world, "ready")}
        monitors.update_of_provider(order)
        queued = [row for row in rows(world, "ready") if row.delivery_id not in before]
        pages.append(sorted(row.payload["user_id"] for row in queued if row.kind == UpdateMonitor.kind))
        following = [row for row in queued if row.kind == UpdateMonitorsOfProvider.kind]
        assert [row.due_at - row.created_at >= timedelta(seconds=PAUSE) for row in following] == [True] * len(following)
        order = replace(order, position=pages[-1][-1])
    assert pages == [["user-0", "user-1"], ["user-2", "user-3"], ["user-4"]]
    assert not following
    for user_id in [each for page in pages for each in page]:
        monitors.update(UpdateMonitor(world.tenant, world.provider_id, user_id))
    assert watched(world) == sorted((applicant_of(each), STANDARD) for each in callers)


def test_users_whose_monitors_match_are_passed_slice_by_slice(world: World) -> None:
    names = ("B", "a", "b", "C", "ä", "z")
    for name in names:
        verified_user(world, name)
    use_studio(world, watchlistMonitor=STANDARD)
    settled(world)
    services = world.connector.services
    world.connector.rest()
    lost = sorted(names)[-1]
    with services.database.write() as connection:
        connection.execute(
            update(watchlist_monitors).values(report_name=AML).where(watchlist_monitors.c.user_id == lost)
        )
    monitors = WatchlistMonitors(services.database, services.onfido, page_size=1, slice_size=2)
    queued, positions = [], [""]

    while len(set(positions)) == len(positions):
        before = {row.delivery_id for row in rows(world, "ready")}
        monitors.update_of_provider(UpdateMonitorsOfProvider(world.tenant, world.provider_id, None, positions[-1]))
        added = [row for row in rows(world, "ready") if row.delivery_id not in before]
        queued += [row.payload["user_id"] for row in added if row.kind == UpdateMonitor.kind]
        following = [row.payload["position"] for row in added if row.kind == UpdateMonitorsOfProvider.kind]
        if not following:
            break
        positions += following

    assert (queued, following) == ([lost], [])
    assert len(positions) > len(names) / 2, "users whose monitors match are passed as well"


def test_a_new_applicant_takes_over_the_monitor(world: World, ann: Caller) -> None:
    settled(world)
    old = applicant_of(ann)
    withdraw_by_value(world)
    onfido(world, "DELETE", f"applicants/{old}")
    world.outcome(world.start(ann))
    world.wait_until(lambda: GIVEN_NAME in verified(ann.claims()))
    settled(world)
    [monitored] = at_onfido(world)
    assert monitored["applicant_id"] not in ("", old)
    assert recorded(world) == {"ann": monitored["id"]}


@pytest.mark.one_database
def test_monitors_of_other_systems_are_left_unchanged(world: World, ann: Caller) -> None:
    settled(world)
    foreign = monitor(world, applicant_of(ann))
    withdraw_by_correction(world)
    settled(world)
    assert [each["id"] for each in at_onfido(world)] == [foreign]


@pytest.mark.one_database
def test_a_monitor_missing_at_onfido_counts_as_ended(world: World, ann: Caller) -> None:
    settled(world)
    onfido(world, "DELETE", f"watchlist_monitors/{recorded(world)['ann']}")
    world.faults(route="DELETE /watchlist_monitors/{monitor_id}", failed=0)
    withdraw_by_correction(world)
    settled(world)
    assert recorded(world) == {}


@pytest.mark.parametrize("fault", ["dropped_after", "failed_after"])
def test_a_lost_answer_creates_no_second_monitor(world: World, fault: str) -> None:
    world.faults(route=CREATE, **{fault: 1})
    use_studio(world, watchlistMonitor=STANDARD)
    ann = verified_user(world, "ann")
    world.wait_until(lambda: any(row.history for row in rows(world, "ready")))
    assert recorded(world) == {"ann": None}
    lease_expires(world)
    settled(world)
    [monitored] = at_onfido(world, include_deleted="true")
    assert (recorded(world), monitored["applicant_id"]) == ({"ann": monitored["id"]}, applicant_of(ann))


def test_a_user_no_longer_verified_after_a_lost_answer_is_not_monitored(world: World) -> None:
    world.faults(route=CREATE, dropped_after=1)
    use_studio(world, watchlistMonitor=STANDARD)
    verified_user(world, "ann")
    world.wait_until(lambda: any(row.history for row in rows(world, "ready")))
    withdraw_by_correction(world)
    lease_expires(world)
    settled(world)
    assert (at_onfido(world), recorded(world)) == ([], {})


def test_killed_workers_leave_one_monitor(world: World, tmp_path: Path) -> None:
    world.connector.rest()
    use_studio(world, watchlistMonitor=STANDARD)
    ann = verified_user(world, "ann")
    world.faults(route=CREATE, latency_ms=700)
    for delay in (0.3, 0.8):
        with worker(world.connector.settings, tmp_path / "notes") as process:
            world.wait_until(lambda: is_begun(world))
            time.sleep(delay)
            process.kill()
            process.wait(60)
        world.wait_until(lambda: has_created(world))  # a lease lasts longer than a call to Onfido
        lease_expires(world)
    with worker(world.connector.settings, tmp_path / "notes"):
        settled(world)
        [monitored] = at_onfido(world)
        assert (monitored["applicant_id"], recorded(world)) == (applicant_of(ann), {"ann": monitored["id"]})
        withdraw_by_correction(world)
        settled(world)
    assert (at_onfido(world), recorded(world)) == ([], {})


def has_created(world: World) -> bool:
    """Whether Onfido has answered all requests for monitors that it has received."""
    requested = int(world.onfido_state()["requests"].get(CREATE, 0))
    return len(at_onfido(world, include_deleted="true")) == requested


def is_begun(world: World) -> bool:
    """Whether the monitor is being created or was created: on a busy machine the kill may come later."""
    known = recorded(world)
    return bool(known.get("ann")) or (known == {"ann": None} and not recorded_is_free(world))


def recorded_is_free(world: World) -> bool:
    """Whether no delivery has a lease on any monitor."""
    with world.connector.services.database.read() as connection:
        return connection.execute(select(watchlist_monitors).where(watchlist_monitors.c.owner != "")).first() is None


@pytest.mark.one_database
def test_an_outage_delays_the_delivery(world: World) -> None:
    world.faults(route=CREATE, throttled=-1)
    use_studio(world, watchlistMonitor=STANDARD)
    ann = verified_user(world, "ann")
    world.wait_until(lambda: any(row.history for row in rows(world, "ready")))
    assert at_onfido(world) == []
    world.faults(throttled=0)
    let_pass(world.connector.services.database, timedelta(minutes=5))
    settled(world)
    assert watched(world) == [(applicant_of(ann), STANDARD)]


@pytest.mark.one_database
def test_a_refused_delivery_is_dead_with_advice(world: World) -> None:
    use_studio(world, watchlistMonitor=STANDARD)
    world.connector.rest()
    ann = world.add_user("ann")
    world.outcome(world.start(ann))
    world.wait_until(lambda: verified(ann.claims()) == set(MAPPING))
    onfido(world, "DELETE", f"applicants/{applicant_of(ann)}")
    world.connector.deliver()
    world.wait_until(lambda: bool(rows(world, "dead")))
    [dead] = rows(world, "dead")
    assert "ask Onfido to switch on watchlist monitoring" in dead.history[-1]["reason"]
    assert at_onfido(world, include_deleted="true") == []


def test_monitors_of_a_removed_provider_are_named_to_the_operator(world: World, ann: Caller) -> None:
    settled(world)
    services = world.connector.services
    services.providers.remove(Tenant(world.tenant), world.provider_id)
    world.wait_until(lambda: bool(rows(world, "dead")))
    [dead] = rows(world, "dead")
    assert (
        "1 of its watchlist monitors may still run at Onfido: end those with the tag idvp-connector:provider:"
        in (dead.history[-1]["reason"])
    )
    assert recorded(world) == {}
    with pytest.raises(Undeliverable, match="The provider was removed"):
        WatchlistMonitors(services.database, services.onfido).update(
            UpdateMonitor(world.tenant, world.provider_id, "ann")
        )
    assert recorded(world) == {"ann": None}
    services.deliveries.retry(Tenant(world.tenant), dead.delivery_id)
    world.wait_until(lambda: not rows(world, "ready"))
    assert recorded(world) == {}


def test_another_tenant_is_not_affected(world: World, ann: Caller) -> None:
    settled(world)
    elsewhere = World(world.connector, world.simulator, world.clock, tenant="elsewhere")
    body = provider_body(world.simulator)
    made = world.connector.as_admin("elsewhere").post(PROVIDERS, body).json()
    elsewhere.provider_id = made["id"]
    other = elsewhere.add_user("ann")
    admin = world.connector.as_admin("elsewhere")
    assert admin.post(f"{USERS}/ann/idv/claims", [entry(elsewhere.provider_id, GIVEN_NAME)]).status_code == 201
    assert other.claims()
    world.connector.services.users.remove(Tenant("elsewhere"), "ann")
    settled(world)
    assert len(at_onfido(world)) == 1
    assert [row for row in rows(world, "done") if row.tenant == "elsewhere"] == []


def test_concurrent_changes_end_in_the_latest_state(world: World, ann: Caller) -> None:
    settled(world)
    services = world.connector.services
    world.connector.rest()
    world.faults(route=CREATE, latency_ms=100)

    def deliver_all(name: str) -> None:
        while any(row.kind in KINDS for row in services.outbox.page(("ready",), 100)):
            services.outbox.work(name)
            time.sleep(0.02)

    with ThreadPoolExecutor(3) as pool:
        for number in range(4):
            (withdraw_by_correction if number % 2 == 0 else verify_again)(world)
        list(pool.map(deliver_all, ("first", "second", "third")))
        assert len(at_onfido(world)) == 1
        withdraw_by_correction(world)
        verify_again(world)
        withdraw_by_correction(world)
        list(pool.map(deliver_all, ("first", "second", "third")))
    assert (at_onfido(world), recorded(world)) == ([], {})


def verify_again(world: World) -> None:
    correct(world, GIVEN_NAME)


def of_ann(world: World) -> tuple[Services, WatchlistMonitors, UpdateMonitor]:
    """Return what makes the delivery for ann by hand, once all others have been made."""
    settled(world)
    services = world.connector.services
    order = UpdateMonitor(world.tenant, world.provider_id, "ann")
    return services, WatchlistMonitors(services.database, services.onfido), order


@pytest.mark.one_database
def test_an_applicant_missing_at_onfido_is_not_monitored(world: World, ann: Caller) -> None:
    services, monitors, order = of_ann(world)
    world.connector.rest()
    with scripted_onfido() as scripted:
        with services.database.write() as connection:
            connection.execute(update(providers).values(base_url=scripted.base_url))
            connection.execute(update(watchlist_monitors).values(applicant_id="another"))
        scripted.answers(Reply(404, GONE), Reply(404, GONE), Reply(404, GONE))
        monitors.update(order)
        assert [request.method for request in scripted.received] == ["GET", "DELETE", "GET"]
        assert recorded(world) == {}
        scripted.answers(Reply(403, GONE))
        with pytest.raises(OnfidoError):
            monitors.update(order)
        assert recorded(world) == {"ann": None}


@pytest.mark.one_database
def test_a_delivery_whose_lease_was_taken_over_meanwhile_is_retried(world: World, ann: Caller) -> None:
    services, monitors, order = of_ann(world)
    world.connector.rest()
    withdraw_by_correction(world)
    world.faults(route="GET /watchlist_monitors", latency_ms=60_000)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(monitors.update, order)
        world.wait_until(lambda: not recorded_is_free(world))
        with services.database.write() as connection:
            connection.execute(update(watchlist_monitors).values(owner="another"))
        world.faults(latency_ms=0)
        with pytest.raises(BusyError):
            late.result(60)
    assert list(recorded(world)) == ["ann"]


def test_a_delivery_that_lost_its_lease_is_retried(world: World, ann: Caller) -> None:
    services, monitors, order = of_ann(world)
    with services.database.write() as connection:
        turn = statements.take(connection, world.tenant, world.provider_id, "ann", "another", 60)
        assert turn
    with pytest.raises(BusyError):
        monitors.update(order)
    lease_expires(world)
    monitors.update(order)
    with services.database.write() as connection:
        assert not statements.release(connection, turn, "late")
        assert turn.target
        assert not statements.announce(connection, turn, turn.target)
    assert len(at_onfido(world)) == 1
