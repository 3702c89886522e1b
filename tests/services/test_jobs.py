"""Jobs: requested once, done in steps, visible to their tenant only, and deleted after their retention."""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from connector.domain.jobs import OPEN_AT_MOST, RUNNING_AT_ONCE, VERIFICATIONS_CSV, Job, JobFailed
from connector.domain.tenancy import Tenant
from connector.errors import RequestError
from connector.exports.verifications import VerificationsCsv
from connector.services.jobs.steps import AdvanceJob, JobSteps, Work
from connector.services.upkeep import Sweep
from connector.store.engine import Database
from connector.store.models import job_parts, jobs, outbox
from connector.store.vault import Vault, read_keys
from tests.contract.wire import JOBS, answer_on, assert_error
from tests.databases import broken
from tests.harness import ADMIN, ADMIN_SCOPES, Caller, World
from tests.services.jobbing import ask, done, ended, job_of, result_of

OTHERS = "elsewhere.example"
UNKNOWN = "0b9c8e1e-0000-4000-8000-000000000000"


@pytest.fixture
def admin(world: World) -> Caller:
    return world.connector.as_admin()


def entries(caller: Caller, **query: str) -> list[tuple[str, str, str]]:
    """Return the audit trail's entries about jobs, the latest first: action, actor, kind."""
    body = answer_on(caller.get("/api/server/v1/audit", params={"subject": "job", **query}), 200)
    return [(each["to"], each["actor"], each["detail"]["kind"]) for each in body["entries"]]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def number_of_parts(world: World) -> int:
    with world.connector.services.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(job_parts)).scalar_one())


def sweep(world: World) -> None:
    world.connector.services.upkeep.sweep(Sweep())


class TestCsv:
    def test_the_file_of_a_job_equals_the_streamed_file(self, world: World, admin: Caller) -> None:
        for user_id in ("ann", "bea"):
            world.start(world.add_user(user_id))
        job = done(world, admin, "verifications-csv", {})

        assert (job["done"], job["total"], job["formats"], job["owner"]) == (2, 2, ["csv"], ADMIN)
        streamed = admin.get(f"/api/server/v1/idv-providers/{world.provider_id}/verifications.csv").content.decode()
        assert result_of(admin, job) == streamed
        assert {row["userId"] for row in rows_of(streamed)} == {"ann", "bea"}

    def test_filters_apply_and_verifications_started_later_are_left_out(self, world: World, admin: Caller) -> None:
        ann = world.add_user("ann")
        world.start(ann)
        world.start(world.add_user("bea"))
        world.connector.rest()
        job = ask(admin, "verifications-csv", {"userId": "ann", "providerId": world.provider_id, "to": "2999-01-01"})
        world.start(world.add_user("cid"))
        world.connector.deliver()

        assert [row["userId"] for row in rows_of(result_of(admin, ended(world, admin, job)))] == ["ann"]

    def test_an_unknown_filter_or_provider_is_refused_before_a_job_is_created(
        self, world: World, admin: Caller
    ) -> None:
        assert_error(admin.post(f"{JOBS}/verifications-csv", {"status": "lost"}), 400, "IDVP-60004", "status")
        assert_error(admin.post(f"{JOBS}/verifications-csv", {"providerId": UNKNOWN}), 404, "IDVP-60000")
        assert answer_on(admin.get(JOBS), 200)["jobs"] == []

    def test_an_empty_file_has_only_the_heading(self, world: World, admin: Caller) -> None:
        assert rows_of(result_of(admin, done(world, admin, "verifications-csv", {}))) == []


class TestSteps:
    def test_a_completed_step_is_not_repeated(self, world: World, admin: Caller) -> None:
        world.start(world.add_user("ann"))
        job = done(world, admin, "verifications-csv", {})
        before = result_of(admin, job)
        for step in (0, 1, 7):
            world.connector.services.job_steps.advance(AdvanceJob(world.tenant, job["id"], step))
        assert (job_of(admin, job["id"]), result_of(admin, job)) == (job, before)

    def test_a_tenants_running_jobs_are_limited_and_the_next_starts_when_one_ends(
        self, world: World, admin: Caller
    ) -> None:
        world.connector.rest()
        asked = [ask(admin, "verifications-csv", {"tag": f"tag-{number}"})["id"] for number in range(4)]
        other = ask(world.connector.as_admin(OTHERS), "verifications-csv", {})["id"]
        steps = world.connector.services.job_steps
        self._hold(world, asked[:RUNNING_AT_ONCE])
        for job_id in asked[RUNNING_AT_ONCE:]:
            steps.advance(AdvanceJob(world.tenant, job_id, 0))

        assert [job_of(admin, job_id)["state"] for job_id in asked] == ["running", "running", "queued", "queued"]
        steps.advance(AdvanceJob(OTHERS, other, 0))
        assert job_of(world.connector.as_admin(OTHERS), other)["state"] == "done"
        answer_on(admin.post(f"{JOBS}/{asked[0]}/cancel", None), 200)
        world.connector.deliver()
        world.wait_until(lambda: job_of(admin, asked[2])["state"] == job_of(admin, asked[3])["state"] == "done")

    def test_a_job_without_a_delivery_is_continued_by_the_sweep(self, world: World, admin: Caller) -> None:
        world.connector.rest()
        job = ask(admin, "verifications-csv", {})
        with world.connector.services.database.write() as connection:
            connection.execute(outbox.delete().where(outbox.c.kind == AdvanceJob.kind))
        world.connector.deliver()
        sweep(world)
        assert job_of(admin, job["id"])["state"] == "queued"
        world.clock.advance(3601)
        sweep(world)
        assert ended(world, admin, job)["state"] == "done"

    def test_a_step_that_keeps_killing_its_worker_fails_the_job(self, world: World, admin: Caller) -> None:
        world.connector.rest()
        job = ask(admin, "verifications-csv", {})
        with world.connector.services.database.write() as connection:
            connection.execute(update(jobs).values(tries=10))
        world.connector.deliver()
        failed = ended(world, admin, job)
        assert (failed["state"], failed["failure"]) == ("failed", "A step was begun 10 times and not finished.")

    def _hold(self, world: World, job_ids: list[str]) -> None:
        """Start jobs, as workers that are still working on them."""
        with world.connector.services.database.write() as connection:
            for slot, job_id in enumerate(job_ids):
                held = {"state": "running", "slot": slot, "step": 1}
                connection.execute(update(jobs).where(jobs.c.id == job_id).values(held))


class TestRequests:
    def test_the_same_request_returns_the_same_job_until_it_has_ended(self, world: World, admin: Caller) -> None:
        world.connector.rest()
        first = ask(admin, "verifications-csv", {"status": "approved"})
        assert ask(admin, "verifications-csv", {"status": "approved"})["id"] == first["id"]
        assert ask(admin, "verifications-csv", {"status": "declined"})["id"] != first["id"]
        colleague = world.connector.caller("bob", ADMIN_SCOPES)
        assert ask(colleague, "verifications-csv", {"status": "approved"})["id"] != first["id"]
        world.connector.deliver()
        ended(world, admin, first)
        assert ask(admin, "verifications-csv", {"status": "approved"})["id"] != first["id"]

    def test_concurrent_equal_requests_all_return_one_job(self, world: World, admin: Caller) -> None:
        world.connector.rest()
        with ThreadPoolExecutor(6) as pool:
            asked = list(pool.map(lambda _: ask(admin, "verifications-csv", {"status": "approved"})["id"], range(6)))
        assert len(set(asked)) == 1
        assert len(entries(admin)) == 1

    def test_an_idempotency_key_always_returns_the_same_job(self, world: World, admin: Caller) -> None:
        first = ask(admin, "verifications-csv", {}, "a key")
        ended(world, admin, first)
        assert ask(admin, "verifications-csv", {}, "a key")["id"] == first["id"]
        other = admin.post(f"{JOBS}/verifications-csv", {"tag": "web"}, headers={"Idempotency-Key": "a key"})
        assert_error(other, 409, "IDVP-60073", "Idempotency-Key")
        colleague = world.connector.caller("bob", ADMIN_SCOPES)
        assert ask(colleague, "verifications-csv", {"tag": "web"}, "a key")["id"] != first["id"]
        long = admin.post(f"{JOBS}/verifications-csv", {}, headers={"Idempotency-Key": "k" * 256})
        assert_error(long, 400, "IDVP-60002", "Idempotency-Key", "255")

    def test_the_number_of_a_tenants_unfinished_jobs_is_limited(self, world: World, admin: Caller) -> None:
        world.connector.rest()
        for number in range(OPEN_AT_MOST):
            ask(admin, "verifications-csv", {"tag": f"tag-{number}"})
        refused = admin.post(f"{JOBS}/verifications-csv", {"tag": "one more"})
        assert_error(refused, 429, "HTTP-429", "20 jobs")
        assert refused.headers["Retry-After"] == "60"
        assert ask(admin, "verifications-csv", {"tag": "tag-0"})["state"] == "queued"
        assert ask(world.connector.as_admin(OTHERS), "verifications-csv", {})["state"] == "queued"

    def test_the_latest_job_is_first(self, world: World, admin: Caller) -> None:
        asked = [done(world, admin, "verifications-csv", {"tag": f"tag-{number}"})["id"] for number in range(3)]
        first = answer_on(admin.get(JOBS, params={"limit": 2}), 200)
        second = answer_on(admin.get(JOBS, params={"limit": 2, "cursor": first["nextCursor"]}), 200)
        assert [each["id"] for each in (*first["jobs"], *second["jobs"])] == asked[::-1]
        assert (first["count"], second["nextCursor"]) == (2, None)


class TestEnd:
    def test_cancelling_a_job_ends_it_and_erases_its_result(self, world: World, admin: Caller) -> None:
        world.connector.rest()
        job = ask(admin, "verifications-csv", {})
        cancelled = answer_on(admin.post(f"{JOBS}/{job['id']}/cancel", None), 200)
        assert (cancelled["state"], cancelled["endedAt"] is None) == ("cancelled", False)
        assert_error(admin.post(f"{JOBS}/{job['id']}/cancel", None), 409, "IDVP-60072", "cancelled")
        assert_error(admin.get(f"{JOBS}/{job['id']}/result"), 404, "IDVP-60071", "cancelled")
        world.connector.services.job_steps.advance(AdvanceJob(world.tenant, job["id"], 0))
        assert (job_of(admin, job["id"]), number_of_parts(world)) == (cancelled, 0)

    def test_a_colleagues_job_is_cancelled_only_with_the_scope_for_it(self, world: World, admin: Caller) -> None:
        world.connector.rest()
        job = ask(admin, "verifications-csv", {})
        reader = world.connector.caller("bob", ["internal_idv_claim_view"])
        assert_error(reader.post(f"{JOBS}/{job['id']}/cancel", None), 403, "HTTP-403", "internal_idvp_update")
        operator = world.connector.caller("bob", ["internal_idv_claim_view", "internal_idvp_update"])
        assert operator.post(f"{JOBS}/{job['id']}/cancel", None).status_code == 200

    def test_a_result_expires_and_is_then_deleted(self, world: World, admin: Caller) -> None:
        job = done(world, admin, "verifications-csv", {})
        assert number_of_parts(world) == 1
        world.clock.advance(timedelta(hours=24).total_seconds())
        assert job_of(admin, job["id"])["state"] == "expired"
        assert_error(admin.get(f"{JOBS}/{job['id']}/result"), 404, "IDVP-60071", "expired")
        sweep(world)
        assert (job_of(admin, job["id"])["state"], number_of_parts(world)) == ("expired", 0)
        world.clock.advance(timedelta(days=40).total_seconds())
        sweep(world)
        assert_error(admin.get(f"{JOBS}/{job['id']}"), 404, "IDVP-60070", job["id"])

    def test_an_oversized_result_fails_the_job_and_is_deleted(self, world: World, admin: Caller) -> None:
        world.connector.rest()
        world.start(world.add_user("ann"))
        job = ask(admin, "verifications-csv", {})
        services, settings = world.connector.services, world.connector.settings
        vault = Vault(read_keys(settings.encryption_keys, settings.data_dir, None))
        kinds = {VERIFICATIONS_CSV: lambda: VerificationsCsv(services.lookup, services.tenants)}
        steps = JobSteps(services.database, vault, kinds, world.clock, largest=100)
        steps.advance(AdvanceJob(world.tenant, job["id"], 0))
        failed = job_of(admin, job["id"])
        assert (failed["state"], number_of_parts(world)) == ("failed", 0)
        assert "more than 100 characters" in failed["failure"]


class TestAccess:
    def test_requests_and_downloads_are_in_the_audit_trail(self, world: World, admin: Caller) -> None:
        job = done(world, admin, "verifications-csv", {"userId": "ann"})
        result_of(admin, job)
        assert entries(admin) == [("downloaded", ADMIN, job["kind"]), ("requested", ADMIN, job["kind"])]
        assert entries(admin, userId="ann") == entries(admin, object=job["id"]) == entries(admin)
        assert entries(world.connector.as_admin(OTHERS)) == []

    def test_another_tenant_can_neither_see_nor_change_a_job(self, world: World, admin: Caller) -> None:
        job = done(world, admin, "verifications-csv", {})
        others = world.connector.as_admin(OTHERS)
        assert answer_on(others.get(JOBS), 200)["jobs"] == []
        calls: list[Any] = [others.get(f"{JOBS}/{job['id']}{part}") for part in ("", "/result")]
        for answer in (*calls, others.post(f"{JOBS}/{job['id']}/cancel", None)):
            assert_error(answer, 404, "IDVP-60070")

    def test_results_are_encrypted(self, world: World, admin: Caller) -> None:
        world.start(world.add_user("ann"))
        done(world, admin, "verifications-csv", {})
        with world.connector.services.database.read() as connection:
            [stored] = connection.execute(select(job_parts.c.content)).scalars()
        assert stored.startswith("v1.")


class TestEdges:
    def test_a_result_erased_during_the_download_is_not_accepted_as_complete(self, world: World, admin: Caller) -> None:
        world.start(world.add_user("ann"))
        job = done(world, admin, "verifications-csv", {})
        _, parts = world.connector.services.jobs.result(Tenant(world.tenant), job["id"])
        with world.connector.services.database.write() as connection:
            connection.execute(job_parts.delete())
        with pytest.raises(JobFailed, match="erased during the download"):
            list(parts)

    def test_a_job_without_a_result_file_is_reported(self, world: World, admin: Caller) -> None:
        job = done(world, admin, "resend-deliveries", {"since": "2026-01-01T00:00:00Z"})
        assert_error(admin.get(f"{JOBS}/{job['id']}/result"), 404, "IDVP-60071", "summary")
        with pytest.raises(RequestError):
            world.connector.services.jobs.cancel(Tenant(world.tenant), UNKNOWN)

    def test_a_slot_taken_concurrently_by_another_worker_is_left_to_it(self, world: World, admin: Caller) -> None:
        """The unique slot decides; the other job is started a second later."""
        world.connector.rest()
        first, second = (ask(admin, "verifications-csv", {"tag": tag})["id"] for tag in ("a", "b"))
        database, steps = world.connector.services.database, world.connector.services.job_steps
        loser = Thread(target=steps.advance, args=(AdvanceJob(world.tenant, second, 0),))
        with database.write() as connection:
            connection.execute(update(jobs).where(jobs.c.id == first).values(state="running", slot=0))
            loser.start()
            if not database.is_sqlite:  # which has one writer: there the loser waits before it looks
                world.wait_until(lambda: waits_for_a_lock(database))
        loser.join(60)
        if not database.is_sqlite:
            assert job_of(admin, second)["state"] == "queued"
        world.connector.deliver()
        assert ended(world, admin, {"id": second})["state"] == "done"

    @pytest.mark.one_database
    def test_a_slot_that_the_database_refuses_is_requested_again(self, world: World, admin: Caller) -> None:
        world.connector.rest()
        job = ask(admin, "verifications-csv", {})
        refuse = "CREATE TRIGGER taken BEFORE UPDATE OF slot ON jobs WHEN NEW.slot IS NOT NULL "
        with broken(
            world.connector.services.database, refuse + "BEGIN SELECT RAISE(ABORT, 'taken'); END", "DROP TRIGGER taken"
        ):
            world.connector.services.job_steps.advance(AdvanceJob(world.tenant, job["id"], 0))
        assert job_of(admin, job["id"])["state"] == "queued"
        world.connector.deliver()
        assert ended(world, admin, job)["state"] == "done"

    @pytest.mark.one_database
    def test_a_failing_step_of_a_cancelled_job_changes_nothing(self, world: World, admin: Caller) -> None:
        world.connector.rest()
        job, services = ask(admin, "verifications-csv", {}), world.connector.services

        class Late:
            """A kind of job that is cancelled during a step."""

            def total(self, _job: Job) -> int | None:
                answer_on(admin.post(f"{JOBS}/{job['id']}/cancel", None), 200)
                raise JobFailed("too late")

            def prepare(self, _job: Job) -> Work:
                raise AssertionError

        settings = world.connector.settings
        vault = Vault(read_keys(settings.encryption_keys, settings.data_dir, None))
        steps = JobSteps(services.database, vault, {VERIFICATIONS_CSV: Late}, world.clock)
        steps.advance(AdvanceJob(world.tenant, job["id"], 0))
        assert (job_of(admin, job["id"])["state"], job_of(admin, job["id"])["failure"]) == ("cancelled", None)


def waits_for_a_lock(database: Database) -> bool:
    statement = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE jobs%'"
    )
    with database.read() as connection:
        return bool(connection.execute(statement).scalar_one())
