"""One budget at Onfido for all processes: turns are reserved in the database, on its clock.

Buckets refill so slowly here that no call becomes available during a test, unless the test says so.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from connector.onfido.budget import Turn
from connector.onfido.pacing import LONGEST_RETRY_AFTER, Pace
from connector.services.providers.budget import AHEAD, AccountBudgets
from connector.store.engine import Database
from connector.store.models import onfido_budgets
from connector.store.providers import budgets
from connector.store.vault import Fingerprints
from tests.bodies import API_TOKEN, config_properties, provider_body
from tests.harness import World
from tests.processes import PROGRAM, run_together
from tests.races.attack import PROVIDERS, add_provider
from tests.waiting import wait_until

KEY = bytes(32)
BURST, RESERVE, INTERVAL = 4, 1, 100.0
PACE = Pace(INTERVAL, (BURST - 1) * INTERVAL, (BURST - 1 - RESERVE) * INTERVAL)
ACCOUNT = "api.eu.onfido.com an-api-token"

# Each process prints when it begins, makes a number of calls as fast as it may, and prints the time after each; the
# bucket starts with 60 calls.
CALLS, PROCESSES, PER_MINUTE = 40, 3, 600
CALLING = f"""
import sys, time
from connector.onfido.budget import SharedLimit
from connector.onfido.pacing import Pace, Queue, RateLimit
from connector.services.providers.budget import AccountBudgets
from connector.store.engine import Database
from connector.store.vault import Fingerprints

pace, queue = Pace.of({PER_MINUTE}), Queue()
alone = RateLimit({PER_MINUTE}, clock=time.monotonic, sleep=time.sleep, queue=queue)
budget = AccountBudgets(Database(sys.argv[1]), Fingerprints(bytes(32)))
limit = SharedLimit(budget, "account", pace, alone, clock=time.monotonic, sleep=time.sleep, queue=queue)
print("ready", flush=True)
sys.stdin.readline()
print(time.time())
for _ in range({CALLS}):
    limit.wait_for_turn(60)
    print(time.time())
"""
# A process that is killed while it books: its transaction is open.
DYING = """
import os, sys
from connector.store.providers import budgets
from connector.store.engine import Database

with Database(sys.argv[1]).write() as connection:
    pace = {"interval": 100.0, "leeway": 300.0, "farthest": 1e5, "patience": 0.0, "lock_patience": 1.0}
    assert budgets.book(connection, "ignored", **pace).one_or_none().is_booked
    budgets.hold(connection, sys.argv[2], seconds=300.0, leeway=300.0, farthest=1e5)
    assert budgets.find_held(connection, sys.argv[2], farthest=1e5).scalar() > 0
    print("booked", flush=True)
    os._exit(9)
"""


@pytest.fixture
def budget(database: Database) -> AccountBudgets:
    """The budgets, as one process accesses them."""
    return AccountBudgets(database, Fingerprints(KEY))


@pytest.fixture
def others(database_url: str) -> Iterator[AccountBudgets]:
    """The budgets, as another process accesses them."""
    with closing(Database(database_url)) as database:
        yield AccountBudgets(database, Fingerprints(KEY))


def book(budget: AccountBudgets, patience: float = 0.0, *, is_background: bool = False, account: str = ACCOUNT) -> Turn:
    turn = budget.book(account, PACE, patience, is_background=is_background)
    assert turn is not None, "the database answers"
    return turn


def taken(budget: AccountBudgets, *, is_background: bool = False, account: str = ACCOUNT) -> int:
    """Reserve all turns that are due now."""
    number = 0
    while book(budget, is_background=is_background, account=account).is_booked:
        number += 1
    return number


def test_processes_share_one_bucket(budget: AccountBudgets, others: AccountBudgets) -> None:
    assert [book(each).is_booked for each in (budget, others, budget, others, budget)] == [True] * BURST + [False]
    refused = book(others)
    assert 0 < refused.wait <= INTERVAL
    first, second = book(others, patience=INTERVAL), book(budget, patience=2 * INTERVAL)
    assert (first.is_booked, second.is_booked) == (True, True)
    assert second.wait - first.wait == pytest.approx(INTERVAL, abs=30), "turns are booked ahead in order of arrival"
    assert not book(others, patience=2 * INTERVAL).is_booked


def test_calls_of_one_request_are_booked_together(budget: AccountBudgets, others: AccountBudgets) -> None:
    turn = budget.book(ACCOUNT, PACE, 0.0, is_background=False, calls=3)
    assert turn is not None
    assert turn.is_booked
    assert turn.full == pytest.approx(3 * INTERVAL, abs=30)
    assert taken(others) == BURST - 3
    refused = budget.book(ACCOUNT, PACE, 0.0, is_background=False, calls=3)
    assert refused is not None
    assert not refused.is_booked
    assert book(others, patience=INTERVAL).is_booked, "a request that is refused books nothing"


def test_accounts_have_separate_buckets(budget: AccountBudgets) -> None:
    assert [taken(budget, account=each) for each in ("a", "b")] == [BURST, BURST]


def test_background_work_of_all_processes_leaves_the_reserve(budget: AccountBudgets, others: AccountBudgets) -> None:
    assert taken(budget, is_background=True) == BURST - RESERVE
    assert taken(others, is_background=True) == 0
    assert taken(others) == RESERVE
    ahead = book(budget, patience=INTERVAL)
    background = book(others, is_background=True)
    assert ahead.is_booked
    assert background.wait - ahead.wait == pytest.approx((RESERVE + 1) * INTERVAL, abs=30), (
        "it lets the others go first"
    )


def test_a_pause_requested_by_onfido_from_one_process_holds_back_all(
    budget: AccountBudgets, others: AccountBudgets
) -> None:
    assert others.held(ACCOUNT) == 0
    budget.hold(ACCOUNT, PACE, 200)
    budget.hold(ACCOUNT, PACE, 5)  # a shorter one does not cut it short
    assert others.held(ACCOUNT) == pytest.approx(200, abs=60)
    assert book(others).wait == pytest.approx(200, abs=60)
    assert book(others, is_background=True).wait == pytest.approx(200 + RESERVE * INTERVAL, abs=60)
    assert book(others, account="another").is_booked
    budget.hold(ACCOUNT, PACE, 10**9)
    assert (others.held(ACCOUNT) or 0) <= LONGEST_RETRY_AFTER
    budget.hold("new", PACE, 100)
    assert not book(others, account="new").is_booked


@pytest.mark.parametrize("hours", [-1, 24 * 365])
def test_a_clock_that_was_set_back_does_not_delay_calls_for_long(
    budget: AccountBudgets, database: Database, hours: int
) -> None:
    """The stored times come from a clock that was ahead, or behind, by this much."""
    taken(budget)
    budget.hold(ACCOUNT, PACE, 10)
    table, shift = onfido_budgets, hours * 3600.0
    with database.write() as connection:
        shifted = {"full_at": table.c.full_at + shift, "held_until": table.c.held_until + shift}
        connection.execute(update(table).values(shifted))
    assert book(budget).wait <= LONGEST_RETRY_AFTER + AHEAD + 2 * INTERVAL
    assert (budget.held(ACCOUNT) or 0) <= LONGEST_RETRY_AFTER + AHEAD


def test_a_call_that_waits_too_long_for_the_row_fails_in_time(
    budget: AccountBudgets, others: AccountBudgets, database: Database
) -> None:
    """Another process is suspended within its transaction, and locks the account's row, or on SQLite the database."""
    assert book(others).is_booked
    with database.write() as connection:
        connection.execute(update(onfido_budgets).values(wait=0.0))
        done: list[Turn | None] = []
        asking = threading.Thread(target=lambda: done.append(others.book(ACCOUNT, PACE, 0.2, is_background=False)))
        asking.start()
        asking.join(60)
        assert done == [None]
    assert book(others).is_booked


def test_processes_together_respect_the_limit(database_url: str, budget: AccountBudgets) -> None:
    assert budget.held("account") == 0  # the database is there
    printed = run_together([*PROGRAM, CALLING, database_url], PROCESSES)
    times = [[float(line) for line in each.split()] for each in printed]
    began, calls = min(each[0] for each in times), sorted(at for each in times for at in each[1:])
    assert len(calls) == PROCESSES * CALLS
    burst = PER_MINUTE // 10
    for number, at in enumerate(calls, start=1):
        assert number <= burst + (at - began) * PER_MINUTE / 60 + 2, "no call was sent before its turn"


def test_a_process_killed_during_a_reservation_reserves_nothing(
    database: Database, budget: AccountBudgets, database_url: str
) -> None:
    assert book(budget).is_booked
    with database.read() as connection:
        digest = connection.execute(select(onfido_budgets.c.account)).scalar_one()
    killed = subprocess.run(
        [sys.executable, "-c", DYING, database_url, digest], capture_output=True, text=True, timeout=60, check=False
    )
    assert (killed.returncode, killed.stdout) == (9, "booked\n"), killed.stderr
    turns: list[Turn | None] = []

    def is_booked() -> bool:
        turns.append(budget.book(ACCOUNT, PACE, 0.0, is_background=False))
        return turns[-1] is not None

    wait_until(is_booked)
    assert turns[-1] is not None
    assert (turns[-1].wait, turns[-1].is_booked) == (0.0, True)
    assert taken(budget) == BURST - 2


@pytest.mark.one_database
def test_no_turn_is_reserved_without_the_database(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    database = Database(f"sqlite:///{tmp_path / 'data' / 'connector.db'}")
    database.migrate()
    budget = AccountBudgets(database, Fingerprints(KEY))
    (tmp_path / "data" / "connector.db").rename(tmp_path / "gone")
    with capture_logs() as logs:
        assert budget.book(ACCOUNT, PACE, 1.0, is_background=False) is None
        assert budget.held(ACCOUNT) is None
        budget.hold(ACCOUNT, PACE, 1.0)
    database.close()
    assert [each["event"] for each in logs] == ["onfido.budget_unavailable"] * 3


def test_unused_buckets_are_deleted(budget: AccountBudgets, database: Database) -> None:
    for each in ("old", "new"):
        assert book(budget, account=each).is_booked
    table = onfido_budgets
    with database.write() as connection:
        oldest = connection.execute(select(table.c.account).order_by(table.c.full_at).limit(1)).scalar_one()
        past = {"full_at": table.c.full_at - budgets.UNUSED - 2 * INTERVAL}
        connection.execute(update(table).where(table.c.account == oldest).values(past))
    with database.write() as connection:
        assert budgets.forget_unused(connection, 10) == 1
    with database.write() as connection:
        assert budgets.forget_unused(connection, 10) == 0
    assert taken(budget, account="new") == BURST - 1


def test_an_account_has_one_bucket_for_all_tenants(world: World, connector_database: Database) -> None:
    tenants = [f"tenant-{uuid.uuid4()}" for _ in range(2)]
    worlds = [add_provider(World(world.connector, world.simulator, world.clock, tenant=each)) for each in tenants]
    for each in worlds:
        each.start(each.add_user())
    assert len(accounts(connector_database)) == 1
    other = config_properties(world.simulator, token="api_sandbox.another-account")
    admin = world.connector.as_admin(tenants[1])
    answer = admin.post(PROVIDERS, provider_body(world.simulator, name="Other", configProperties=other))
    assert answer.status_code == 201, answer.text
    assert not any(API_TOKEN in each or tenant in each for each in accounts(connector_database) for tenant in tenants)


@pytest.fixture
def connector_database(world: World) -> Database:
    """The database of the connector that all tests share."""
    return world.connector.services.database


def accounts(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(select(onfido_budgets.c.account)).scalars())
