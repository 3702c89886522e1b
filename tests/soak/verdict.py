"""The search for losses: at Onfido, at the application, and in the database."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from statistics import quantiles
from typing import Any

from sqlalchemy import func, select

from connector.services.upkeep import Sweep
from connector.store.deliveries.outbox import DEAD, READY
from connector.store.models import events, outbox, signal_streams, verifications
from tests.soak import signals
from tests.soak.people import People, Times
from tests.soak.site import Site, state_of

PATIENCE = 180.0  # seconds that everything has to settle, leases of killed processes included
ENDED = ("approved", "declined", "review", "abandoned")
OPEN = select(func.count()).where(verifications.c.closed_at.is_(None))
UNDELIVERED = select(func.count()).where(outbox.c.state == READY, outbox.c.kind != Sweep.kind)
WAITING = select(func.coalesce(func.sum(signal_streams.c.waiting), 0))  # events of streams
DEAD_DELIVERIES = select(outbox.c.kind, func.count()).where(outbox.c.state == DEAD).group_by(outbox.c.kind)
VERIFICATIONS = select(verifications.c.id, verifications.c.user_id, verifications.c.run_id, verifications.c.status)


def settle(site: Site) -> float:
    """Wait until nothing is in progress; return the seconds that this took."""
    began = time.monotonic()
    while time.monotonic() < began + PATIENCE:
        with site.services.database.read() as connection:
            if not any(connection.execute(each).scalar_one() for each in (OPEN, UNDELIVERED, WAITING)):
                break
        time.sleep(1)
    return round(time.monotonic() - began, 1)


def problems(site: Site, people: People) -> list[str]:
    """Return everything that was lost or doubled, and dead deliveries."""
    with site.services.database.read() as connection:
        rows = connection.execute(VERIFICATIONS).all()
        dead = connection.execute(DEAD_DELIVERIES).all()
        undelivered, waiting = (connection.execute(each).scalar_one() for each in (UNDELIVERED, WAITING))
        received = connection.execute(select(func.count()).select_from(events)).scalar_one()
    runs = {run["id"]: run["status"] for run in state_of(site)["runs"]}
    return [
        *people.failures,
        *about_runs(len(people.users), rows, runs),
        *_about_notices(site, rows),
        *signals.problems(site.services.database, site.streams),
        *(f"{number} deliveries of {kind} are dead" for kind, number in dead),
        *([f"{undelivered} deliveries were not made"] if undelivered else []),
        *([f"{waiting} events of streams were not delivered"] if waiting else []),
        *([] if received else ["no event was received"]),
    ]


def about_runs(users: int, rows: Any, runs: dict[str, str]) -> Iterator[str]:
    """Yield each run whose status here differs from Onfido's, and each user without exactly one run."""
    here = {row.run_id: row.status for row in rows if row.run_id}
    for run_id, status in runs.items():
        if here.get(run_id) != status:
            yield f"run {run_id} is {status} at Onfido, here {here.get(run_id)}"
    if len(runs) != users:
        yield f"{users} users, but {len(runs)} runs were paid for"
    for user_id, number in Counter(row.user_id for row in rows if row.run_id).items():
        if number != 1:
            yield f"{user_id} has {number} runs"


def _about_notices(site: Site, rows: Any) -> Iterator[str]:
    ended = {row.id for row in rows if row.status in ENDED}
    if missing := ended - set(site.notices):
        yield f"of {len(missing)} verifications that ended no notice arrived"


def summary(times: Times) -> dict[str, Any]:
    """Return the percentiles by operation, in milliseconds, and the number of each answer."""
    taken = {
        name: {
            "requests": len(values),
            "p50": round(quantiles(values, n=100, method="inclusive")[49], 1),
            "p99": round(quantiles(values, n=100, method="inclusive")[98], 1),
            "max": round(max(values), 1),
        }
        for name, values in sorted(times.taken.items())
        if len(values) > 1
    }
    return {"milliseconds": taken, "answers": dict(sorted(times.answers.items()))}
