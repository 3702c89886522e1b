"""The required final state, checked at Onfido and in the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import RowMapping, Select, func, select

from connector.domain.audit.history import CLAIM, RUN
from connector.domain.studio.workflow_run import FINAL_STATUSES
from connector.services.upkeep import Sweep
from connector.store.deliveries.outbox import DEAD, READY
from connector.store.models import claims, events, history, outbox, verifications
from connector.store.providers.events import PARKED
from tests.bodies import API_TOKEN
from tests.faults.site import Site
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME

COMPARED_AS = {GIVEN_NAME: "first_name", LAST_NAME: "last_name", BIRTH_DATE: "date_of_birth"}
OPEN = select(func.count()).where(verifications.c.closed_at.is_(None))
UNDELIVERED = select(func.count()).where(outbox.c.state == READY, outbox.c.kind != Sweep.kind)
KNOWN_BUT_PARKED = (
    select(func.count())
    .select_from(events)
    .join(verifications, verifications.c.run_id == events.c.run_id)
    .where(events.c.state == PARKED)
)


def is_settled(site: Site) -> bool:
    """Whether no work is in progress any more."""
    with site.database.read() as connection:
        return not any(connection.execute(each).scalar_one() for each in (OPEN, UNDELIVERED, KNOWN_BUT_PARKED))


def problems(site: Site) -> list[str]:
    """Return every violation of the expected state."""
    runs = requests.get(f"{site.simulator.url}/simulator/state", timeout=60).json()["runs"]
    rows = _rows(site, select(verifications))
    return [*_about_runs(site, runs, rows), *_about_results(site, runs, rows), *_left_over(site)]


def _about_runs(site: Site, runs: list[Any], rows: list[RowMapping]) -> Iterator[str]:
    """Yield users without exactly one run, and runs that share an applicant."""
    if len(runs) != len(site.user_ids):
        yield f"{len(site.user_ids)} verifications, but {len(runs)} runs were paid for"
    if len({run["applicant_id"] for run in runs}) != len(runs):
        yield "two runs share an applicant"
    started = [verification for verification in rows if verification["run_id"]]
    for user_id, number in Counter(verification["user_id"] for verification in started).items():
        if number > 1:
            yield f"{user_id} has {number} runs"
    if unknown := {run["id"] for run in runs} - {verification["run_id"] for verification in started}:
        yield f"runs that nobody here knows: {sorted(unknown)}"
    for user_id in sorted(set(site.user_ids) - {verification["user_id"] for verification in started}):
        failures = [verification["failure"] for verification in rows if verification["user_id"] == user_id]
        yield f"no run was started for {user_id}; what its verifications failed of: {failures}"


def _about_results(site: Site, runs: list[Any], rows: list[RowMapping]) -> Iterator[str]:
    """Yield results that were not applied exactly once, and claims that differ from their run's comparison."""
    ended = {run["id"]: run["status"] for run in runs}
    changes = Counter(
        (row["verification_id"], row["subject"], row["name"])
        for row in _rows(site, select(history))
        if row["subject"] == CLAIM or (row["subject"] == RUN and row["current"] in FINAL_STATUSES)
    )
    known = _rows(site, select(claims))
    for verification in (verification for verification in rows if verification["run_id"]):
        run_id, verification_id = verification["run_id"], verification["id"]
        if verification["status"] != ended.get(run_id) or verification["closed_at"] is None:
            closed_at = verification["closed_at"]
            yield f"run {run_id} is {ended.get(run_id)}, here {verification['status']}, closed {closed_at}"
        if (number := changes[verification_id, RUN, run_id]) != 1:
            yield f"the result of run {run_id} was applied {number} times"
        comparisons = _comparisons(site, run_id)
        for uri, key in COMPARED_AS.items():
            if (number := changes[verification_id, CLAIM, uri]) != 1:
                yield f"{uri} of run {run_id} was changed {number} times"
            told = comparisons.get(key) or "not_compared"
            expected = (verification["status"] == "approved" and told == "clear", told)
            stands = [
                (row["is_verified"], row["verification_status"])
                for row in known
                if (row["verification_id"], row["uri"]) == (verification_id, uri)
            ]
            if stands != [expected]:
                yield f"{uri} of run {run_id} ({verification['status']}, {told}) stands as {stands}"


def _left_over(site: Site) -> Iterator[str]:
    for row in _rows(site, select(outbox).where(outbox.c.state == DEAD)):
        if not (row["history"] and row["history"][-1]["reason"]):
            yield f"{row['kind']} {row['id']} is dead without a reason"
    with site.database.read() as connection:
        for what, statement in (("undelivered", UNDELIVERED), ("parked though their run is known", KNOWN_BUT_PARKED)):
            if number := connection.execute(statement).scalar_one():
                yield f"{number} are {what}"
    for log in site.deployment.logs:
        yield from _thread_failures(log)


def _thread_failures(log: Path) -> Iterator[str]:
    for line in log.read_text(errors="replace").splitlines():
        if "Exception in thread" in line:
            yield f"{log.name}: {line}"


def _comparisons(site: Site, run_id: str) -> Mapping[str, str | None]:
    """Return Onfido's comparison from the run's document check, whatever the shape of the output."""
    url = f"{site.simulator.api_url}/workflow_runs/{run_id}/tasks"
    tasks = _onfido(url)
    for task in tasks:
        if task["task_def_id"] == "document_check":
            breakdown = _onfido(f"{url}/{task['id']}")["output"]["breakdown"]["data_comparison"]["breakdown"]
            return {key: compared["result"] for key, compared in breakdown.items()}
    return {}


def _onfido(url: str) -> Any:
    answer = requests.get(url, headers={"Authorization": f"Token token={API_TOKEN}"}, timeout=60)
    assert answer.ok, answer.text
    return answer.json()


def _rows(site: Site, statement: Select[Any]) -> list[RowMapping]:
    with site.database.read() as connection:
        return list(connection.execute(statement).mappings())
