"""`python -m tests.bench.pages`: each page of the console, with a thousand and with a million users.

Two connectors, one for each number of users, get the same requests in turns: each page, and the second page of each
list. It prints both p50 in milliseconds as the browser sees them, the median of the ratios, and the ratio of the
fastest answers, which other work on the machine affects least. A page with both ratios above 1.3 is marked, unless it
shows more rows: then it prints their numbers.

    python -m tests.bench.pages sqlite|postgresql [rounds] [users] [name]

`name` limits the run to the addresses that contain it.
"""

from __future__ import annotations

import re
import sys
import time
from collections import defaultdict
from contextlib import ExitStack
from statistics import median

from sqlalchemy import select, update

from connector.services.daily_counts import MOST_DAYS
from connector.simulator.server import Simulator
from connector.store.models import verifications
from connector.telemetry import configure_logging
from tests.bench.million import FEW, MANY, MOST, Side, side_of
from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.plans.browsing import Console
from tests.plans.console_work import lists_of, pages_of

Times = dict[str, list[float]]


def main(kind: str, rounds: str = "15", users: str = str(MANY), name: str = "") -> None:
    """Populate both databases, open the pages in turns, print the times."""
    configure_logging("CRITICAL", "json")
    with ExitStack() as stack:
        simulator = stack.enter_context(Simulator())
        sides = [stack.enter_context(side_of(kind, number, simulator)) for number in (FEW, int(users))]
        for side in sides:
            _count_days(side.world)
        visits = [_Visit(side, busy, name) for side, busy in zip(sides, (50, int(users) // 1000), strict=True)]
        for number in range(int(rounds) + 1):
            for at in range(len(visits[0].paths)):
                for visit in visits if number % 2 else reversed(visits):
                    visit.turn(at)
        _print(*visits)


class _Visit:
    """An administrator who opens every page in each round; one user has `busy` verifications."""

    def __init__(self, side: Side, busy: int, name: str) -> None:
        self._console = Console(side.world, "admin", ALL_SCOPES)
        lists = {path.replace(side.world.provider_id, "…"): path for path in lists_of(side.world)}
        pages = lists | pages_of(side.world, _keep_busy(side.world, busy))
        self.paths = [(each, path) for each, path in pages.items() if name in each]
        self.times: Times = defaultdict(list)
        self.rows: dict[str, int] = {}

    def turn(self, at: int) -> None:
        """Open a page once, and the second page of a list."""
        name, path = self.paths[at]
        following = re.search(r'href="([^"]+)" rel="next"', self._open(name, path))
        if following:
            self._open(f"{name} (older)", following[1].replace("&amp;", "&"))

    def _open(self, name: str, path: str) -> str:
        began = time.perf_counter()
        page = self._console.open(path)
        self.times[name].append((time.perf_counter() - began) * 1000)
        self.rows[name] = page.count("<tr")
        return page


def _count_days(world: World) -> None:
    """Count a year, as the sweep does."""
    for _ in range(366 // MOST_DAYS + 2):
        world.connector.services.daily_counts.count_due()


def _keep_busy(world: World, number: int) -> str:
    """Create a number of verifications for one user: the latest, so that the page of the first one is another's."""
    some = select(verifications.c.id).where(
        verifications.c.provider_id == world.provider_id, verifications.c.status == "approved"
    )
    latest = some.order_by(verifications.c.created_at.desc())
    with world.connector.services.database.write() as connection:
        chosen = connection.execute(latest.limit(number)).scalars().all()
        for start in range(0, len(chosen), 500):
            of_these = verifications.c.id.in_(chosen[start : start + 500])
            connection.execute(update(verifications).where(of_these).values(user_id="busy"))
    world.add_user("busy")
    return "busy"


def _print(first: _Visit, second: _Visit) -> None:
    few, many = first.times, second.times
    for name in sorted(few.keys() & many.keys()):
        pairs = list(zip(few[name][1:], many[name][1:], strict=False))  # the first round warms up
        less, more = (median(times) for times in zip(*pairs, strict=True))
        ratio = median(of_many / of_few for of_few, of_many in pairs)
        least = min(more for _, more in pairs) / min(less for less, _ in pairs)
        mark = "  <-- slower" if min(ratio, least) > MOST else ""
        if first.rows[name] != second.rows[name]:
            mark = f"  (rows: {first.rows[name]} and {second.rows[name]})"
        print(f"{less:9.2f} {more:9.2f} {ratio:6.2f} {least:6.2f}  {name}{mark}")


if __name__ == "__main__":
    main(*sys.argv[1:])
