"""Refusals to known callers are in the audit trail, up to a limit: no caller can fill it."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from connector.domain.audit.history import Change
from connector.domain.tenancy import Tenant
from connector.errors import Code, RequestError
from connector.services.journal import Journal
from connector.services.refusals.refusal_limit import MOST, MOST_LOOKS, MOST_LOOKS_OF_ALL, RefusalLimit
from connector.services.refusals.refusal_record import RefusalRecord
from connector.services.starting.refusals import Refusals, StartRequest
from connector.store.models import history
from tests.bodies import provider_body
from tests.harness import Caller, World, as_actor

AUDIT = "/api/server/v1/audit"
PROVIDERS = "/api/server/v1/idv-providers"
USERS = "/api/users/v1"


def refused(world: World, tenant: str | None = None, **query: str) -> list[dict[str, Any]]:
    auditor = world.connector.caller("auditor", ["internal_idv_audit_view"], tenant or world.tenant)
    answer = auditor.get(AUDIT, params={"outcome": "refused", "limit": 1000, **query})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


def stored(world: World) -> int:
    with world.connector.services.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(history)).scalar_one())


@pytest.fixture
def mallory(world: World) -> Caller:
    world.clock.stop()
    return world.connector.caller("mallory", ["internal_idvp_view", "internal_login"])


def test_a_missing_scope_is_recorded_with_the_operation_and_the_scope(world: World, mallory: Caller) -> None:
    path = f"{PROVIDERS}/{world.provider_id}"
    answer = mallory.request("DELETE", path, headers={"X-Correlation-ID": "trace-of-mallory"})
    assert answer.status_code == 403

    [entry] = refused(world)
    assert (entry["subject"], entry["to"], entry["outcome"]) == ("request", "HTTP-403", "refused")
    assert (entry["name"], entry["providerId"]) == (f"DELETE {PROVIDERS}/<provider_id>", world.provider_id)
    assert (entry["actor"], entry["channel"], entry["traceId"]) == (as_actor("mallory"), "api", "trace-of-mallory")
    assert entry["address"] == "127.0.0.1"
    assert entry["detail"] == {"reason": "The token lacks the scope internal_idvp_delete."}
    assert refused(world, object=world.provider_id) == refused(world, actor="mallory") == [entry]


@pytest.mark.parametrize("scope", ["internal_idvp_view", "internal_idv_claim_view", "internal_login"])
def test_a_missing_scope_of_readers_and_users_is_recorded(world: World, scope: str) -> None:
    caller = world.connector.caller("reader", [scope])
    path = PROVIDERS if scope != "internal_idvp_view" else f"{USERS}/ann/idv/claims"
    assert caller.get(path).status_code == 403
    assert [each["actor"] for each in refused(world)] == [as_actor("reader")]


def test_a_refused_change_is_recorded_with_the_code(world: World) -> None:
    admin = world.connector.as_admin()
    assert admin.put(f"{PROVIDERS}/{world.provider_id}", provider_body(world.simulator, name="")).status_code == 400
    assert admin.post(PROVIDERS, provider_body(world.simulator)).status_code == 409
    assert admin.request("DELETE", f"{USERS}/nobody/idv").status_code == 403
    assert admin.post(f"{USERS}/nobody/idv/unlock", None).status_code == 404
    assert [(each["to"], each["userId"]) for each in refused(world)] == [
        ("IDV-10001", "nobody"),
        ("HTTP-403", "nobody"),
        ("IDVP-60001", None),
        ("IDVP-60002", None),
    ]
    assert refused(world)[2]["sentence"].startswith(f"admin was refused POST {PROVIDERS}: ")


def test_refused_reads_and_ordinary_refusals_are_not_recorded(world: World) -> None:
    admin, ann = world.connector.as_admin(), world.add_user()
    assert admin.get(f"{PROVIDERS}/none").status_code == 404
    world.start(ann)
    assert ann.verify(world.provider_id, "INITIATED").status_code == 400
    assert ann.verify(world.provider_id, "REINITIATED", []).status_code == 400
    assert refused(world) == []


def test_unknown_callers_are_only_logged(world: World) -> None:
    before = stored(world)
    stranger = world.connector.caller("stranger", ["internal_login"], "elsewhere")
    here = Caller(world.connector.url, stranger.headers)
    nobody = Caller(world.connector.url, {})
    forger = Caller(world.connector.url, {"Authorization": "Bearer x.y.z"})
    for caller, status in ((here, 403), (nobody, 401), (forger, 401)):
        for _ in range(20):
            assert caller.request("DELETE", f"{PROVIDERS}/{world.provider_id}").status_code == status
    assert stored(world) == before


class TestFloods:
    def test_the_same_refusal_is_recorded_once_a_minute(self, world: World, mallory: Caller) -> None:
        world.clock.stop()
        before = stored(world)
        flood(mallory, [("DELETE", f"{PROVIDERS}/{world.provider_id}")] * 120)
        assert stored(world) - before == 1
        world.clock.advance(60)
        flood(mallory, [("DELETE", f"{PROVIDERS}/{world.provider_id}")] * 10)
        assert stored(world) - before == 2

    def test_the_entries_of_one_actor_are_limited_over_all_objects(self, world: World, mallory: Caller) -> None:
        world.clock.stop()
        before = stored(world)
        flood(mallory, [("GET", f"{USERS}/user-{number}/idv/claims") for number in range(MOST + 60)])
        entries = stored(world) - before
        assert MOST - 3 <= entries <= MOST, "those that are written at the same time may count as present"
        other = world.connector.caller("other", ["internal_login"])
        flood(other, [("GET", f"{USERS}/ann/idv/claims")] * 3)
        assert stored(world) - before == entries + 1, "other refusals are recorded as before"

    def test_repeatedly_refused_starts_are_one_entry_per_user(self, world: World) -> None:
        world.clock.stop()
        ann, ben = world.add_user("ann"), world.add_user("ben")
        for _ in range(15):
            assert ann.verify(world.provider_id, "INITIATED", ["nothing"]).status_code == 400
        assert ben.verify(world.provider_id, "INITIATED", ["nothing"]).status_code == 400
        assert ben.verify("no-provider", "INITIATED").status_code == 400
        told = [(each["userId"], each["to"]) for each in refused(world, subject="start")]
        assert told == [("ben", "OIDV-10009"), ("ben", "OIDV-10037"), ("ann", "OIDV-10037")]

    def test_a_back_end_has_a_limited_number_of_entries_for_its_users(self, world: World) -> None:
        world.clock.stop()
        shop = world.connector.caller("shop", ["internal_idv_claim_verify"])
        for number in range(MOST + 10):
            answer = shop.verify(world.provider_id, "INITIATED", ["nothing"], user_id=f"user-{number}")
            assert answer.status_code == 400
        assert len(refused(world, actor="shop")) == MOST


def flood(caller: Caller, requests: list[tuple[str, str]]) -> None:
    """Send requests on several connections at once; each is refused."""
    statuses: list[int] = []

    def send(some: list[tuple[str, str]]) -> None:
        statuses.extend(caller.request(method, path).status_code for method, path in some)

    threads = [threading.Thread(target=send, args=(requests[at::4],)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (set(statuses), len(statuses)) == ({403}, len(requests))


def test_a_removed_user_leaves_no_refusal(world: World) -> None:
    ann = world.add_user("ann")
    assert ann.get(PROVIDERS).status_code == 403
    assert world.connector.as_user("ben").get(f"{USERS}/ann/idv/claims").status_code == 403
    assert world.connector.as_user("ben").get(PROVIDERS).status_code == 403
    assert len(refused(world)) == 3

    world.connector.services.users.remove(Tenant(world.tenant), "ann", "the-admin")

    assert [(each["actor"], each["userId"]) for each in refused(world)] == [(as_actor("ben"), None)]


def test_a_second_tenant_sees_no_refusals(world: World, mallory: Caller) -> None:
    assert mallory.request("DELETE", f"{PROVIDERS}/{world.provider_id}").status_code == 403
    assert refused(world, "another") == []


def test_the_sweep_deletes_refusals_after_their_retention(world: World, mallory: Caller) -> None:
    assert mallory.request("DELETE", f"{PROVIDERS}/{world.provider_id}").status_code == 403
    world.clock.advance(31 * 86_400)
    world.sweep()
    assert refused(world) == []


@pytest.mark.one_database
def test_a_refusal_that_cannot_be_recorded_is_answered(world: World, mallory: Caller) -> None:
    database = world.connector.services.database
    with database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE history RENAME TO history_elsewhere")
    try:
        assert mallory.request("DELETE", f"{PROVIDERS}/{world.provider_id}").status_code == 403
    finally:
        with database.write() as connection:
            connection.exec_driver_sql("ALTER TABLE history_elsewhere RENAME TO history")


@pytest.mark.one_database
def test_a_start_that_another_thread_is_recording_is_not_recorded_twice(world: World) -> None:
    database, limit = world.connector.services.database, RefusalLimit(world.clock)
    refusals = Refusals(RefusalRecord(database, Journal(), limit), world.clock)
    start = StartRequest(Tenant(world.tenant), "ann", "some-provider", [], "shop")
    recorded = Change(
        at=world.clock(), tenant=world.tenant, subject="start", current="OIDV-10037", cause="refused", actor="shop"
    )
    before = stored(world)
    with limit.turn(replace(recorded, user_id="ann", provider_id="some-provider")):
        with pytest.raises(RequestError), refusals.traced(start):
            raise RequestError(Code.CLAIM_NOT_MAPPED, "no")
        assert stored(world) == before
    with pytest.raises(RequestError), refusals.traced(start):
        raise RequestError(Code.CLAIM_NOT_MAPPED, "no")
    assert stored(world) == before + 1


class TestRateOfLookups:
    def test_lookups_of_one_actor_are_limited_per_minute(self, moment: list[datetime]) -> None:
        limit = RefusalLimit(lambda: moment[0])
        assert looks(limit, [entry("mallory")] * (MOST_LOOKS + 10)) == MOST_LOOKS
        assert looks(limit, [entry("other")]) == 1
        moment[0] += timedelta(minutes=1)
        assert looks(limit, [entry("mallory")]) == 1

    def test_lookups_of_all_actors_are_limited_per_minute(self, moment: list[datetime]) -> None:
        limit = RefusalLimit(lambda: moment[0])
        assert looks(limit, [entry(f"actor-{number}") for number in range(MOST_LOOKS_OF_ALL + 10)]) == MOST_LOOKS_OF_ALL

    def test_a_refusal_that_is_being_recorded_is_not_recorded_twice(self, moment: list[datetime]) -> None:
        limit = RefusalLimit(lambda: moment[0])
        with limit.turn(entry("mallory")) as first, limit.turn(entry("mallory")) as second:
            assert (first, second) == (True, False)
            with limit.turn(entry("mallory", name="another")) as third:
                assert third
        with limit.turn(entry("mallory")) as later:
            assert later


@pytest.fixture
def moment() -> list[datetime]:
    return [datetime(2026, 1, 1, tzinfo=UTC)]


def entry(actor: str, name: str = "GET /") -> Change:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Change(at=at, tenant="t", subject="request", name=name, current="HTTP-403", cause="refused", actor=actor)


def looks(limit: RefusalLimit, refusals: list[Change]) -> int:
    number = 0
    for each in refusals:
        with limit.turn(each) as is_mine:
            number += is_mine
    return number
