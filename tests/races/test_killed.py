"""A process that is killed (`kill -9`) while it initiates: another one continues, and pays for no second run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.harness import Caller, World, run_id_of
from tests.patience import LEASE
from tests.processes import running
from tests.races.attack import (
    BEING_STARTED,
    OPEN_ALREADY,
    RUN_SETTLE_TIME,
    applicants_at_onfido,
    assert_resumed,
    initiate,
    outcome_of,
    runs_at_onfido,
)

ROOT = Path(__file__).parents[2]
COMMITS = 11  # more than an initiation makes
START_RUN = "POST /workflow_runs"


def dying(world: World, orders: list[dict[str, Any]]) -> list[str]:
    """Return the command of a separate connector that carries out `orders` on this world's database."""
    settings = world.connector.settings
    names = ("database_url", "allow_http_loopback", "interactive_budget", "run_settle_time")
    told = {
        "settings": {name: getattr(settings, name) for name in names},
        "data_dir": str(settings.data_dir),
        "tenant": world.tenant,
        "provider_id": world.provider_id,
        "orders": orders,
    }
    return [sys.executable, "-m", "tests.races.dying", json.dumps(told)]


def ahead(world: World) -> float:
    """Return the seconds by which the world's clock is ahead of the real time."""
    return (world.clock() - datetime.now(UTC)).total_seconds()


def test_a_process_killed_while_onfido_starts_the_run_pays_for_no_second_run(quiet: World) -> None:
    ann = quiet.add_user()
    quiet.faults(route=START_RUN, latency_ms=60_000)
    order = {"user_id": "ann", "moment": None, "ahead": ahead(quiet)}
    with running(dying(quiet, [order]), cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        quiet.wait_until(lambda: START_RUN in quiet.onfido_state()["requests"])
        os.killpg(process.pid, signal.SIGKILL)
    quiet.faults(latency_ms=0)
    quiet.wait_until(lambda: len(runs_at_onfido(quiet)) == 1)

    assert initiate(quiet, ann) == BEING_STARTED
    quiet.clock.advance(LEASE)
    assert_resumed(quiet, ann)
    assert applicants_at_onfido(quiet) == 1


def test_processes_killed_twice_around_every_commit_pay_for_no_second_run(quiet: World) -> None:
    commits = range(1, COMMITS + 1)
    users = {f"user-{commit}": quiet.add_user(f"user-{commit}") for commit in commits}
    now, wait = ahead(quiet), LEASE + RUN_SETTLE_TIME
    orders = [
        {"user_id": user_id, "moment": moment, "commit": commit, "ahead": at}
        for moment, at, step in (("before", now, 1), ("after", now + wait, 5))
        for user_id, commit in zip(users, (step * commit % COMMITS + 1 for commit in commits), strict=True)
    ]

    with running(dying(quiet, orders), cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        survivors = process.wait(300)

    assert 0 < survivors < COMMITS, "every commit was met, and most were deadly"
    quiet.clock.advance(2 * wait)
    runs = [run_of(quiet, user) for user in users.values()]
    assert sorted(runs) == sorted(runs_at_onfido(quiet))


def run_of(world: World, caller: Caller) -> str:
    """Return the run that the user gets in the end."""
    answer = caller.verify(world.provider_id, "INITIATED")
    if outcome_of(answer) == OPEN_ALREADY:
        answer = caller.verify(world.provider_id, "REINITIATED")
    assert answer.status_code == 200, answer.text
    assert answer.json()["claims"][0]["claimMetadata"]["sdk_token"]
    return run_id_of(answer)
