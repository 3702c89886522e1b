"""A process that is suspended (SIGSTOP) before a call to Onfido, and resumed long after its lease has expired."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.between import Between, between
from tests.harness import World, verified
from tests.patience import LEASE
from tests.processes import running
from tests.races.attack import RUN_SETTLE_TIME, applicants_at_onfido, runs_at_onfido, settle
from tests.races.test_killed import ROOT, ahead
from tests.values import MAPPING
from tests.waiting import GENEROUS

BUDGET = 3.0  # seconds, in which a busy machine reaches the connection; the lease lasts 15 longer


@contextmanager
def stopped(world: World, onfido: Between, connection: int) -> Iterator[subprocess.Popen[str]]:
    """Run a process that initiates, and suspends itself at its n-th connection to Onfido, past its deadline."""
    settings = world.connector.settings
    order = {
        "settings": {
            "database_url": settings.database_url,
            "allow_http_loopback": True,
            "interactive_budget": BUDGET,
            "run_settle_time": settings.run_settle_time,
        },
        "data_dir": str(settings.data_dir),
        "tenant": world.tenant,
        "provider_id": world.provider_id,
        "user_id": "ann",
        "ahead": ahead(world),
        "port": onfido.server_port,
        "connection": connection,
    }
    command = [sys.executable, "-m", "tests.races.stopping", json.dumps(order)]
    with running(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        world.wait_until(lambda: is_stopped(process))
        time.sleep(BUDGET)
        yield process


def is_stopped(process: subprocess.Popen[str]) -> bool:
    assert process.poll() is None, "it has ended"
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def go_on(process: subprocess.Popen[str]) -> str:
    os.kill(process.pid, signal.SIGCONT)
    said, _ = process.communicate(timeout=GENEROUS)
    return said.splitlines()[-1]


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("connection", [1, 2])
def test_a_process_suspended_while_connecting_sends_nothing_to_onfido(
    quiet: World, connection: int, *, is_known: bool
) -> None:
    ann, earlier = quiet.add_user(), set()
    if is_known:
        settle(quiet, first := quiet.start(ann), "declined")
        earlier = {first}
    with between(quiet) as onfido:
        onfido.closes = True  # so that each call has a connection to itself
        with stopped(quiet, onfido, connection) as process:
            quiet.clock.advance(LEASE + RUN_SETTLE_TIME)
            run_id = quiet.start(ann)

            assert go_on(process) in {"OIDV-10046", "OIDV-10048"}

    assert runs_at_onfido(quiet) == {run_id, *earlier}
    assert applicants_at_onfido(quiet) == 1
    settle(quiet, run_id)
    assert verified(ann.claims()) == set(MAPPING)
