"""Statements on verifications: one open at a time, one holder of its lease, and final ends."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy import Connection, delete, select
from sqlalchemy.exc import IntegrityError

from connector.domain.verifications.verification import Verification, VerificationClaim, VerificationFilter
from connector.errors import RequestError
from connector.store import removals
from connector.store.engine import Database
from connector.store.models import applicants as applicants_table
from connector.store.models import providers
from connector.store.verifications import (
    applicants,
    attempt_limits,
    locked_runs,
    user_verifications,
    verification_claims,
    verification_search,
    verifications,
)
from connector.store.verifications.applicants import KnownApplicant
from connector.store.verifications.fences import Fence, Lease

ABOUT = (VerificationClaim("givenname", "first_name"), VerificationClaim("lastname", "last_name"))
EVERYTHING = VerificationFilter()
Reserve = Callable[..., Verification]


@pytest.fixture
def reserve(database: Database, provider_id: str, now: datetime) -> Reserve:
    """Reserve a verification: `reserve(user_id="ann", owner="first")`."""

    def reserve(
        user_id: str = "ann", owner: str = "first", provider_id: str = provider_id, created_at: datetime = now
    ) -> Verification:
        verification_id = str(uuid.uuid4())
        row = {
            "id": verification_id,
            "tenant": "carbon.super",
            "provider_id": provider_id,
            "user_id": user_id,
            "status": "starting",
            "created_at": created_at,
            "updated_at": created_at,
        }
        with database.write() as connection:
            verifications.reserve(connection, row, ABOUT, (), Lease(owner, created_at + timedelta(seconds=30)))
        return current(database, verification_id)

    return reserve


def create_applicant(database: Database, verification: Verification, fields: set[str]) -> Verification:
    """Record an applicant for the verification, as initiation does."""
    assert advance(database, verification, "first", applicant_id="applicant-1")
    with database.write() as connection:
        applicants.add(connection, verification, "applicant-1", fields)
    return current(database, verification.verification_id)


def current(database: Database, verification_id: str) -> Verification:
    with database.read() as connection:
        return verifications.get(connection, verification_id)


def page(
    connection: Connection, tenant: str, wanted: VerificationFilter = EVERYTHING, limit: int = 10
) -> list[Verification]:
    return verification_search.find_page(connection, tenant, wanted, limit=limit)


def advance(database: Database, verification: Verification, owner: str, **values: object) -> bool:
    with database.write() as connection:
        return verifications.advance(connection, verification.verification_id, owner, values).rowcount == 1


def close(database: Database, verification: Verification, now: datetime) -> bool:
    with database.write() as connection:
        values = {"status": "approved", "closed_at": now, **verifications.NO_LEASE}
        return verifications.set_status(connection, verification, values).rowcount == 1


class TestOneOpenVerification:
    def test_a_second_open_verification_is_refused(self, reserve: Reserve) -> None:
        reserve()
        with pytest.raises(IntegrityError):
            reserve()

    def test_a_new_verification_is_accepted_after_the_first_has_ended(
        self, database: Database, reserve: Reserve, now: datetime
    ) -> None:
        first = reserve()
        assert close(database, first, now)
        assert reserve().verification_id != first.verification_id

    def test_other_users_and_other_providers_are_independent(
        self, reserve: Reserve, add_provider: Callable[..., str]
    ) -> None:
        reserve()
        reserve(user_id="ben")
        reserve(provider_id=add_provider(name="another"))

    def test_only_one_of_many_concurrent_verifications_is_inserted(self, database: Database, reserve: Reserve) -> None:
        barrier = Barrier(8)

        def reserve_another(_: int) -> bool:
            barrier.wait()
            try:
                reserve()
            except IntegrityError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(reserve_another, range(8))) == 1
        with database.read() as connection:
            assert len(page(connection, "carbon.super")) == 1

    def test_two_verifications_cannot_have_the_same_run(self, database: Database, reserve: Reserve) -> None:
        ann, ben = reserve(), reserve(user_id="ben")
        assert advance(database, ann, "first", run_id="run-1")
        with pytest.raises(IntegrityError):
            advance(database, ben, "first", run_id="run-1")

    def test_a_refused_verification_leaves_no_claims(self, database: Database, reserve: Reserve) -> None:
        first = reserve()
        with pytest.raises(IntegrityError):
            reserve()
        with database.read() as connection:
            found = verification_claims.find_all(connection, first.verification_id)
        assert [(claim.uri, claim.applicant_field, claim.is_stale) for claim in found] == [
            ("givenname", "first_name", False),
            ("lastname", "last_name", False),
        ]


class TestLease:
    def test_only_one_of_many_requests_that_take_over_a_lease_succeeds(
        self, database: Database, reserve: Reserve, now: datetime
    ) -> None:
        seen = reserve()
        barrier = Barrier(8)

        def take(number: int) -> bool:
            barrier.wait()
            with database.write() as connection:
                lease = Lease(f"owner-{number}", now + timedelta(seconds=60))
                return verifications.take_over(connection, seen, lease)

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(take, range(8)))

        assert sum(won) == 1
        assert current(database, seen.verification_id).lease_owner == f"owner-{won.index(True)}"

    def test_a_request_that_lost_its_lease_records_nothing(
        self, database: Database, reserve: Reserve, now: datetime
    ) -> None:
        seen = reserve()
        with database.write() as connection:
            assert verifications.take_over(connection, seen, Lease("second", now))
        assert not advance(database, seen, "first", run_id="run-of-the-first")
        assert current(database, seen.verification_id).run_id is None
        assert advance(database, seen, "second", run_id="run-of-the-second")

    def test_a_renewed_lease_cannot_be_taken_over_by_its_old_state(
        self, database: Database, reserve: Reserve, now: datetime
    ) -> None:
        seen = reserve()
        assert advance(database, seen, "first", lease_until=now + timedelta(seconds=90))
        with database.write() as connection:
            assert not verifications.take_over(connection, seen, Lease("second", now))

    def test_an_ended_verification_has_no_lease(self, database: Database, reserve: Reserve, now: datetime) -> None:
        seen = reserve()
        assert close(database, seen, now)
        assert not advance(database, seen, "first", run_id="late")
        with database.write() as connection:
            assert not verifications.take_over(connection, seen, Lease("second", now))
        assert not close(database, seen, now)


@pytest.mark.parametrize("write", [verifications.change, partial(verifications.advance, owner="first")])
def test_no_other_statement_can_write_a_status(
    database: Database, reserve: Reserve, write: Callable[..., object]
) -> None:
    seen = reserve()
    with pytest.raises(ValueError, match="set_status"), database.write() as connection:
        write(connection, seen.verification_id, values={"failure": "by the way", "status": "approved"})
    assert current(database, seen.verification_id) == seen


class TestAbandoned:
    def abandon(self, database: Database, verification: Verification, owner: str, now: datetime) -> bool:
        values = {"status": "error", "failure": "refused", "closed_at": now, **verifications.NO_LEASE}
        with database.write() as connection:
            is_deleted = verifications.discard(connection, verification.verification_id, owner)
            fence = Fence(owner, has_no_run=True)
            return is_deleted or verifications.set_status(connection, verification, values, fence).rowcount == 1

    def test_a_failed_start_without_an_applicant_is_deleted(
        self, database: Database, reserve: Reserve, now: datetime
    ) -> None:
        seen = reserve()
        assert self.abandon(database, seen, "first", now)
        with pytest.raises(RequestError):
            current(database, seen.verification_id)
        with database.read() as connection:
            assert verification_claims.find_all(connection, seen.verification_id) == []

    def test_a_failed_start_with_an_applicant_is_closed_and_kept(
        self, database: Database, reserve: Reserve, now: datetime
    ) -> None:
        seen = reserve()
        assert advance(database, seen, "first", applicant_id="applicant-1")
        assert self.abandon(database, seen, "first", now)
        kept = current(database, seen.verification_id)
        assert (kept.status, kept.failure, kept.closed_at, kept.lease_owner) == ("error", "refused", now, None)

    def test_a_failed_start_that_may_have_a_run_stays_open(
        self, database: Database, reserve: Reserve, now: datetime
    ) -> None:
        seen = reserve()
        assert advance(database, seen, "first", applicant_id="applicant-1", run_requested_at=now)
        assert not self.abandon(database, seen, "first", now)
        assert current(database, seen.verification_id).closed_at is None

    def test_only_the_holder_of_the_lease_records_a_failed_start(
        self, database: Database, reserve: Reserve, now: datetime
    ) -> None:
        seen = reserve()
        assert not self.abandon(database, seen, "second", now)
        assert current(database, seen.verification_id) == seen


class TestValues:
    def fingerprints(self, database: Database, verification: Verification) -> dict[str, tuple[str | None, bool]]:
        with database.read() as connection:
            found = verification_claims.find_all(connection, verification.verification_id)
        return {claim.uri: (claim.fingerprint, claim.is_stale) for claim in found}

    def bind(self, database: Database, verification: Verification, **fingerprints: str) -> bool:
        with database.write() as connection:
            about = [VerificationClaim(uri, None, fingerprint=value) for uri, value in fingerprints.items()]
            answers = verification_claims.bind_values(connection, verification.verification_id, about)
            return verification_claims.are_bound(connection, verification.verification_id, answers)

    def change(self, database: Database, uri: str, fingerprint: str | None) -> None:
        with database.write() as connection:
            verification_claims.mark_stale(connection, "carbon.super", {"ann": {uri: fingerprint}})

    def test_a_change_after_the_values_were_sent_marks_only_its_claim(
        self, database: Database, reserve: Reserve
    ) -> None:
        seen = reserve()
        assert self.bind(database, seen, givenname="f1", lastname="f2")
        self.change(database, "givenname", "f3")
        assert self.fingerprints(database, seen) == {"givenname": ("f1", True), "lastname": ("f2", False)}

    def test_setting_the_same_value_again_is_not_a_change(self, database: Database, reserve: Reserve) -> None:
        seen = reserve()
        assert self.bind(database, seen, givenname="f1", lastname="f2")
        self.change(database, "givenname", "f1")
        assert self.fingerprints(database, seen)["givenname"] == ("f1", False)

    def test_a_removed_value_is_a_change(self, database: Database, reserve: Reserve) -> None:
        seen = reserve()
        assert self.bind(database, seen, givenname="f1", lastname="f2")
        self.change(database, "lastname", None)
        assert self.fingerprints(database, seen)["lastname"] == ("f2", True)

    def test_a_change_while_the_values_are_read_causes_another_reading(
        self, database: Database, reserve: Reserve
    ) -> None:
        seen = reserve()
        self.change(database, "givenname", "f2")
        assert not self.bind(database, seen, givenname="f1", lastname="f3")
        assert self.bind(database, seen, givenname="f2", lastname="f3")
        assert self.fingerprints(database, seen)["givenname"] == ("f2", False)

    def test_ended_verifications_and_other_users_are_not_marked(
        self, database: Database, reserve: Reserve, now: datetime
    ) -> None:
        ended = reserve()
        assert self.bind(database, ended, givenname="f1", lastname="f2")
        assert close(database, ended, now)
        ben = reserve(user_id="ben")
        assert self.bind(database, ben, givenname="f1", lastname="f2")
        self.change(database, "givenname", "f3")
        assert not any(is_stale for _, is_stale in self.fingerprints(database, ended).values())
        assert not any(is_stale for _, is_stale in self.fingerprints(database, ben).values())

    def test_a_resumed_verification_may_concern_other_claims(self, database: Database, reserve: Reserve) -> None:
        seen = reserve()
        with database.write() as connection:
            verification_claims.replace(connection, seen, [VerificationClaim("dob", "dob")], ())
        assert self.fingerprints(database, seen) == {"dob": ("", False)}


class TestFinding:
    def test_the_latest_verification_about_all_of_the_claims_is_found(
        self, database: Database, reserve: Reserve, provider_id: str, now: datetime
    ) -> None:
        first = reserve()
        assert close(database, first, now)
        second = reserve(created_at=now + timedelta(minutes=1))
        with database.write() as connection:
            verification_claims.replace(connection, second, [VerificationClaim("lastname", "last_name")], ())
        with database.read() as connection:

            def latest(*uris: str, tenant: str = "carbon.super") -> str | None:
                found = verifications.find_latest(connection, provider_id, "ann", tenant, uris)
                return found.verification_id if found else None

            assert latest("lastname") == second.verification_id
            assert latest("lastname", "givenname") == first.verification_id
            assert latest("lastname", "dob") is None
            assert latest("lastname", tenant="another") is None

    def test_only_an_open_verification_is_found_as_open(
        self, database: Database, reserve: Reserve, provider_id: str, now: datetime
    ) -> None:
        seen = reserve()
        with database.read() as connection:
            assert verifications.find_open(connection, provider_id, "ann") == seen
        assert close(database, seen, now)
        with database.read() as connection:
            assert verifications.find_open(connection, provider_id, "ann") is None

    def test_the_applicant_of_an_earlier_attempt_is_found(
        self, database: Database, reserve: Reserve, now: datetime
    ) -> None:
        first = create_applicant(database, reserve(), {"last_name", "first_name"})
        assert close(database, first, now)
        second = reserve(created_at=now + timedelta(minutes=1))
        with database.read() as connection:
            found = applicants.find_latest(connection, second)
        assert found == KnownApplicant("applicant-1", frozenset({"first_name", "last_name"}))

    def test_the_applicant_of_another_user_is_not_found(self, database: Database, reserve: Reserve) -> None:
        create_applicant(database, reserve(), {"first_name"})
        ben = reserve(user_id="ben")
        with database.read() as connection:
            assert applicants.find_latest(connection, ben) is None

    def test_an_applicant_without_recorded_fields_is_not_reused(self, database: Database, reserve: Reserve) -> None:
        seen = reserve()
        assert advance(database, seen, "first", applicant_id="applicant-1")
        with database.read() as connection:
            assert applicants.find_latest(connection, seen) is None

    def test_all_fields_ever_sent_for_an_applicant_are_found(
        self, database: Database, reserve: Reserve, provider_id: str
    ) -> None:
        seen = create_applicant(database, reserve(), {"first_name", "dob"})
        with database.write() as connection:
            assert applicants.extend(connection, provider_id, "applicant-1", ["email", "dob"])
            assert not applicants.extend(connection, provider_id, "applicant-1", ["email"])
            assert not applicants.extend(connection, provider_id, "another", ["email"])
            added = applicants.add(connection, seen, "applicant-1", ["last_name"])
            applicants.complete(connection, added, seen, "applicant-1", ["last_name"])
        with database.read() as connection:
            found = applicants.find_latest(connection, seen)
        assert found is not None
        assert found.fields == {"first_name", "last_name", "dob", "email"}

    def test_the_applicant_of_a_removed_user_is_not_found(self, database: Database, reserve: Reserve) -> None:
        create_applicant(database, reserve(), {"first_name"})
        with database.write() as connection:
            user_verifications.delete_all(connection, "carbon.super", "ann")
            assert connection.execute(select(applicants_table)).all() == []

    def test_a_run_is_found_only_within_its_tenant_and_provider(
        self, database: Database, reserve: Reserve, provider_id: str
    ) -> None:
        seen = reserve()
        assert advance(database, seen, "first", run_id="run-1")
        with database.write() as connection:
            locked = verifications.lock_run(connection, provider_id, "run-1")
            assert locked is not None
            assert locked.verification_id == seen.verification_id
            assert verifications.lock_run(connection, "another", "run-1") is None
            assert verification_search.find(connection, "carbon.super", "run-1") == locked
            assert verification_search.find(connection, "carbon.super", seen.verification_id) == locked
            assert verification_search.find(connection, "another", "run-1") is None

    @pytest.mark.parametrize("with_claims", [False, True])
    def test_a_run_of_a_removed_provider_is_unknown(
        self, database: Database, reserve: Reserve, provider_id: str, with_claims: bool, now: datetime
    ) -> None:
        seen = reserve()
        assert advance(database, seen, "first", run_id="run-1")
        with database.write() as connection:
            known = locked_runs.lock(connection, provider_id, "run-1", with_claims=with_claims)
            assert known.verification == current(database, seen.verification_id)
        with database.write() as connection:
            removals.hide_provider(connection, provider_id, {}, now)
        with database.write() as connection:
            assert locked_runs.lock(connection, provider_id, "run-1", with_claims=with_claims).verification is None
            assert verifications.lock_run(connection, provider_id, "run-1") is None

    def test_the_latest_verification_is_first_on_a_page(
        self, database: Database, reserve: Reserve, now: datetime
    ) -> None:
        ann, ben = reserve(), reserve(user_id="ben", created_at=now + timedelta(minutes=1))
        with database.read() as connection:
            assert page(connection, "carbon.super") == [ben, ann]
            assert page(connection, "carbon.super", limit=1) == [ben]
            assert page(connection, "carbon.super", VerificationFilter(user_id="ann")) == [ann]
            assert page(connection, "another") == []


def test_all_rows_of_a_provider_are_deleted_with_it(database: Database, reserve: Reserve, provider_id: str) -> None:
    seen = reserve()
    with database.write() as connection:
        connection.execute(delete(providers).where(providers.c.id == provider_id))
    with database.read() as connection:
        assert verification_claims.find_all(connection, seen.verification_id) == []
        assert page(connection, "carbon.super") == []


class TestSweep:
    def test_overdue_verifications_are_found_longest_overdue_first_and_postponed(
        self, database: Database, reserve: Reserve, now: datetime
    ) -> None:
        ann, ben, eve = reserve(), reserve(user_id="ben"), reserve(user_id="eve")
        with database.write() as connection:
            due = {ann.verification_id: now, ben.verification_id: now - timedelta(minutes=1)}
            verifications.postpone(connection, due | {eve.verification_id: now + timedelta(minutes=1)})
            verifications.postpone(connection, {})
            found = [each.verification_id for each in verifications.find_due(connection, now, 10)]
            assert found == [ben.verification_id, ann.verification_id]
            assert len(verifications.find_due(connection, now, 1)) == 1
            verifications.postpone(connection, {ben.verification_id: now + timedelta(minutes=1)})
            assert [each.user_id for each in verifications.find_due(connection, now, 10)] == ["ann"]

    def test_an_ended_verification_is_never_due(self, database: Database, reserve: Reserve, now: datetime) -> None:
        seen = reserve()
        assert close(database, seen, now)
        with database.write() as connection:
            verifications.postpone(connection, {seen.verification_id: now})
            assert verifications.find_due(connection, now, 10) == []


def test_attempts_count_from_the_moment_at_which_their_run_may_exist(
    database: Database, reserve: Reserve, provider_id: str, now: datetime
) -> None:
    seen = reserve()

    def started(since: datetime) -> list[datetime]:
        with database.read() as connection:
            return list(attempt_limits.find_started(connection, seen.tenant, provider_id, "ann", since))

    assert started(now - timedelta(days=1)) == []
    assert advance(database, seen, "first", run_requested_at=now)
    assert started(now - timedelta(days=1)) == [now]
    assert started(now) == []


def test_a_removed_user_leaves_no_verification_and_others_keep_theirs(database: Database, reserve: Reserve) -> None:
    ann, ben = reserve(), reserve(user_id="ben")
    with database.write() as connection:
        assert user_verifications.lock_all(connection, "carbon.super", "ann") == [ann]
        user_verifications.delete_all(connection, "carbon.super", "ann")
        assert verifications.find(connection, ann.verification_id) is None
        assert verifications.find(connection, ben.verification_id) == ben
