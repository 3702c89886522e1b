"""This machine's clock, compared with those of real servers and of a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from connector.access.refusals import LEEWAY
from connector.domain.providers.readiness import Check
from connector.http.client import HttpClient
from connector.installation.clock import check_database_clock, check_server_clock
from connector.store.engine import Database
from tests.loopback import Quiet, serving


@contextmanager
def dated(date: Callable[[], str | None]) -> Iterator[str]:
    class Handler(Quiet):
        def do_GET(self) -> None:  # noqa: N802
            self.send_response_only(404)
            if header := date():
                self.send_header("Date", header)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as url:
        yield url


def http_date(seconds: float = 0.0) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def off_by(seconds: float) -> Callable[[], datetime]:
    return lambda: datetime.now(UTC) + timedelta(seconds=seconds)


def compared(date: Callable[[], str | None], clock: Callable[[], datetime] | None = None) -> Check:
    with dated(date) as url:
        return check_server_clock(f"{url}/realm", HttpClient(), clock or off_by(0))


@pytest.mark.parametrize("seconds", [-LEEWAY + 5, -3, 0, 3, LEEWAY - 5])
def test_a_difference_within_the_leeway_passes(seconds: float) -> None:
    assert compared(lambda: http_date(seconds)).passed


@pytest.mark.parametrize(("seconds", "way"), [(-3600, "ahead of"), (3600, "behind"), (-90, "ahead of"), (90, "behind")])
def test_a_larger_difference_is_named_with_its_direction_and_advice(seconds: float, way: str) -> None:
    for check in (compared(lambda: http_date(seconds)), compared(http_date, off_by(-seconds))):
        assert check.passed is False
        assert f"{way} that of 127.0.0.1" in check.detail
        assert "time service" in check.detail


@pytest.mark.parametrize("date", [None, "yesterday", "Thu, 99 Nov 2026 11:51:14 GMT"])
def test_a_server_without_a_date_is_not_judged(date: str | None) -> None:
    assert compared(lambda: date).passed is None


def test_an_unreachable_server_is_not_judged() -> None:
    check = check_server_clock("http://127.0.0.1:1", HttpClient(), off_by(0))
    assert (check.passed, "not checked" in check.detail) == (None, True)


def test_a_date_without_a_zone_is_utc() -> None:
    assert compared(lambda: f"{datetime.now(UTC):%a, %d %b %Y %H:%M:%S} -0000").passed


@pytest.mark.parametrize(("seconds", "passed"), [(0, True), (LEEWAY + 60, False), (-LEEWAY - 60, False)])
def test_the_clock_of_the_database_is_compared(postgresql_database: str, seconds: float, passed: bool) -> None:
    database = Database(postgresql_database)
    check = check_database_clock(database, off_by(seconds))
    database.close()
    assert check.passed is passed
    assert passed or (("ahead of" if seconds > 0 else "behind") in check.detail)


def test_the_embedded_database_has_the_clock_of_this_machine(new_database: Callable[[str], str]) -> None:
    database = Database(new_database("sqlite"))
    assert check_database_clock(database, off_by(0)).passed is None
    database.close()
