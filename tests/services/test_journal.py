"""Every change is announced at the end of its transaction, to each subscriber that wants it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from weakref import WeakKeyDictionary

import pytest
from sqlalchemy import Connection, Engine, event, select

from connector.domain.audit.history import CLAIM, PROVIDER, RUN, USER, Change
from connector.domain.frozen import replace
from connector.domain.studio.workflow_run import FINAL_STATUSES
from connector.domain.tenancy import Tenant
from connector.domain.utc import timestamp
from connector.services.journal import Journal
from connector.settings import Settings
from connector.simulator.server import Simulator
from connector.store.deliveries import delivery_counts
from connector.store.engine import Database
from connector.store.group_commit import SAVEPOINT
from connector.store.models.delivery import outbox
from connector.store.models.history_entry import history
from tests.bodies import config_properties, event_body
from tests.harness import Caller, Clock, ConnectorServer, World, run_id_of, verified
from tests.listening import listening
from tests.races.attack import (
    PROVIDERS,
    add_provider,
    admin_of,
    change_provider,
    change_values,
    correct,
    end_run,
    settle,
)
from tests.services.receiving import rows_of
from tests.services.test_watchlist import applicant_of, monitor
from tests.services.test_watchlist import event as matches_event
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING, VALUES

_numbers = itertools.count()


@dataclass(frozen=True)
class Heard:
    """A delivery to the subscriber of these tests, with all facts of a change."""

    kind: ClassVar[str] = "heard"
    tenant: str
    subject: str
    name: str | None
    previous: str | None
    current: str
    cause: str
    provider_id: str | None
    verification_id: str | None
    user_id: str | None
    removed: Sequence[str]


@dataclass(frozen=True)
class Person:
    """A delivery to a subscriber that only needs the users whose claims have changed."""

    kind: ClassVar[str] = "person"
    tenant: str
    user_id: str | None


class Everything:
    """Wants every change."""

    def wants(self, _: Change) -> bool:
        return True

    def delivery(self, change: Change) -> Heard:
        ids = change.provider_id, change.verification_id, change.user_id
        moved = change.previous, change.current, change.cause
        return Heard(change.tenant, change.subject, change.name, *moved, *ids, tuple(change.detail.get("removed", ())))


class People:
    """Wants changes of claims, once for each person in a transaction."""

    def wants(self, change: Change) -> bool:
        return change.subject == CLAIM

    def delivery(self, change: Change) -> Person:
        return Person(change.tenant, change.user_id)


@dataclass(frozen=True)
class Time(Person):
    """A delivery that says when a person's claims have changed."""

    kind: ClassVar[str] = "time"
    at: str


class Times(People):
    """Wants changes of claims, once for each person and time."""

    def delivery(self, change: Change) -> Time:
        return Time(change.tenant, change.user_id, timestamp(change.at))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running(request: pytest.FixtureRequest, new_settings: Callable[..., Settings]) -> Iterator[ConnectorServer]:
    """One connector with two subscribers for all tests of a database."""
    with ConnectorServer(new_settings(request.param), Clock(), [Everything(), People()]) as connector:
        yield connector


@pytest.fixture
def world(running: ConnectorServer, simulator: Simulator, writes_in_order: None) -> World:
    """A tenant with a provider and an Onfido to itself; no event arrives by itself."""
    return add_provider(World(running, simulator, Clock(), tenant=f"journal-{next(_numbers)}"))


@pytest.fixture
def ann(world: World) -> Caller:
    """The user ann."""
    return world.add_user()


@pytest.fixture
def verified_ann(world: World, ann: Caller) -> Caller:
    """A user with every claim verified."""
    settle(world, world.start(ann))
    assert verified(ann.claims()) == set(MAPPING)
    return ann


@pytest.fixture
def writes_in_order() -> Iterator[None]:
    """Check that no transaction writes to another table after the outbox, which is last in the lock order."""
    written: MutableMapping[Connection, list[str]] = WeakKeyDictionary()
    late: list[list[str]] = []

    def note(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        verb, *others = statement.split(maxsplit=3)
        if statement == SAVEPOINT:  # another transaction that shares the commit
            end(connection)
        elif verb in {"INSERT", "UPDATE", "DELETE"}:
            written.setdefault(connection, []).append(others[0] if verb == "UPDATE" else others[1])

    def end(connection: Connection) -> None:
        names = written.pop(connection, [])
        if "outbox" in names and set(names[names.index("outbox") :]) != {"outbox"}:
            late.append(names)

    with listening((Engine, "after_cursor_execute", note), (Engine, "commit", end)):
        yield
    assert late == []


def heard(world: World, subject: str, cause: str) -> list[Heard]:
    """Return the changes announced in the world's tenant: subject and cause of each."""
    deliveries = [Heard(**row.payload) for row in rows_of(world, Heard.kind) if row.payload["tenant"] == world.tenant]
    return [each for each in deliveries if (each.subject, each.cause) == (subject, cause)]


def moves(announced: Sequence[Heard]) -> dict[str | None, tuple[str | None, str]]:
    """Return the changed states, by name."""
    assert len({each.name for each in announced}) == len(announced), "each is announced once"
    return {each.name: (each.previous, each.current) for each in announced}


def assert_names_ann(world: World, announced: Sequence[Heard]) -> None:
    """Assert that a subscriber receives the user and the provider of these claims."""
    [verification, *_] = world.verifications("ann")
    ids = (world.provider_id, verification.verification_id, "ann")
    assert {(each.provider_id, each.verification_id, each.user_id) for each in announced} == {ids}


def decide(world: World, run_id: str, decision: str) -> None:
    path = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/decision"
    answer = admin_of(world).post(path, {"decision": decision, "reason": "seen it"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("status", sorted(FINAL_STATUSES))
def test_the_end_of_a_run_is_announced_with_its_effect_on_the_claims(world: World, ann: Caller, status: str) -> None:
    run_id = world.start(ann)
    settle(world, run_id, status, last_name="consider")

    [ended] = heard(world, RUN, "webhook")
    assert (ended.name, ended.previous, ended.current) == (run_id, "awaiting_input", status)
    claims = heard(world, CLAIM, "webhook")
    assert moves(claims) == {
        GIVEN_NAME: ("unverified", "verified" if status == "approved" else "clear"),
        LAST_NAME: ("unverified", "consider"),
        BIRTH_DATE: ("unverified", "verified" if status == "approved" else "clear"),
    }
    assert_names_ann(world, [ended, *claims])


def test_a_fetched_result_is_announced_like_one_that_arrives(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    end_run(world, run_id)
    assert ann.verify(world.provider_id, "COMPLETED").status_code == 200

    assert moves(heard(world, RUN, "completed")) == {run_id: ("awaiting_input", "approved")}
    assert {each.current for each in heard(world, CLAIM, "completed")} == {"verified"}


def test_a_result_without_a_comparison_is_announced_after_onfido_was_asked(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    end_run(world, run_id)
    assert world.post_event(event_body(run_id, "approved")).status_code == 200

    world.wait_until(lambda: bool(heard(world, RUN, "sweep")))
    assert moves(heard(world, RUN, "sweep")) == {run_id: ("awaiting_input", "approved")}
    assert heard(world, RUN, "webhook") == []


def test_the_start_of_a_run_is_announced(world: World, ann: Caller) -> None:
    answer = ann.verify(world.provider_id, "INITIATED")

    started = heard(world, RUN, "initiated")
    assert moves(started) == {run_id_of(answer): ("starting", "awaiting_input")}
    assert_names_ann(world, started)


def test_a_failed_start_is_announced_as_ended(world: World, ann: Caller) -> None:
    unknown = config_properties(world.simulator, workflow_id="00000000-0000-0000-0000-000000000000")
    change_provider(world, configProperties=unknown)

    assert ann.verify(world.provider_id, "INITIATED").status_code == 400

    failed = heard(world, RUN, "initiated")
    assert moves(failed) == {None: ("starting", "error")}
    assert_names_ann(world, failed)


@pytest.mark.parametrize(("value", "removed"), [("Bea", []), ("", [GIVEN_NAME])])
def test_changed_and_removed_values_are_announced_with_the_claim_no_longer_verified(
    world: World, verified_ann: Caller, value: str, removed: list[str]
) -> None:
    change_values(world, {GIVEN_NAME: value})

    withdrawn = heard(world, CLAIM, "value_changed")
    assert moves(withdrawn) == {GIVEN_NAME: ("verified", "value_changed")}
    assert_names_ann(world, withdrawn)
    [added, changed] = heard(world, USER, "administrator")
    assert (added.current, changed.current) == ("added", "changed")
    assert (changed.name, changed.user_id, changed.removed) == ("ann", "ann", removed)


def test_an_import_announces_each_withdrawn_claim_of_each_user_once(world: World, verified_ann: Caller) -> None:
    bea = world.add_user("bea", VALUES)
    settle(world, world.start(bea))
    other = add_provider(World(world.connector, world.simulator, Clock(), tenant=f"journal-{next(_numbers)}"))
    cid = other.add_user("ann", VALUES)
    settle(other, other.start(cid))

    changed = {**VALUES, GIVEN_NAME: "Other", LAST_NAME: "Name"}
    given = [("ann", changed), ("bea", {**VALUES, GIVEN_NAME: "Other"}), ("new", VALUES), ("ann-2", {})]
    for _ in range(2):  # the second one changes nothing
        list(world.connector.services.users.put_all(Tenant(world.tenant), given))

    withdrawn = [(each.user_id, each.name, each.current) for each in heard(world, CLAIM, "value_changed")]
    assert sorted(withdrawn) == [
        ("ann", GIVEN_NAME, "value_changed"),
        ("ann", LAST_NAME, "value_changed"),
        ("bea", GIVEN_NAME, "value_changed"),
    ]
    assert heard(other, CLAIM, "value_changed") == []


def test_a_value_changed_during_verification_is_announced_when_withdrawn(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    change_values(world, {GIVEN_NAME: "Bea"})
    settle(world, run_id)

    assert moves(heard(world, CLAIM, "webhook"))[GIVEN_NAME] == ("unverified", "value_changed")


def test_corrections_in_both_directions_are_announced(world: World, verified_ann: Caller) -> None:
    assert correct(world, [GIVEN_NAME, LAST_NAME], is_verified=False).status_code == 201
    down = heard(world, CLAIM, "administrator")
    assert moves(down) == dict.fromkeys([GIVEN_NAME, LAST_NAME], ("verified", "unverified"))

    assert correct(world, [GIVEN_NAME], is_verified=True).status_code == 201

    *_, last = heard(world, CLAIM, "administrator")
    assert (last.name, last.current) == (GIVEN_NAME, "verified")
    assert_names_ann(world, heard(world, CLAIM, "administrator"))


def test_a_correction_of_one_claim_and_an_added_claim_are_announced(world: World, ann: Caller) -> None:
    path = "/api/users/v1/ann/idv/claims"
    entry = {"uri": GIVEN_NAME, "idVProviderId": world.provider_id, "isVerified": True, "claimMetadata": {}}
    [added] = admin_of(world).post(path, [entry]).json()
    answer = admin_of(world).put(f"{path}/{added['id']}", {"isVerified": False, "claimMetadata": {}})
    assert answer.status_code == 200, answer.text

    up, down = heard(world, CLAIM, "administrator")
    assert (up.previous, up.current, up.user_id) == (None, "verified", "ann")
    assert (down.previous, down.current, down.user_id) == ("verified", "unverified", "ann")


def test_a_refused_correction_is_not_announced(world: World, verified_ann: Caller) -> None:
    assert correct(world, [GIVEN_NAME, "http://wso2.org/claims/country"], is_verified=False).status_code == 404

    assert heard(world, CLAIM, "administrator") == []


def test_an_approved_review_is_announced_with_the_claims_that_it_verifies(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    settle(world, run_id, "review", last_name="consider")
    decide(world, run_id, "approve")

    approved, claims = heard(world, RUN, "decided"), heard(world, CLAIM, "decided")
    assert moves(approved) == {run_id: ("review", "approved")}
    assert moves(claims) == dict.fromkeys([GIVEN_NAME, BIRTH_DATE], ("clear", "verified"))
    assert_names_ann(world, [*approved, *claims])


def test_declined_review_is_announced(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    settle(world, run_id, "review")
    decide(world, run_id, "decline")

    assert moves(heard(world, RUN, "decided")) == {run_id: ("review", "declined")}
    assert heard(world, CLAIM, "decided") == []


def test_a_watchlist_match_is_announced_with_each_claim_that_it_unverifies(world: World, ann: Caller) -> None:
    change_provider(world, studio={"unverifyOnMatch": True})
    settle(world, world.start(ann))
    assert world.post_event(matches_event(monitor(world, applicant_of(ann)))).status_code == 200

    world.wait_until(lambda: bool(heard(world, USER, "watchlist")))
    [matched], claims = heard(world, USER, "watchlist"), heard(world, CLAIM, "watchlist")
    assert (matched.name, matched.current) == ("ann", "watchlist_matches_updated")
    assert moves(claims) == dict.fromkeys(MAPPING, ("verified", "watchlist_match"))
    assert_names_ann(world, [matched, *claims])


def test_the_removal_of_a_user_is_announced(world: World, verified_ann: Caller) -> None:
    world.connector.services.users.remove(Tenant(world.tenant), "ann", "the-admin")

    *_, removed = heard(world, USER, "administrator")
    assert (removed.name, removed.current, removed.user_id) == ("ann", "removed", "ann")


def test_the_removal_of_a_provider_is_announced(world: World, verified_ann: Caller) -> None:
    assert admin_of(world).request("DELETE", f"{PROVIDERS}/{world.provider_id}").status_code == 204

    *_, removed = heard(world, PROVIDER, "administrator")
    assert (removed.current, removed.provider_id) == ("removed", world.provider_id)


def test_the_deletion_of_an_applicant_is_announced_with_the_run_that_it_ends(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    [verification] = world.verifications("ann")
    world.connector.services.applicants.delete(Tenant(world.tenant), world.provider_id, verification.applicant_id or "")

    announced = heard(world, "applicant", "administrator") + heard(world, RUN, "administrator")
    assert moves(announced) == {
        verification.applicant_id: (None, "deleted"),
        run_id: ("awaiting_input", "error"),
    }
    assert_names_ann(world, announced)


def test_a_subscriber_gets_only_chosen_changes_and_equal_deliveries_once(world: World, ann: Caller) -> None:
    settle(world, world.start(ann))
    people = [row for row in rows_of(world, Person.kind) if row.payload["tenant"] == world.tenant]
    assert [row.payload for row in people] == [{"tenant": world.tenant, "user_id": "ann"}]

    change_values(world, {GIVEN_NAME: "Bea", LAST_NAME: "Other"})

    people = [row for row in rows_of(world, Person.kind) if row.payload["tenant"] == world.tenant]
    assert len(people) == 2, "once for each transaction that changed claims, however many"


def test_changes_that_a_second_separates_are_announced_together_with_one_time(database: Database) -> None:
    at = datetime(2026, 11, 27, 20, 49, 59, 999_999, tzinfo=UTC)
    change = Change(at=at, tenant="t", subject=CLAIM, current="verified", cause="tests", user_id="ann")
    later = replace(change, at=at + timedelta(microseconds=1), name="another")

    with database.write() as connection:
        Journal([Times()]).record(connection, [change, later, replace(later, user_id="bea")])

    with database.read() as connection:
        payloads = [row.payload for row in connection.execute(select(outbox)).all()]
        times = set(connection.execute(select(history.c.at)).scalars())
    assert [(each["user_id"], each["at"]) for each in payloads] == [
        ("ann", "2026-11-27T20:50:00Z"),
        ("bea", "2026-11-27T20:50:00Z"),
    ]
    assert times == {later.at}


def test_a_rolled_back_change_is_not_announced(database: Database) -> None:
    journal = Journal([Everything()])
    change = Change(at=datetime.now(UTC), tenant="t", subject=CLAIM, current="verified", cause="tests")
    with suppress(ZeroDivisionError), database.write() as connection:
        journal.record(connection, [change])
        raise ZeroDivisionError

    with database.read() as connection:
        assert delivery_counts.count(connection) == {}


def test_a_change_without_subscribers_costs_one_statement_and_no_row(database: Database) -> None:
    statements: list[str] = []
    change = Change(at=datetime.now(UTC), tenant="t", subject=CLAIM, current="verified", cause="tests")
    with database.write() as connection:
        event.listen(connection, "after_cursor_execute", lambda *given: statements.append(given[2]))
        Journal().record(connection, [])
        assert statements == []
        Journal().record(connection, [change, change])

    assert [statement.split()[2] for statement in statements] == ["history"]
    with database.read() as connection:
        assert delivery_counts.count(connection) == {}
