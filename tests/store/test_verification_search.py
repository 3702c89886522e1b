"""Statements for lists of verifications: filters, order, and complete walks."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, text

from connector.domain.verifications.judgement import Rule, Verdict
from connector.domain.verifications.verification import Verification, VerificationClaim, VerificationFilter
from connector.store.engine import Database
from connector.store.models import verifications
from connector.store.pages import Position
from connector.store.verifications import verification_claims, verification_search
from connector.store.verifications import verifications as verification_rows

TENANT = "carbon.super"
SECOND = timedelta(seconds=1)
EVERYTHING = VerificationFilter()
Add = Callable[..., str]

_numbers = itertools.count()


@pytest.fixture
def add(database: Database, provider_id: str, now: datetime) -> Add:
    """Insert a run that has ended: `add(user_id="ann", tags=("vip",))`; returns the verification's id."""

    def add(tags: tuple[str, ...] = (), about: tuple[VerificationClaim, ...] = (), **values: Any) -> str:
        verification_id = str(uuid.uuid4())
        defaults = {
            "tenant": TENANT,
            "provider_id": provider_id,
            "user_id": "ann",
            "status": "approved",
            "run_id": f"run-{next(_numbers)}",
            "created_at": now,
            "updated_at": now,
            "closed_at": now,
        }
        with database.write() as connection:
            connection.execute(insert(verifications).values(defaults | values | {"id": verification_id}))
            verification_claims.add_tags(connection, verification_rows.get(connection, verification_id), tags)
            if about:
                verification_claims.add(connection, verification_id, about)
        return verification_id

    return add


def page(
    database: Database, wanted: VerificationFilter = EVERYTHING, tenant: str = TENANT, **options: Any
) -> list[str]:
    """Return the ids on a page."""
    with database.read() as connection:
        found = verification_search.find_page(connection, tenant, wanted, **{"limit": 100} | options)
    return [each.verification_id for each in found]


def behind(
    connection: Connection, last: Verification | None, limit: int, wanted: VerificationFilter = EVERYTHING
) -> list[Verification]:
    """Return the verifications that follow one, the oldest first."""
    after = None if last is None else Position(last.created_at, last.verification_id)
    return verification_search.find_page(connection, TENANT, wanted, limit=limit, after=after, is_rising=True)


def walk(database: Database, size: int, wanted: VerificationFilter = EVERYTHING) -> list[str]:
    """Return all ids, in pages of this size."""
    found: list[Verification] = []
    for _ in range(50):
        with database.read() as connection:
            last = found[-1] if found else None
            batch = behind(connection, last, size, wanted)
        found += batch
        if not batch:
            break
    return [each.verification_id for each in found]


class TestFind:
    def test_a_run_is_found_by_its_own_id_and_by_the_verifications(self, database: Database, add: Add) -> None:
        add()
        verification_id = add(run_id="the-run")
        with database.read() as connection:
            by_run, by_id = (
                verification_search.find(connection, TENANT, name) for name in ("the-run", verification_id)
            )
            assert by_run == by_id
            assert by_run
            assert by_run.verification_id == verification_id
            assert verification_search.find(connection, "another", "the-run") is None
            assert verification_search.find(connection, TENANT, "unknown") is None

    def test_a_run_id_shared_by_two_providers_is_found_with_its_provider(
        self, database: Database, add: Add, add_provider: Callable[..., str], provider_id: str
    ) -> None:
        other = add_provider(name="another")
        ids = {each: add(run_id="shared", provider_id=each, user_id=each) for each in (provider_id, other)}
        with database.read() as connection:
            for each, verification_id in ids.items():
                found = verification_search.find(connection, TENANT, "shared", each)
                assert found
                assert found.verification_id == verification_id
            assert verification_search.find(connection, TENANT, "shared", "third") is None


class TestPage:
    def test_the_latest_runs_are_first_by_default(self, database: Database, add: Add, now: datetime) -> None:
        ids = [add(created_at=now + number * SECOND) for number in (0, 2, 1)]
        falling = [ids[1], ids[2], ids[0]]
        assert page(database) == falling
        assert page(database, is_rising=True) == falling[::-1]

    def test_pages_of_runs_with_the_same_time_contain_each_run_once(self, database: Database, add: Add) -> None:
        ids = {add() for _ in range(7)}
        pages = [page(database, limit=3, offset=offset) for offset in (0, 3, 6, 9)]
        assert [len(each) for each in pages] == [3, 3, 1, 0]
        assert {verification_id for each in pages for verification_id in each} == ids

    def test_the_total_of_matching_runs_is_counted_up_to_a_limit(self, database: Database, add: Add) -> None:
        for user_id in ("ann", "ann", "ben"):
            add(user_id=user_id)
        add(tenant="another")
        with database.read() as connection:
            assert verification_search.count(connection, TENANT, EVERYTHING, 10) == 3
            assert verification_search.count(connection, TENANT, EVERYTHING, 2) == 2
            assert verification_search.count(connection, TENANT, VerificationFilter(user_id="ann"), 10) == 2
            assert verification_search.count(connection, "nobody", EVERYTHING, 10) == 0

    def test_every_filter_applies(
        self, database: Database, add: Add, add_provider: Callable[..., str], provider_id: str
    ) -> None:
        other = add_provider(name="another")
        wanted = add(user_id="ben", status="review", tags=("vip", "spring"), provider_id=other)
        add(tags=("spring sale",))
        for kept in (
            VerificationFilter(user_id="ben"),
            VerificationFilter(statuses=("review", "declined")),
            VerificationFilter(tag="vip"),
            VerificationFilter(tag="spring"),
            VerificationFilter(provider_id=other),
            VerificationFilter(other, "ben", ("review",), "vip"),
        ):
            assert page(database, kept) == [wanted], kept
        assert page(database, VerificationFilter(provider_id, "ben")) == []
        assert page(database, VerificationFilter(tag="VIP")) == []
        assert page(database, VerificationFilter(tag="v%")) == []

    def test_filters_can_be_combined_whichever_index_the_list_uses(
        self, database: Database, add: Add, add_provider: Callable[..., str], provider_id: str, now: datetime
    ) -> None:
        asked = VerificationFilter(provider_id, "ben", ("review",), "vip", None, None, "live", "dob", "clear", True)
        asked = replace(asked, capture="link", decision="none")
        names = (
            "provider_id",
            "user_id",
            "statuses",
            "tag",
            "environment",
            "claim",
            "needs_review",
            "capture",
            "decision",
        )
        about = VerificationClaim("dob", "dob")
        other = add_provider(name="another")
        lacking: dict[str, str] = {}
        for missing in (*names, "replaced", ""):
            verification_id = lacking[missing] = add(
                ("plain",) if missing == "tag" else ("vip", "plain"),
                (about,),
                provider_id=other if missing == "provider_id" else provider_id,
                user_id="ann" if missing == "user_id" else "ben",
                status="approved" if missing == "statuses" else "review",
                environment="sandbox" if missing == "environment" else "live",
                decision="approved" if missing in ("needs_review", "decision") else None,
                capture="sdk" if missing == "capture" else "link",
                replaced_at=now if missing == "replaced" else None,
            )
            said = Verdict(Rule.CONSIDER, "consider") if missing == "claim" else Verdict(Rule.NOT_APPROVED, "clear")
            with database.write() as connection:
                verification = verification_rows.get(connection, verification_id)
                verification_claims.keep_results(connection, verification, [(about, said)])
        fields = {name: {name: getattr(asked, name)} for name in names} | {"claim": {"claim": "dob", "result": "clear"}}
        for number in range(len(names) + 1):
            for chosen in itertools.combinations(names, number):
                values: dict[str, Any] = {}
                for name in chosen:
                    values |= fields[name]
                unwanted = {lacking[name] for name in chosen}
                if "needs_review" in chosen:
                    unwanted |= {lacking["statuses"], lacking["decision"], lacking["replaced"]}
                if "decision" in chosen:
                    unwanted.add(lacking["needs_review"])
                assert set(page(database, VerificationFilter(**values))) == {*lacking.values()} - unwanted, chosen
                assert page(database, VerificationFilter(**values), tenant="another") == [], chosen

    def test_the_period_is_half_open_to_the_microsecond(self, database: Database, add: Add, now: datetime) -> None:
        tick = timedelta(microseconds=1)
        first, second = add(created_at=now), add(created_at=now + tick)
        assert page(database, VerificationFilter(created_from=now, created_before=now + tick)) == [first]
        assert page(database, VerificationFilter(created_from=now + tick)) == [second]
        assert page(database, VerificationFilter(created_before=now)) == []
        assert page(database, VerificationFilter(created_from=now, created_before=now)) == []

    def test_lists_do_not_contain_stored_output(self, database: Database, add: Add) -> None:
        verification_id = add(result="sealed result", document="sealed document")
        with database.read() as connection:
            whole = verification_search.find(connection, TENANT, verification_id)
            listed = [
                *verification_search.find_page(connection, TENANT, EVERYTHING, limit=1),
                *behind(connection, None, 1),
            ]
        assert whole
        assert (whole.result, whole.document) == ("sealed result", "sealed document")
        assert [(each.result, each.document, each.run_id) for each in listed] == [(None, None, whole.run_id)] * 2


class TestManyBranches:
    def test_a_tenant_with_more_providers_and_statuses_than_a_union_allows_is_listed(
        self, database: Database, add: Add, add_provider: Callable[..., str], now: datetime
    ) -> None:
        providers = [add_provider(name=f"provider {number}") for number in range(260)]
        statuses = ("review", "declined")
        ids = [
            add(provider_id=each, status=statuses[number % 2], created_at=now + number * SECOND)
            for number, each in enumerate(providers[::50])
        ]
        assert page(database, VerificationFilter(statuses=statuses), limit=4) == ids[:1:-1]
        with database.read() as connection:
            assert verification_search.count(connection, TENANT, VerificationFilter(statuses=statuses), 100) == 6


class TestWalk:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
    def test_a_walk_returns_every_run_once_and_the_oldest_first(
        self, database: Database, add: Add, now: datetime, size: int
    ) -> None:
        ids = [add(created_at=now + number // 3 * SECOND) for number in range(7)]  # three of each moment
        found = walk(database, size)
        assert sorted(found) == sorted(ids)
        assert [ids.index(each) // 3 for each in found] == [0, 0, 0, 1, 1, 1, 2]

    def test_a_walk_returns_only_matching_runs(self, database: Database, add: Add) -> None:
        wanted = {add(user_id="ben", tags=("vip",)) for _ in range(3)}
        add(user_id="ben")
        add(tags=("vip",))
        assert set(walk(database, 2, VerificationFilter(user_id="ben", tag="vip"))) == wanted

    def test_a_walk_continues_while_runs_are_added_and_removed(
        self, database: Database, add: Add, now: datetime
    ) -> None:
        ids = [add(created_at=now + number * SECOND) for number in range(6)]
        with database.read() as connection:
            first = behind(connection, None, 2)
        late = add(created_at=now + 60 * SECOND)
        with database.write() as connection:
            connection.execute(delete(verifications).where(verifications.c.id.in_([ids[1], ids[3]])))
        with database.read() as connection:
            rest = behind(connection, first[-1], 10)
        assert [each.verification_id for each in (*first, *rest)] == [ids[0], ids[1], ids[2], ids[4], ids[5], late]

    def test_the_time_zone_of_the_server_changes_nothing(self, database: Database, add: Add, now: datetime) -> None:
        ids = [add(created_at=now + number * SECOND) for number in range(3)]
        with database.read() as connection:
            if not database.is_sqlite:
                connection.execute(text("SET LOCAL TIME ZONE 'America/New_York'"))
            [first] = behind(connection, None, 1)
            rest = behind(connection, first, 9, VerificationFilter(created_from=now))
        assert [each.verification_id for each in (first, *rest)] == ids
        assert [each.created_at for each in rest] == [now + SECOND, now + 2 * SECOND]


class TestTags:
    def test_every_run_has_its_own_tags_in_order(self, database: Database, add: Add) -> None:
        tagged, plain = add(tags=("b", "a", "ä")), add()
        add(tags=("c",))
        with database.read() as connection:
            found = verification_search.find_tags(connection, [tagged, plain])
            assert verification_search.find_tags(connection, []) == {}
        assert (set(found[tagged]), found[tagged][:2], found[plain]) == ({"a", "b", "ä"}, ["a", "b"], [])


class TestDecide:
    def test_only_one_of_many_concurrent_decisions_is_recorded(
        self, database: Database, add: Add, now: datetime
    ) -> None:
        verification_id, barrier = add(status="review"), Barrier(8)

        def decide(number: int) -> bool:
            barrier.wait()
            with database.write() as connection:
                return verification_search.decide(connection, verification_id, f"decision-{number}", now)

        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(decide, range(8)))

        assert sum(made) == 1
        with database.read() as connection:
            found = verification_search.find(connection, TENANT, verification_id)
        assert found
        assert (found.status, found.decision) == ("review", f"decision-{made.index(True)}")

    @pytest.mark.parametrize("status", ["awaiting_input", "approved", "declined", "abandoned", "error"])
    def test_only_a_review_can_be_decided(self, database: Database, add: Add, now: datetime, status: str) -> None:
        verification_id = add(status=status)
        with database.write() as connection:
            assert not verification_search.decide(connection, verification_id, "approved", now)


class TestLatest:
    def latest(self, database: Database, of: str) -> str:
        with database.read() as connection:
            found = verification_search.find(connection, TENANT, of)
            assert found
            return verification_search.find_latest(connection, found)

    def test_the_users_latest_verification_with_the_provider_counts(
        self, database: Database, add: Add, add_provider: Callable[..., str], now: datetime
    ) -> None:
        first = add()
        for others in ({"user_id": "ben"}, {"provider_id": add_provider(name="another")}, {"tenant": "another"}):
            add(created_at=now + SECOND, **others)
        assert self.latest(database, first) == first
        second = add(created_at=now + SECOND)
        assert self.latest(database, first) == self.latest(database, second) == second

    def test_an_attempt_counts_if_it_has_a_run_or_may_get_one(
        self, database: Database, add: Add, now: datetime
    ) -> None:
        first = add()
        add(created_at=now + SECOND, run_id=None, status="error")
        assert self.latest(database, first) == first
        starting = add(created_at=now + 2 * SECOND, run_id=None, status="starting", closed_at=None)
        assert self.latest(database, first) == starting


class TestForget:
    def test_stored_output_of_old_runs_is_deleted_and_of_newer_ones_kept(
        self, database: Database, add: Add, now: datetime
    ) -> None:
        about = (VerificationClaim("country", None, "/country"),)
        ids = [
            add(closed_at=now + number * SECOND, result="result", document="document", about=about) for number in (0, 1)
        ]
        with database.write() as connection:
            for verification_id in ids:
                judged = [(about[0], Verdict(Rule.NOT_COMPARED, "not_compared"))]
                verification_claims.keep_results(
                    connection, verification_rows.get(connection, verification_id), judged, {"country": "value"}
                )
            verification_search.forget_results(connection, now + SECOND, 100)
            kept = [verification_search.find(connection, TENANT, each) for each in ids]
            values = [
                connection.execute(
                    text("SELECT output_value FROM verification_claims WHERE verification_id = :id"), {"id": each}
                ).scalar_one()
                for each in ids
            ]
        assert [(each.result, each.document) for each in kept if each] == [(None, None), ("result", "document")]
        assert values == [None, "value"]
