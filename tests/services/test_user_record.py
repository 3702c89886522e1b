"""A user's record: all stored data, readable and harmless, and deleted with the user."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select

from connector.domain.jobs import USER_RECORD, Job, JobFailed
from connector.domain.tenancy import Tenant
from connector.services.jobs.steps import AdvanceJob, JobSteps, Kind, Work
from connector.store.models import job_parts
from connector.store.vault import Vault, read_keys
from tests.contract.wire import JOBS, USERS, answer_on, assert_error
from tests.harness import ADMIN_SCOPES, Caller, World
from tests.services.jobbing import VALUES_SCOPE, ask, done, ended, job_of, result_of
from tests.values import GIVEN_NAME, VALUES

OTHERS = "elsewhere.example"
SCRIPT = "<script>alert('x')</script>"


@pytest.fixture
def admin(world: World) -> Caller:
    return world.connector.caller("admin", [*ADMIN_SCOPES, VALUES_SCOPE, "internal_idv_claim_delete"])


def verified(world: World, user_id: str) -> str:
    """Add a verified user; return the run's id."""
    user = world.add_user(user_id, VALUES | {"http://wso2.org/claims/nickname": SCRIPT})
    run_id = world.start(user)
    world.outcome(run_id)
    world.wait_until(lambda: user.claims()[GIVEN_NAME]["isVerified"])
    return run_id


def record_of(world: World, admin: Caller, user_id: str) -> Any:
    return json.loads(result_of(admin, done(world, admin, "user-record", {"userId": user_id})))


def number_of_parts(world: World) -> int:
    with world.connector.services.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(job_parts)).scalar_one())


def test_a_record_contains_exactly_the_stored_data_of_the_user(world: World, admin: Caller) -> None:
    first, other = verified(world, "ann"), verified(world, "bea")
    assert VALUES[GIVEN_NAME] in record_of(world, admin, "ann")["verifiedClaims"]["claims"].values()
    world.connector.services.users.change(Tenant(world.tenant), "ann", {GIVEN_NAME: "Anna"})
    second = world.start(world.connector.as_user("ann"))
    answer_on(admin.post(f"{USERS}/ann/idv/unlock", None), 200)
    record = record_of(world, admin, "ann")

    assert record["record"]["userId"] == "ann"
    assert record["values"][GIVEN_NAME] == "Anna"
    assert {claim["uri"] for claim in record["claims"]} >= {GIVEN_NAME}
    assert [each["runId"] for each in record["verifications"]] == [first, second]
    [finished, _] = record["verifications"]
    assert {"output", "reasons", "document", "claims", "history", "deliveries"} <= set(finished)
    assert {"unlocked", "requested"} <= {entry["to"] for entry in record["history"]}
    assert [each["latestRunId"] for each in record["atOnfido"]] == [second]
    assert {row["what"] for row in record["retention"]} >= {f"output of {finished['id']}", "refused starts"}
    assert other not in json.dumps(record)


def test_the_readable_page_has_no_scripts_and_no_external_content(world: World, admin: Caller) -> None:
    run_id = verified(world, "ann")
    job = done(world, admin, "user-record", {"userId": "ann"})
    answer = admin.get(f"{JOBS}/{job['id']}/result", params={"format": "html"})

    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Content-Disposition"] == "attachment; filename=user-record.html"
    assert "no-store" in answer.headers["Cache-Control"]
    page = answer.content.decode()
    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>\n")
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in page
    assert "default-src 'none'" in page
    assert run_id in page
    assert [word for word in ("src=", "href=", "url(") if word in page] == []


def test_a_user_without_verifications_has_a_record_too(world: World, admin: Caller) -> None:
    world.add_user("ann")
    record = record_of(world, admin, "ann")
    assert (record["verifications"], record["atOnfido"], record["claims"]) == ([], [], [])
    assert record["verifiedClaims"] is None


def test_requesting_and_downloading_a_record_require_the_scope_for_values(world: World, admin: Caller) -> None:
    world.add_user("ann")
    reader = world.connector.as_admin()
    assert_error(reader.post(f"{JOBS}/user-record", {"userId": "ann"}), 403, "HTTP-403", VALUES_SCOPE)
    job = done(world, admin, "user-record", {"userId": "ann"})
    assert_error(reader.get(f"{JOBS}/{job['id']}/result"), 403, "HTTP-403", VALUES_SCOPE)
    assert job_of(reader, job["id"]) == job
    assert_error(admin.get(f"{JOBS}/{job['id']}/result", params={"format": "csv"}), 404, "IDVP-60071", "json, html")


def test_a_record_is_kept_for_an_hour(world: World, admin: Caller) -> None:
    world.add_user("ann")
    job = done(world, admin, "user-record", {"userId": "ann"})
    world.clock.advance(3601)
    assert_error(admin.get(f"{JOBS}/{job['id']}/result"), 404, "IDVP-60071", "expired")


def test_an_unknown_user_fails_the_job(world: World, admin: Caller) -> None:
    job = ended(world, admin, ask(admin, "user-record", {"userId": "nobody"}))
    assert job["state"] == "failed"
    assert "There is no user nobody" in job["failure"]


def test_a_user_of_another_tenant_is_unknown(world: World) -> None:
    verified(world, "ann")
    others = world.connector.caller("admin", [*ADMIN_SCOPES, VALUES_SCOPE], OTHERS)
    assert ended(world, others, ask(others, "user-record", {"userId": "ann"}))["state"] == "failed"


class TestRemoval:
    def test_written_records_are_erased_with_the_user(self, world: World, admin: Caller) -> None:
        verified(world, "ann")
        job = done(world, admin, "user-record", {"userId": "ann"})
        csv = done(world, admin, "verifications-csv", {"userId": "ann"})
        world.add_user("bea")
        kept = done(world, admin, "user-record", {"userId": "bea"})
        assert admin.request("DELETE", f"{USERS}/ann/idv").status_code == 204

        for each in (job, csv):
            assert_error(admin.get(f"{JOBS}/{each['id']}/result"), 404, "IDVP-60071", "expired")
            left = job_of(admin, each["id"])
            assert (left["userId"], left["parameters"], left["state"]) == (None, {}, "expired")
        assert "bea" in result_of(admin, kept)

    def test_a_running_job_of_a_removed_user_fails(self, world: World, admin: Caller) -> None:
        verified(world, "ann")
        world.connector.rest()
        job = ask(admin, "user-record", {"userId": "ann"})
        steps = world.connector.services.job_steps
        steps.advance(AdvanceJob(world.tenant, job["id"], 0))
        assert (job_of(admin, job["id"])["state"], number_of_parts(world)) == ("running", 2)
        assert admin.request("DELETE", f"{USERS}/ann/idv").status_code == 204

        failed = job_of(admin, job["id"])
        assert (failed["state"], number_of_parts(world)) == ("failed", 0)
        assert "was removed" in failed["failure"]
        steps.advance(AdvanceJob(world.tenant, job["id"], 1))
        assert (job_of(admin, job["id"]), number_of_parts(world)) == (failed, 0)

    def test_a_removal_between_reading_and_writing_is_detected(self, world: World, admin: Caller) -> None:
        world.add_user("ann")
        world.connector.rest()
        job = ask(admin, "user-record", {"userId": "ann"})
        services, settings = world.connector.services, world.connector.settings
        kind = Removing(services.job_kinds[USER_RECORD](), lambda: services.users.remove(Tenant(world.tenant), "ann"))
        vault = Vault(read_keys(settings.encryption_keys, settings.data_dir, None))
        steps = JobSteps(services.database, vault, {USER_RECORD: lambda: kind}, world.clock)
        steps.advance(AdvanceJob(world.tenant, job["id"], 0))

        assert (job_of(admin, job["id"])["state"], number_of_parts(world)) == ("failed", 0)

    def test_the_record_of_a_removed_user_is_not_written(self, world: World, admin: Caller) -> None:
        """The removal ran before the job was recorded, and so erased nothing of it."""
        world.add_user("ann")
        world.connector.rest()
        job = ask(admin, "user-record", {"userId": "ann"})
        services = world.connector.services
        work = services.job_kinds[USER_RECORD]().prepare(services.jobs.get(Tenant(world.tenant), job["id"]))
        services.users.remove(Tenant(world.tenant), "ann")
        with pytest.raises(JobFailed, match="was removed"), services.database.write() as connection:
            work(connection)


@dataclass
class Removing:
    """A kind of job that removes the user during its step."""

    kind: Kind
    remove: Callable[[], object]

    def total(self, job: Job) -> int | None:
        return self.kind.total(job)

    def prepare(self, job: Job) -> Work:
        work = self.kind.prepare(job)
        self.remove()
        return work
