"""Recovery by jobs: repeated deliveries, and runs at Onfido that are not recorded here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.errors import OnfidoError
from connector.services.jobs.resending import PAGE
from connector.services.jobs.steps import AdvanceJob
from connector.services.providers.deletion import DeleteApplicant
from connector.store.deliveries import outbox
from connector.store.models import outbox as rows
from tests.contract.wire import ENDPOINTS, JOBS, answer_on, assert_error
from tests.harness import Caller, World
from tests.services.jobbing import ask, done, ended, job_of
from tests.values import GIVEN_NAME

OTHERS = "elsewhere.example"
UNKNOWN = "0b9c8e1e-0000-4000-8000-000000000000"
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
def admin(world: World) -> Caller:
    return world.connector.as_admin()


def add(world: World, number: int, *, tenant: str | None = None, **values: Any) -> None:
    """Insert deliveries that have ended."""
    orders = [DeleteApplicant(tenant or world.tenant, "provider-1", f"applicant-{each}") for each in range(number)]
    now = datetime.now(UTC)
    ended_at = {"state": "dead", "settled_at": now, "created_at": now - timedelta(hours=5), "attempts": 12}
    with world.connector.services.database.write() as connection:
        before = set(connection.execute(select(rows.c.id)).scalars())
        outbox.add_all(connection, orders)
        mine = rows.c.id.not_in(before)
        connection.execute(update(rows).where(mine).values(ended_at | values))


def states(world: World, tenant: str | None = None) -> list[str]:
    statement = select(rows.c.state).where(rows.c.tenant == (tenant or world.tenant), rows.c.kind != AdvanceJob.kind)
    with world.connector.services.database.read() as connection:
        return sorted(connection.execute(statement).scalars())


def step_through(world: World, job: dict[str, Any], admin: Caller) -> dict[str, Any]:
    """Do a job's steps without a worker, so that no due delivery is made."""
    step = 0
    while job_of(admin, job["id"])["state"] in ("queued", "running"):
        world.connector.services.job_steps.advance(AdvanceJob(world.tenant, job["id"], step))
        step += 1
    return job_of(admin, job["id"])


class TestResending:
    def test_dead_deliveries_since_a_time_become_due_again(self, world: World, admin: Caller) -> None:
        world.connector.rest()
        add(world, 3)
        add(world, 2, settled_at=datetime.now(UTC) - timedelta(days=3))
        add(world, 1, state="done")
        add(world, 2, tenant=OTHERS)
        since = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        job = step_through(world, ask(admin, "resend-deliveries", {"since": since}), admin)

        assert (job["state"], job["done"], job["total"], job["summary"]) == ("done", 3, 3, {"queued": 3})
        assert states(world) == ["dead"] * 2 + ["done"] + ["ready"] * 3
        assert states(world, OTHERS) == ["dead"] * 2

    def test_many_deliveries_become_due_page_by_page_and_once_each(self, world: World, admin: Caller) -> None:
        world.connector.rest()
        add(world, PAGE + 1)
        job = ask(admin, "resend-deliveries", {"since": LONG_AGO})
        steps = world.connector.services.job_steps
        for _ in range(2):  # the second finds that it was done
            steps.advance(AdvanceJob(world.tenant, job["id"], 0))
        assert (job_of(admin, job["id"])["done"], states(world).count("ready")) == (PAGE, PAGE)
        with world.connector.services.database.write() as connection:  # delivered meanwhile, in vain
            connection.execute(update(rows).where(rows.c.state == "ready").values(state="dead"))
        finished = step_through(world, job, admin)
        assert (finished["done"], states(world).count("ready")) == (PAGE + 1, 1)

    def test_resending_everything_includes_exactly_the_notices(self, world: World, admin: Caller) -> None:
        world.connector.rest()
        body = {"url": f"{world.connector.url}/nowhere", "events": ["verification.finished"]}
        endpoint_id = answer_on(admin.post(ENDPOINTS, body), 201)["id"]
        add(world, 2, state="done", endpoint_id=endpoint_id)
        add(world, 1, endpoint_id=endpoint_id)
        add(world, 1, state="done", endpoint_id="another")
        add(world, 1, state="done", endpoint_id=endpoint_id, created_at=datetime(2019, 1, 1, tzinfo=UTC))
        add(world, 4, state="done")
        asked = {"since": LONG_AGO, "which": "everything", "endpointId": endpoint_id}
        job = step_through(world, ask(admin, "resend-deliveries", asked), admin)
        assert (job["done"], job["total"], states(world).count("ready")) == (3, 3, 3)

        del asked["endpointId"]
        job = step_through(world, ask(admin, "resend-deliveries", asked), admin)
        assert (job["done"], states(world).count("ready")) == (1, 4)

    @pytest.mark.parametrize(("which", "number"), [("dead", 2), ("everything", 3)])
    def test_a_delivery_that_is_settled_again_while_the_job_runs_is_not_repeated_twice(
        self, which: str, number: int, world: World, admin: Caller
    ) -> None:
        world.connector.rest()
        body = {"url": f"{world.connector.url}/nowhere", "events": ["verification.finished"]}
        endpoint_id = answer_on(admin.post(ENDPOINTS, body), 201)["id"]
        add(world, 1, state="done", endpoint_id=endpoint_id)
        add(world, 2, endpoint_id=endpoint_id)
        job = ask(admin, "resend-deliveries", {"since": LONG_AGO, "which": which})
        repeated = 0
        for step in range(4):  # each step's deliveries are made before the next one; one of them fails at once
            world.connector.services.job_steps.advance(AdvanceJob(world.tenant, job["id"], step))
            with world.connector.services.database.write() as connection:
                due = connection.execute(
                    select(rows.c.id).where(rows.c.state == "ready", rows.c.endpoint_id.is_not(None))
                )
                for at, row_id in enumerate(due.scalars().all()):
                    again = {"state": "done" if at == 0 else "dead", "settled_at": datetime.now(UTC)}
                    connection.execute(update(rows).where(rows.c.id == row_id).values(again))
                    repeated += 1
        assert (job_of(admin, job["id"])["state"], repeated) == ("done", number)

    def test_an_unknown_endpoint_and_one_of_another_tenant_are_refused(self, world: World, admin: Caller) -> None:
        body = {"url": f"{world.connector.url}/nowhere", "events": ["verification.finished"]}
        theirs = answer_on(world.connector.as_admin(OTHERS).post(ENDPOINTS, body), 201)["id"]
        for endpoint_id in (UNKNOWN, theirs):
            asked = {"since": LONG_AGO, "endpointId": endpoint_id}
            assert_error(admin.post(f"{JOBS}/resend-deliveries", asked), 404, "IDVP-60020", endpoint_id)
        assert_error(admin.post(f"{JOBS}/resend-deliveries", {"since": "yesterday"}), 400, "IDVP-60002", "since")


class TestFetchingRuns:
    def test_results_whose_webhook_was_lost_are_applied(self, world: World, admin: Caller) -> None:
        callers = [world.add_user(user_id) for user_id in ("ann", "bea", "cid")]
        runs = [world.start(caller) for caller in callers]
        world.faults(webhooks_lost=-1)
        for run_id in runs[:2]:
            world.outcome(run_id)
        job = done(world, admin, "fetch-runs", {"providerId": world.provider_id, "since": _yesterday()})

        assert job["summary"] == {"listed": 3, "ours": 3, "queued": 2}
        for caller in callers[:2]:
            world.wait_until(lambda caller=caller: caller.claims()[GIVEN_NAME]["isVerified"])  # type: ignore[misc]
        again = done(world, admin, "fetch-runs", {"providerId": world.provider_id, "since": _yesterday()})
        assert again["summary"]["queued"] == 0

    def test_an_unanswered_call_to_onfido_is_repeated(self, world: World, admin: Caller) -> None:
        world.connector.rest()
        job = ask(admin, "fetch-runs", {"providerId": world.provider_id, "since": _yesterday()})
        world.faults(failed=-1)
        with pytest.raises(OnfidoError):
            world.connector.services.job_steps.advance(AdvanceJob(world.tenant, job["id"], 0))
        assert job_of(admin, job["id"])["state"] == "running"
        world.faults(failed=0)
        world.connector.deliver()
        assert ended(world, admin, job)["state"] == "done"

    def test_the_removal_of_the_provider_fails_the_job(self, world: World, admin: Caller) -> None:
        world.connector.rest()
        job = ask(admin, "fetch-runs", {"providerId": world.provider_id, "since": _yesterday()})
        remover = world.connector.as_admin(scopes=["internal_idvp_delete"])
        assert remover.request("DELETE", f"/api/server/v1/idv-providers/{world.provider_id}").status_code == 204
        world.connector.deliver()
        assert ended(world, admin, job)["state"] == "failed"

    def test_a_provider_of_another_tenant_is_refused(self, world: World) -> None:
        others = world.connector.as_admin(OTHERS)
        asked = {"providerId": world.provider_id, "since": _yesterday()}
        assert_error(others.post(f"{JOBS}/fetch-runs", asked), 404, "IDVP-60000")


def _yesterday() -> str:
    return f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
