"""Processes of the OpenID provider are killed at any moment: each request is answered, and nothing counts twice.

No code is accepted twice, and no verification is paid for twice. After most faults, the next one waits until a request
has ended, so that most requests end between faults even on a slow machine.

`FAULTS_FLOWS=1000 pytest -s tests/faults/test_openid_flows.py` is the whole size; `FAULTS_SEED=…` replays a schedule.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import select

from connector.bootstrap import create_services
from connector.domain.openid.clients import ClientConfig
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.settings import Settings
from connector.store.models import verifications
from tests.faults import site as sites
from tests.faults.applications import Applications
from tests.faults.site import Site
from tests.faults.test_faults import DATABASES, PATIENCE, SEED, tell, wait_while_they_advance
from tests.faults.troubles import Troubles
from tests.faults.visits import Party, Visit
from tests.oidc.relying_party import REDIRECT_URI

FLOWS = int(os.environ.get("FAULTS_FLOWS") or 40)
AT_ONCE = 40  # with more, their codes would expire while they wait
SECONDS = 12.0  # while which the first of them begin
TROUBLES = (
    *("kill_web", "kill_web_child", "freeze_web", "kill_worker", "replace_worker"),
    *("connections_are_cut", "database_loses_power", "answers_are_lost", "onfido_fails"),
)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", DATABASES)
def test_every_request_is_answered_although_processes_are_killed(
    tmp_path: Path, sqlite_template: Path, kind: str
) -> None:
    tell(f"{kind}: FAULTS_SEED={SEED} FAULTS_FLOWS={FLOWS}")
    with sites.running(tmp_path, sqlite_template, users=0, is_sqlite=kind == "sqlite", webs_on_sqlite=2) as site:
        party = register(site)
        visits = [Visit(party, f"person-{number:05}", SEED) for number in range(FLOWS)]
        try:
            run_amid_troubles(site, visits)
        finally:  # duplicates are reported even if some flows have no answer
            assert list(problems(site, party)) == []


def register(site: Site) -> Party:
    """Register a client with the site's provider."""
    url = site.deployment.webs[0].environ["CONNECTOR_DATABASE_URL"]
    services = create_services(Settings(data_dir=site.data_dir, database_url=url, allow_http_loopback=True))
    try:
        config = ClientConfig("Faults", "okta", site.provider_id, (REDIRECT_URI,), allows_sandbox=True)
        client, secret = services.openid_clients.add(Tenant(DEFAULT_TENANT), config)
    finally:
        services.close()
    return Party(site, client.client_id, secret)


def run_amid_troubles(site: Site, visits: list[Visit]) -> None:
    """Run all visits while faults are injected; visits in progress end afterwards."""
    applications = Applications(visits, SECONDS, AT_ONCE)
    troubles = Troubles(site, SEED, TROUBLES, Advance(lambda: applications.left).is_made)
    began, left = time.monotonic(), FLOWS
    applications.start()
    troubles.start()
    try:
        time.sleep(SECONDS)
        wait_while_they_advance(lambda: applications.left, AT_ONCE // 2)
        assert troubles.have_all_come.wait(10 * PATIENCE)
        left = applications.left
        troubles.stop()
        site.begin_again()
        wait_while_they_advance(lambda: applications.left, 0)
    finally:
        troubles.stop()
        applications.stop()
        tell("\n".join(troubles.told))
        restarts, repetitions = sum(visit.restarts for visit in visits), applications.repetitions
        tell(f"{len(visits)} in {time.monotonic() - began:.0f} s, {repetitions} repetitions, {restarts} begun again")
        tell(f"{FLOWS - left} of them ended amid {len(troubles.told)} troubles")
    assert (applications.failures, applications.waiting) == ([], [])
    assert applications.repetitions > FLOWS / 20, "the faults have affected almost no verification"
    assert FLOWS - left >= FLOWS / 4, "almost no verification has ended during the faults"


class Advance:
    """Whether another request has ended."""

    def __init__(self, left: Callable[[], int]) -> None:
        self._left = left
        self._seen = left()

    def is_made(self) -> bool:
        """Return whether a request has ended since the last call, or none is left."""
        seen, self._seen = self._seen, self._left()
        return self._seen < seen or self._seen == 0


def problems(site: Site, party: Party) -> Iterator[str]:
    """Yield every violation of the expected state."""
    if twice := {code for code, number in party.accepted.items() if number > 1}:
        yield f"{len(twice)} codes were accepted twice"
    if len(party.answers) != FLOWS:
        yield f"{len(party.answers)} of {FLOWS} have an answer"
    for flow_id, status, answer in party.answers:
        if answer not in ("access_denied", "VERIFIED" if status == "approved" else "FAILED"):
            yield f"{flow_id} was {status}, but its client was told {answer}"
    runs = requests.get(f"{site.simulator.url}/simulator/state", timeout=60).json()["runs"]
    with site.database.read() as connection:
        rows = connection.execute(select(verifications.c.user_id, verifications.c.run_id)).all()
    started = Counter(user_id for user_id, run_id in rows if run_id)
    yield from (f"{number} verifications were paid for {guest}" for guest, number in started.items() if number > 1)
    if unknown := {run["id"] for run in runs} ^ {run_id for _, run_id in rows if run_id}:
        yield f"runs that only one side knows: {sorted(unknown)}"
