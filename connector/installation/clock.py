"""Whether this machine's clock is right: tokens are refused if it differs by more than `LEEWAY` from their issuer's.

The database's clock determines when deliveries are due and leases expire. A server's clock is read from its header
`Date`, which has whole seconds: only a difference beyond those and the duration of the call counts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from sqlalchemy import text

from connector.access.refusals import LEEWAY
from connector.domain.messages import message
from connector.domain.providers.readiness import Check, not_checked
from connector.errors import ConnectorError
from connector.http.client import HttpClient
from connector.store.engine import Database

CLOCK = "clock"
PATIENCE = 5.0  # seconds
WHOLE_SECOND = 1.0
_NOW = text("SELECT clock_timestamp()")
_ADVICE = "run a time service (chrony, systemd-timesyncd) on both"

Clock = Callable[[], datetime]


def check_database_clock(database: Database, clock: Clock) -> Check:
    """Compare with the database's clock; an embedded database uses this machine's."""
    if database.is_sqlite:
        return not_checked(CLOCK, message("the embedded database has this machine's clock"))
    with database.read() as connection:
        connection.execute(_NOW)  # the first answer may wait for a connection
        began = clock()
        theirs = connection.execute(_NOW).scalar_one()
        return judged("the database's", theirs, began, clock(), precision=0.0)


def check_server_clock(url: str, client: HttpClient, clock: Clock) -> Check:
    """Compare with the clock of the server at a URL."""
    host = urlsplit(url).netloc
    began = clock()
    try:
        with client.open("GET", url, seconds=PATIENCE) as answer:
            theirs = _date(answer.header("Date"))
    except ConnectorError as error:
        return not_checked(CLOCK, error.description.rstrip("."))
    if theirs is None:
        return not_checked(CLOCK, message("%(host)s does not send the time", host=host))
    return judged(f"that of {host}", theirs, began, clock(), precision=WHOLE_SECOND)


def judged(whose: str, theirs: datetime, began: datetime, ended: datetime, *, precision: float) -> Check:
    """Return the check that compares another clock, which was read between two times of this machine's."""
    ahead = (began - theirs).total_seconds() - precision  # at least
    behind = (theirs - ended).total_seconds()  # at least
    differs, way = max((ahead, "ahead of"), (behind, "behind"))
    if differs <= LEEWAY:
        return Check(
            CLOCK,
            True,
            message("It agrees with %(whose)s, within %(part)s seconds.", whose=whose, part=f"{max(0.0, differs):.0f}"),
        )
    detail = f"It is at least {differs:.0f} seconds {way} {whose}; tokens may differ by {LEEWAY}: {_ADVICE}."
    return Check(CLOCK, False, detail)


def _date(header: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
