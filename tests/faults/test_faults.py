"""Processes are killed at any moment: every result is applied exactly once, and no run is paid for twice.

`FAULTS_SEED=… pytest tests/faults` replays a schedule; `FAULTS_VERIFICATIONS` makes it longer.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults import site as sites
from tests.faults.account import is_settled, problems
from tests.faults.applications import Applicant, Applications
from tests.faults.site import Site
from tests.faults.troubles import Troubles
from tests.waiting import GENEROUS

SEED = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(10**6))
VERIFICATIONS = int(os.environ.get("FAULTS_VERIFICATIONS") or 200)
SECONDS = VERIFICATIONS / 14  # while which verifications begin and troubles come
DATABASES = ("sqlite", "postgresql")  # at once: most of the time is spent waiting
PATIENCE = GENEROUS  # for everything to settle, leases of killed processes included


@pytest.mark.timeout(0)
def test_every_verification_is_paid_for_once_and_its_result_applied_once(tmp_path: Path, sqlite_template: Path) -> None:
    tell(f"FAULTS_SEED={SEED} FAULTS_VERIFICATIONS={VERIFICATIONS}")
    with ThreadPoolExecutor() as pool:
        schedules = {kind: pool.submit(endure, kind, tmp_path / kind, sqlite_template) for kind in DATABASES}

    assert {kind: schedule.result() for kind, schedule in schedules.items()} == {kind: [] for kind in DATABASES}


def endure(kind: str, directory: Path, template: Path) -> list[str]:
    """Inject all faults at a site on this database; return the violations of the final state."""
    directory.mkdir()
    with sites.running(directory, template, users=VERIFICATIONS, is_sqlite=kind == "sqlite") as site:
        begin_amid_troubles(site, kind)
        wait_until(lambda: settle(site), 5 * PATIENCE)
        return problems(site)


def begin_amid_troubles(site: Site, kind: str) -> None:
    """Verify every user while faults are injected; verifications in progress end afterwards."""
    troubles, applications = Troubles(site, SEED), applications_of(site)
    applications.start()
    troubles.start()
    try:
        time.sleep(SECONDS)
        assert troubles.have_all_come.wait(10 * PATIENCE)
        troubles.stop()
        site.begin_again()
        wait_while_they_advance(lambda: applications.left, 0)
    finally:
        troubles.stop()
        applications.stop()
        tell("\n".join(f"{kind:10} {trouble}" for trouble in troubles.told))
    assert (applications.failures, applications.waiting) == ([], [])
    assert applications.repetitions > VERIFICATIONS / 10, "the faults have affected almost no verification"


def applications_of(site: Site) -> Applications:
    return Applications([Applicant(site, user_id, SEED) for user_id in site.user_ids], SECONDS)


def settle(site: Site) -> bool:
    site.pass_time()
    return is_settled(site)


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until a condition is true or time is up; the checks afterwards find what is missing."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.5)


def wait_while_they_advance(left: Callable[[], int], few: int) -> None:
    """Wait until at most `few` people are left, or none was done for minutes; the checks afterwards find the others."""
    now = left()
    while now > few and (later := _later(left, now)) != now:
        now = later


def _later(left: Callable[[], int], now: int) -> int:
    wait_until(lambda: left() != now, 2 * PATIENCE)
    return left()


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
