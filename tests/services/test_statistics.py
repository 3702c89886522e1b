"""The statistics of a period: the daily counts match the rows."""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from connector.domain.statistics.measures import Count
from connector.domain.statistics.statistics import Period, Statistics
from connector.domain.statistics.statistics_period import read_period
from connector.domain.tenancy import Tenant
from connector.errors import RequestError
from connector.services.daily_counts import MOST_DAYS
from connector.services.lookup.statistics import StatisticsFilter
from connector.services.upkeep import Sweep
from connector.settings import Settings
from connector.simulator.server import Simulator
from connector.store.models import history, hourly_counts, monthly_counts
from connector.store.statistics import daily_counts as statements
from tests.bodies import event_body, provider_body
from tests.contract.wire import PROVIDERS
from tests.harness import Clock, ConnectorServer, World
from tests.races.attack import ALL_CLEAR
from tests.services.conftest import Run
from tests.values import MAPPING
from tests.year import DAYS, Rows, Site, others, populate, read_rows, tally

ROWS = int(os.environ.get("STATISTICS_ROWS", "8000"))  # how many verifications the year has
PATH = "/api/server/v1/statistics"
NAMES: dict[str, str | None] = dict.fromkeys(("period", "from", "to"))


@dataclass
class Year:
    """A connector with the statistics of a year of verifications."""

    connector: ConnectorServer
    clock: Clock
    sites: Sequence[Site]
    rows: Rows  # read once: the tests only read them

    def get(self, tenant: str, period: Period, **filters: Any) -> Statistics:
        return self.connector.services.statistics.get(Tenant(tenant), StatisticsFilter(period, **filters))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def year(request: pytest.FixtureRequest, new_settings: Callable[..., Settings]) -> Iterator[Year]:
    settings, clock = new_settings(request.param, event_retention_days=1000), Clock()
    with Simulator() as simulator, ConnectorServer(settings, clock) as connector:
        connector.rest()
        sites = []
        for tenant, name in (("carbon.super", "one"), ("carbon.super", "two"), ("acme.example", "one")):
            answer = connector.as_admin(tenant).post(PROVIDERS, provider_body(simulator, name=name))
            sites.append(Site(tenant, answer.json()["id"]))
        database = connector.services.database
        with database.write() as connection:
            populate(connection, sites, ROWS)
        clock.stop()  # after the last row, which a million of them take minutes to reach
        for _ in range(DAYS // (MOST_DAYS - 2) + 1):
            connector.services.daily_counts.count_due()
        with database.read() as connection:
            rows = read_rows(connection)
        yield Year(connector, clock, sites, rows)


def days_ago(year: Year, first: int, last: int = 0) -> Period:
    today = year.clock().astimezone(UTC).date()
    asked = {"from": str(today - timedelta(days=first)), "to": str(today - timedelta(days=last))}
    return read_period(NAMES | asked, year.clock())


def assert_counted(year: Year, tenant: str, period: Period, found: Statistics, **filters: Any) -> None:
    """Assert that statistics equal those counted from the rows."""
    today = year.clock().astimezone(UTC).date()
    counted = tally(year.rows, tenant, period.since, period.before, today, **filters)
    assert {each.name: each.n for each in found.funnel} == dict(counted.funnel)
    assert (found.got_through.n, found.got_through.of) == (
        counted.got_through,
        counted.funnel["started"] - counted.young,
    )
    assert (found.not_compared.n, found.not_compared.of) == counted.not_compared
    assert {each.uri: each.results for each in found.claims} == {u: dict(r) for u, r in counted.results.items()}
    assert {each.uri: each.verified.n for each in found.claims} == dict(counted.verified)
    for each in found.claims:
        approved = counted.approved[each.uri]
        assert (each.not_compared.n, each.not_compared.of) == (approved["not_compared"], approved.total())
    for day in found.days:
        assert Counter({"started": day.started}) + Counter(day.by_status) == counted.days.get(day.day, Counter())
    times = sorted(counted.seconds)
    assert found.times.n == len(times)
    if times:
        for quantile, part in ((found.times.median, 0.5), (found.times.p90, 0.9)):
            true = times[max(0, -(-int(len(times) * part * 1000) // 1000) - 1)]
            assert quantile is not None
            assert 0.85 * true <= quantile <= 1.16 * true


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("first", "last"), [(13, 0), (89, 0), (364, 0), (1, 1), (399, 390)])
def test_the_numbers_of_a_period_of_days_match_its_rows(year: Year, first: int, last: int) -> None:
    period = days_ago(year, first, last)
    for tenant in ("carbon.super", "acme.example"):
        found = year.get(tenant, period)
        assert found.funnel[0].n > 0
        assert_counted(year, tenant, period, found)


def test_the_numbers_of_the_last_24_hours_match_their_rows(year: Year) -> None:
    period = read_period(NAMES | {"period": "24h"}, year.clock())
    for tenant in ("carbon.super", "acme.example"):
        found = year.get(tenant, period)
        assert found.funnel[0].n > 0
        assert found.days == []
        assert_counted(year, tenant, period, found)


def test_the_results_of_the_last_24_hours_are_counted_by_provider(year: Year) -> None:
    period = read_period(NAMES | {"period": "24h"}, year.clock())
    for tenant in {site.tenant for site in year.sites}:
        expected = {
            site.provider_id: sum(
                year.get(tenant, period, provider_id=site.provider_id, environment="all").ended.values()
            )
            for site in year.sites
            if site.tenant == tenant
        }
        assert year.connector.services.statistics.results_of_a_day(Tenant(tenant)) == expected
        assert any(expected.values())
    assert year.connector.services.statistics.results_of_a_day(Tenant("elsewhere.example")) == {}


def test_numbers_are_separate_by_provider_and_environment(year: Year) -> None:
    for period in (days_ago(year, 89), read_period(NAMES | {"period": "24h"}, year.clock())):
        for site in year.sites[:2]:
            found = year.get("carbon.super", period, provider_id=site.provider_id)
            assert_counted(year, "carbon.super", period, found, provider_id=site.provider_id)
        for name, environments in (("live", ["live"]), ("sandbox", ["sandbox"]), ("all", ["live", "sandbox", None])):
            found = year.get("carbon.super", period, environment=name)
            assert_counted(year, "carbon.super", period, found, environments=environments)


def test_refused_starts_and_dead_deliveries_are_counted(year: Year) -> None:
    for period in (days_ago(year, 89), read_period(NAMES | {"period": "24h"}, year.clock())):
        for tenant in ("carbon.super", "acme.example"):
            first = next(site.provider_id for site in year.sites if site.tenant == tenant)
            found = year.get(tenant, period, environment="all")
            of_one = year.get(tenant, period, environment="all", provider_id=first)
            assert year.get(tenant, period, environment="live", provider_id=first).refused == {}  # it is in the sandbox
            with year.connector.services.database.read() as connection:
                rows = list(others(connection, tenant, period.since, period.before))
            assert rows
            assert dict(found.refused) == Counter(name for what, _, _, name in rows if what == "refused")
            assert dict(found.dead_deliveries) == Counter(name for what, _, _, name in rows if what == "dead")
            mine = [row for row in rows if row[1] == first]
            assert dict(of_one.refused) == Counter(name for what, _, _, name in mine if what == "refused")
            assert dict(of_one.dead_deliveries) == Counter(name for what, _, _, name in mine if what == "dead")


def test_another_tenant_has_no_numbers(year: Year) -> None:
    for period in (days_ago(year, 364), read_period(NAMES | {"period": "24h"}, year.clock())):
        found = year.get("others.example", period, environment="all")
        assert {each.n for each in found.funnel} == {0}
        assert (found.claims, found.refused, found.dead_deliveries, found.times.n) == ([], {}, {}, 0)
        with pytest.raises(RequestError):
            year.get("others.example", period, provider_id=year.sites[0].provider_id)


def test_a_year_is_read_from_few_rows(year: Year) -> None:
    """`-s` prints the time; `STATISTICS_ROWS=1000000` sets a million verifications."""
    criteria, lookup = StatisticsFilter(days_ago(year, 364)), year.connector.services.statistics
    times, of_ours = [], []
    for _ in range(25):
        began, ours = time.perf_counter(), time.thread_time()
        lookup.get(Tenant("carbon.super"), criteria)
        times.append((time.perf_counter() - began) * 1000)
        of_ours.append((time.thread_time() - ours) * 1000)
    with year.connector.services.database.read() as connection:
        rows = connection.execute(select(func.count(monthly_counts.c.month))).scalar_one()
    spent = f"at best {min(times):.1f}, CPU time of this process {sorted(of_ours)[12]:.1f}"
    numbers = f"median {sorted(times)[12]:.1f} ms ({spent}), {rows} rows"
    print(f"\na year of {ROWS} verifications: {numbers}")  # noqa: T201  a report
    months, environments, kinds = DAYS // 28 + 1, 3, 2
    assert rows <= months * environments * kinds * (len(year.sites) + 2)  # of no provider, in two tenants


def test_the_numbers_name_no_user(year: Year) -> None:
    with year.connector.services.database.read() as connection:
        months = connection.execute(select(monthly_counts.c.shown, monthly_counts.c.days)).all()
    keys = [key for month in months for lines in month for key in lines]
    assert not any("user-" in key for key in keys)
    assert max(len(month.shown) + len(month.days) for month in months) < 200  # however many users there are


def start_and_end(world: World, user_id: str, status: str = "approved") -> str:
    caller = world.add_user(user_id)
    run_id = world.start(caller)
    assert world.post_event(event_body(run_id, status, ALL_CLEAR)).ok
    return run_id


@pytest.fixture
def quiet(world: World) -> World:
    """A provider to which Onfido posts nothing by itself."""
    world.faults(webhooks_lost=-1)
    world.connector.rest()
    return world


def sweep(world: World) -> None:
    world.connector.services.upkeep.sweep(Sweep())


def ask(world: World, tenant: str = "carbon.super", **query: str) -> Any:
    answer = world.connector.as_admin(tenant).get(PATH, params={"environment": "all"} | query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def started(body: Any) -> int:
    return int(body["funnel"][0]["count"])


class TestViews:
    def test_the_api_and_the_command_line_report_the_same_numbers(self, quiet: World, run: Run) -> None:
        start_and_end(quiet, "ann")
        start_and_end(quiet, "bea", "declined")
        assert quiet.add_user("cid").verify(quiet.provider_id, "INITIATED", ["urn:unmapped"]).status_code == 400
        sweep(quiet)

        body = ask(quiet)

        assert [(each["stage"], each["count"]) for each in body["funnel"]] == [
            *(("started", 2), ("run", 2), ("result", 2), ("approved", 1), ("all_verified", 1)),
        ]
        assert body["gotThrough"] == {"count": 1, "of": 2, "share": 0.5}
        assert (body["days"][-1]["started"], body["days"][-1]["ended"]) == (2, {"approved": 1, "declined": 1})
        assert len(body["days"]) == 14
        assert {each["uri"] for each in body["claims"]} == set(MAPPING)
        assert body["claims"][0]["verified"] == {"count": 1, "of": 2, "share": 0.5}
        assert [(each["code"], each["count"]) for each in body["refusedStarts"]] == [("OIDV-10037", 1)]
        assert body["countedAt"] is not None
        printed = run("stats", "--environment", "all", "--json")
        assert json.loads(printed.stdout) == body
        shown = run("stats", "--environment", "all", "--provider", "Onfido", "--period", "90d")
        assert shown.exit_code == 0
        for text in ("1 of 2 (50.0 %)", "1 approved, 1 declined", "OIDV-10037", "all verified", "No delivery"):
            assert text in shown.stdout
        today = ask(quiet, period="24h")
        assert (started(today), today["days"]) == (2, [])

    def test_the_sandbox_is_left_out_by_default(self, quiet: World) -> None:
        start_and_end(quiet, "ann")
        sweep(quiet)
        for period in ("24h", "14d"):
            answer = quiet.connector.as_admin().get(PATH, params={"period": period}).json()
            assert started(answer) == 0
            assert started(ask(quiet, period=period, environment="sandbox")) == 1
            assert started(ask(quiet, period=period, environment="live")) == 0

    def test_the_stage_of_capture_is_shown_if_a_time_of_it_is_known(self, quiet: World) -> None:
        start_and_end(quiet, "ann")
        caller = quiet.add_user("bea")
        quiet.outcome(quiet.start(caller), status="processing")
        assert caller.verify(quiet.provider_id, "COMPLETED").ok
        sweep(quiet)
        stages = {each["stage"]: each["count"] for each in ask(quiet)["funnel"]}
        assert stages["captured"] == 2  # the result of the other one shows that it was captured as well

    def test_another_tenant_sees_no_numbers(self, quiet: World, run: Run) -> None:
        start_and_end(quiet, "ann")
        sweep(quiet)
        tenant = f"t-{uuid.uuid4().hex}"
        for period in ("24h", "14d"):
            body = ask(quiet, tenant, period=period)
            assert (started(body), body["claims"], body["refusedStarts"]) == (0, [], [])
        answer = quiet.connector.as_admin(tenant).get(PATH, params={"providerId": quiet.provider_id})
        assert (answer.status_code, answer.json()["code"]) == (404, "IDVP-60000")
        assert json.loads(run("stats", "--json", "--tenant", tenant).stdout)["claims"] == []
        shown = run("stats", "--tenant", tenant).stdout
        assert "all except the sandbox (--environment)" in shown, "who looks for a sandbox run is told"

    @pytest.mark.parametrize(
        ("query", "named"),
        [
            ({"period": "7d"}, "period"),
            ({"period": ""}, "period"),
            ({"period": "14d", "from": "2026-01-01"}, "period"),
            ({"to": "2026-01-01"}, "from"),
            ({"from": "2026-01-02", "to": "2026-01-01"}, "from"),
            ({"from": "2025-01-01", "to": "2026-01-02"}, "from"),
            ({"from": "2026-01-01T00:00:00Z"}, "from"),
            ({"from": "2026-02-30"}, "from"),
            ({"from": "9999-12-31", "to": "9999-12-31"}, "from"),
            ({"from": "0001-01-01", "to": "0001-01-01"}, "from"),
            ({"environment": "production"}, "environment"),
        ],
    )
    @pytest.mark.one_database
    def test_an_impossible_period_is_refused_by_name(self, quiet: World, query: dict[str, str], named: str) -> None:
        answer = quiet.connector.as_admin().get(PATH, params=query)
        assert (answer.status_code, answer.json()["code"]) == (400, "IDVP-60004")
        assert answer.json()["description"].startswith(f"{named}: ")


class TestCounting:
    def test_a_removed_user_is_no_longer_counted_on_recent_days(self, quiet: World) -> None:
        quiet.clock.stop()  # on one day
        start_and_end(quiet, "ann")
        sweep(quiet)
        old = {"from": f"{quiet.clock():%Y-%m-%d}", "to": f"{quiet.clock():%Y-%m-%d}"}
        quiet.connector.services.users.remove(Tenant(quiet.tenant), "ann")
        sweep(quiet)
        assert started(ask(quiet, **old)) == 0

        start_and_end(quiet, "bea")
        sweep(quiet)
        quiet.clock.advance(61 * 86_400)
        sweep(quiet)  # for the last time
        quiet.connector.services.users.remove(Tenant(quiet.tenant), "bea")
        quiet.clock.advance(86_400)
        sweep(quiet)
        assert started(ask(quiet, **old)) == 1

    def test_a_late_result_is_counted_on_the_day_of_its_start(self, quiet: World) -> None:
        quiet.clock.stop()  # on one day
        run_id = quiet.start(quiet.add_user())
        first = f"{quiet.clock():%Y-%m-%d}"
        sweep(quiet)
        quiet.clock.advance(10 * 86_400)
        assert quiet.post_event(event_body(run_id, "approved", ALL_CLEAR)).ok
        sweep(quiet)
        stages = {each["stage"]: each["count"] for each in ask(quiet, **{"from": first, "to": first})["funnel"]}
        assert (stages["started"], stages["result"]) == (1, 1)

    def test_refused_starts_stay_counted_after_their_records_are_deleted(self, quiet: World) -> None:
        quiet.clock.stop()  # on one day
        assert quiet.add_user().verify(quiet.provider_id, "INITIATED", ["urn:unmapped"]).status_code == 400
        day = f"{quiet.clock():%Y-%m-%d}"
        sweep(quiet)
        quiet.clock.advance(40 * 86_400)  # longer than they are recorded
        sweep(quiet)
        with quiet.connector.services.database.read() as connection:
            assert not connection.execute(select(history.c.id).where(history.c.cause == "refused")).all()
        assert ask(quiet, **{"from": str(day), "to": str(day)})["refusedStarts"][0]["count"] == 1

    def test_the_last_24_hours_are_read_from_hourly_counts_kept_for_three_days(self, quiet: World) -> None:
        start_and_end(quiet, "ann")
        assert started(ask(quiet, period="24h")) == 0  # until it is counted
        sweep(quiet)
        assert started(ask(quiet, period="24h")) == 1
        quiet.clock.advance(23 * 3_600)
        start_and_end(quiet, "bea")
        sweep(quiet)
        today = ask(quiet, period="24h")
        assert (started(today), today["ended"], today["countedAt"] is not None) == (2, {"approved": 2}, True)
        quiet.clock.advance(3 * 3_600)
        sweep(quiet)
        assert started(ask(quiet, period="24h")) == 1
        quiet.clock.advance(4 * 86_400)
        sweep(quiet)
        with quiet.connector.services.database.read() as connection:
            assert connection.execute(select(func.count()).select_from(hourly_counts)).scalar_one() == 0
        assert started(ask(quiet)) == 2

    def test_the_numbers_of_a_removed_provider_are_deleted(self, quiet: World) -> None:
        start_and_end(quiet, "ann")
        sweep(quiet)
        assert quiet.connector.as_admin().request("DELETE", f"{PROVIDERS}/{quiet.provider_id}").status_code == 204
        with quiet.connector.services.database.read() as connection:
            for table in (monthly_counts, hourly_counts):
                left = select(func.count()).where(table.c.provider_id == quiet.provider_id)
                assert connection.execute(left).scalar_one() == 0
        sweep(quiet)
        assert started(ask(quiet)) == 0

    def test_a_provider_removed_while_its_day_is_counted_leaves_no_numbers(self, quiet: World) -> None:
        start_and_end(quiet, "ann")
        database, now = quiet.connector.services.database, quiet.clock()
        counts = [Count(quiet.tenant, quiet.provider_id, "live", "started", "ended", 1)]
        part = statements.Part(counts, ["started"], [quiet.provider_id])
        with database.write() as connection:
            assert statements.take(connection, now.date(), None, "a-pass")
        assert quiet.connector.as_admin().request("DELETE", f"{PROVIDERS}/{quiet.provider_id}").status_code == 204
        with database.write() as connection:
            assert statements.replace(connection, now.date(), "a-pass", [part])
            assert connection.execute(select(func.count()).select_from(monthly_counts)).scalar_one() == 0

    def test_a_pass_overtaken_by_a_later_one_writes_nothing(self, quiet: World) -> None:
        database, now = quiet.connector.services.database, quiet.clock()
        counts = [Count(quiet.tenant, quiet.provider_id, "live", "started", "ended", 1)]
        part = statements.Part(counts, ["started"], [quiet.provider_id])
        with database.write() as connection:
            assert statements.take(connection, now.date(), None, "slow")
            assert not statements.take(connection, now.date(), None, "late")
            assert statements.take(connection, now.date(), "slow", "quick")
            assert not statements.take(connection, now.date(), "slow", "late")
        with database.write() as connection:
            assert not statements.replace(connection, now.date(), "slow", [part])
            assert statements.replace(connection, now.date(), "quick", [part])

    @pytest.mark.parametrize("age", [0, 10, 40, 100], ids=lambda age: f"{age} days")
    @pytest.mark.parametrize("was_counted", [False, True], ids=["never counted", "counted before"])
    def test_a_killed_pass_is_repeated_by_the_next(self, quiet: World, age: int, was_counted: bool) -> None:
        """Also one that would have counted the day for the last time."""
        day = quiet.clock().date()
        start_and_end(quiet, "ann")
        if was_counted:
            sweep(quiet)
        start_and_end(quiet, "bea")
        quiet.clock.advance(age * 86_400)
        database = quiet.connector.services.database
        with database.write() as connection:
            seen = statements.find_counted(connection)[day].owner if was_counted else None
            assert statements.take(connection, day, seen, "killed")
        for _ in range(1 + age // MOST_DAYS):
            sweep(quiet)
        assert started(ask(quiet, **{"from": str(day), "to": str(day)})) == 2

    def test_the_time_of_the_last_count_is_known(self, quiet: World) -> None:
        statistics = quiet.connector.services.statistics
        assert statistics.counted_at() is None
        quiet.clock.stop()
        sweep(quiet)
        counted_at = quiet.clock()
        assert statistics.counted_at() == counted_at
        quiet.clock.advance(86_400)
        with quiet.connector.services.database.write() as connection:
            assert statements.take(connection, quiet.clock().date(), None, "has not counted yet")
        assert statistics.counted_at() == counted_at

    def test_concurrent_workers_count_every_day_once(self, quiet: World) -> None:
        for user_id in ("ann", "bea", "cid"):
            start_and_end(quiet, user_id)
        barrier = threading.Barrier(4)

        def work() -> None:
            barrier.wait()
            for _ in range(3):
                quiet.connector.services.daily_counts.count_due()

        workers = [threading.Thread(target=work) for _ in range(4)]
        for each in workers:
            each.start()
        for each in workers:
            each.join()
        assert started(ask(quiet)) == 3
