"""Jobs whose workers are killed repeatedly: every line is written once, every delivery is made due once."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from connector.services.jobs.resending import PAGE
from connector.services.lookup.verifications import BATCH
from connector.store.deliveries import outbox
from connector.store.models import jobs, verifications
from connector.store.models import outbox as rows
from tests.crowd import Place, settle
from tests.harness import Caller, World
from tests.services.ageing import let_pass
from tests.services.jobbing import ask, job_of, result_of
from tests.services.relaying import Record
from tests.services.test_outbox import LEASE_OVER
from tests.services.test_workers import worker

USERS = 4 * BATCH + 7
DELIVERIES = 4 * PAGE + 7
GENEROUS = 300.0


@pytest.fixture
def admin(world: World) -> Caller:
    """An administrator of a tenant with many verifications, and with dead deliveries."""
    world.connector.rest()
    with world.connector.services.database.write() as connection:
        settle(connection, Place(world.tenant, world.provider_id, "a"), USERS)
        connection.execute(update(verifications).values(result=None, document=None))
    orders = [Record(number) for number in range(DELIVERIES)]
    with world.connector.services.database.write() as connection:
        outbox.add_all(connection, orders)
        dead = {"state": "dead", "settled_at": datetime.now(UTC), "tenant": world.tenant, "kind": "no_handler"}
        connection.execute(update(rows).where(rows.c.kind == Record.kind).values(dead))
    return world.connector.as_admin()


@pytest.mark.parametrize("shared_connector", ["postgresql"], indirect=True)
@pytest.mark.timeout(900)
def test_a_job_continues_after_its_last_committed_step(world: World, admin: Caller, tmp_path: Path) -> None:
    written = ask(admin, "verifications-csv", {})
    since = f"{datetime.now(UTC) - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"
    resent = ask(admin, "resend-deliveries", {"since": since})
    kills = 0
    while not all(is_done(admin, job) for job in (written, resent)):
        before = steps(world)
        with worker(world.connector.settings, tmp_path / "notes", threads=1, step_size=1) as process:
            world.wait_until(lambda before=before: steps(world) > before, GENEROUS)  # type: ignore[misc]
            if kills < 3:
                process.kill()
                process.wait(60)
                kills += 1
            else:
                world.wait_until(lambda: all(is_done(admin, job) for job in (written, resent)), GENEROUS)
        let_pass(world.connector.services.database, LEASE_OVER)

    lines = list(csv.DictReader(io.StringIO(result_of(admin, written).removeprefix("\ufeff"), newline="")))
    counts = Counter(line["id"] for line in lines)
    assert (len(counts), set(counts.values())) == (USERS, {1})
    assert [line["createdAt"] for line in lines] == sorted(line["createdAt"] for line in lines)
    assert job_of(admin, resent["id"])["summary"] == {"queued": DELIVERIES}
    assert due(world) == DELIVERIES
    assert kills == 3


def is_done(admin: Caller, job: dict[str, Any]) -> bool:
    state = job_of(admin, job["id"])["state"]
    assert state in ("queued", "running", "done")
    return bool(state == "done")


def steps(world: World) -> int:
    with world.connector.services.database.read() as connection:
        return int(connection.execute(select(func.sum(jobs.c.step))).scalar_one())


def due(world: World) -> int:
    statement = select(func.count()).where(rows.c.kind == "no_handler", rows.c.state == "ready")
    with world.connector.services.database.read() as connection:
        return int(connection.execute(statement).scalar_one())
