"""A year of verifications, inserted by the database itself, and their numbers, counted one by one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Table, case, column, false, insert, literal, null, select
from sqlalchemy.sql.elements import ColumnElement

from connector.store.dialect import from_now
from connector.store.engine import lift_time_limits
from connector.store.models import history, outbox, verification_claims, verifications
from tests.crowd import hexadecimal

URIS = ("urn:given", "urn:last", "urn:born")
DAYS = 400
_NUMBER: ColumnElement[int] = column("number", BigInteger)


@dataclass(frozen=True)
class Site:
    """A provider for the inserted verifications."""

    tenant: str
    provider_id: str


def populate(connection: Connection, sites: Sequence[Site], number: int) -> None:
    """Insert this number of verifications, spread over providers, days, environments, statuses and results."""
    lift_time_limits(connection)
    each = _NUMBER
    ago = each * (DAYS * 86_400.0 / number)
    ended = 60 + each * 7919 % 5000
    is_open = (each % 19 == 4) | (ended > ago)  # nothing ends in the future
    status = case(
        (is_open, "awaiting_input"),
        (each % 50 == 0, "review"),
        (each % 7 == 1, "declined"),
        (each % 11 == 2, "abandoned"),
        (each % 13 == 3, "error"),
        else_="approved",
    )
    verification_id = literal("00000000-0000-4000-8000-") + hexadecimal(each)
    place = {
        name: case(*((each % len(sites) == at, getattr(site, name)) for at, site in enumerate(sites)))
        for name in ("tenant", "provider_id")
    }
    started, closed = from_now(0.0 - ago), from_now(ended - ago)
    rows: dict[str, Any] = place | {
        "id": verification_id,
        "user_id": literal("user-") + hexadecimal(each),
        "status": status,
        "decision": case((each % 100 == 0, case((~is_open, "approved")))),
        "run_id": case((each % 13 != 3, literal("run-") + hexadecimal(each))),
        "environment": case((each % 10 == 0, "sandbox"), (each % 17 == 0, null()), else_="live"),
        "captured_at": case((each % 4 != 0, from_now(30 - ago))),
        "sends_user_id": false(),
        "is_forgiven": false(),
        "wants_document": false(),
        "capture": literal("sdk"),
        "created_at": started,
        "updated_at": started,
        "completed_at": case((~is_open, closed)),
        "closed_at": case((~is_open, closed)),
    }
    _put(connection, verifications, rows, number)
    for at, uri in enumerate(URIS):
        result = case(((each + at) % 9 == 0, "consider"), ((each + at) % 5 == 1, "not_compared"), else_="clear")
        is_approved = (status == "approved") | ((each % 100 == 0) & ~is_open)
        claim = {
            "verification_id": verification_id,
            "uri": literal(uri),
            "is_stale": false(),
            "result": case((~is_open, result)),
            "is_verified": case((~is_open, is_approved & (result == "clear"))),
        }
        _put(connection, verification_claims, claim, number)
    few = max(1, number // 4)
    when = from_now(each * (-DAYS * 86_400.0 / few))
    refusal = {
        "tenant": place["tenant"],
        "provider_id": case((each % 5 == 0, "unknown"), else_=place["provider_id"]),
        "subject": literal("start"),
        "cause": literal("refused"),
        "current": case((each % 3 == 0, "OIDV-10044"), else_="OIDV-10002"),
        "at": when,
        "detail": literal({}, history.c.detail.type),
    }
    _put(connection, history, refusal, few)
    delivery = {
        "id": literal("00000000-0000-4000-9000-") + hexadecimal(each),
        "tenant": case((each % 7 != 0, place["tenant"])),
        "provider_id": case((each % 5 != 0, place["provider_id"])),
        "kind": case((each % 2 == 0, "tell_change"), else_="delete_applicant"),
        "payload": literal({}, outbox.c.payload.type),
        "history": literal([], outbox.c.history.type),
        "state": case((each % 3 == 0, "done"), else_="dead"),
        "attempts": literal(12),
        "due_at": when,
        "created_at": when,
        "settled_at": when,
    }
    _put(connection, outbox, delivery, few)


def _put(connection: Connection, table: Table, columns: dict[str, Any], number: int) -> None:
    first = select(literal(1).label("number")).cte("year", recursive=True)
    year = first.union_all(select(first.c.number + 1).where(first.c.number < number))
    selected = select(*(value.label(name) for name, value in columns.items())).select_from(year)
    connection.execute(insert(table).from_select(list(columns), selected, include_defaults=False))


@dataclass
class Tally:
    """The statistics of a tenant's verifications, counted one by one as the documents define them."""

    funnel: Counter[str] = field(default_factory=Counter)
    young: int = 0
    got_through: int = 0
    seconds: list[float] = field(default_factory=list)
    days: dict[date, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    results: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    verified: Counter[str] = field(default_factory=Counter)
    approved: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def not_compared(self) -> tuple[int, int]:
        counters = self.approved.values()
        return sum(each["not_compared"] for each in counters), sum(each.total() for each in counters)


@dataclass(frozen=True)
class Rows:
    """The inserted verifications, and the claims of each: URI, result, whether it is verified."""

    verifications: Sequence[Any]
    claims: Mapping[str, Sequence[tuple[str, str | None, bool | None]]]


def read_rows(connection: Connection) -> Rows:
    """Return all verifications and their claims."""
    columns = [
        verifications.c[name]
        for name in (
            *("id", "tenant", "provider_id", "environment", "status", "decision", "run_id", "captured_at"),
            *("created_at", "completed_at", "closed_at"),
        )
    ]
    said: dict[str, list[tuple[str, str | None, bool | None]]] = {}
    of_claim = (verification_claims.c[name] for name in ("verification_id", "uri", "result", "is_verified"))
    for verification_id, *claim in connection.execute(select(*of_claim)):
        said.setdefault(verification_id, []).append(tuple(claim))
    return Rows(connection.execute(select(*columns)).all(), said)


def tally(
    rows: Rows,
    tenant: str,
    since: datetime,
    before: datetime,
    today: date,
    *,
    environments: Sequence[str | None] = ("live", None),
    provider_id: str | None = None,
) -> Tally:
    """Count the rows of a period, one by one."""
    counted = Tally()
    for row in rows.verifications:
        if row.tenant != tenant or row.environment not in environments or provider_id not in (None, row.provider_id):
            continue
        claims = rows.claims.get(row.id, [])
        if since <= row.created_at < before:
            _count_start(counted, row, [is_verified for _, _, is_verified in claims], today)
        if row.closed_at is not None and since <= row.closed_at < before:
            _count_end(counted, row, claims)
    return counted


def _count_start(counted: Tally, row: Any, verified: Sequence[bool | None], today: date) -> None:
    has_result = row.status in ("approved", "declined", "review")
    counted.days[row.created_at.date()]["started"] += 1
    counted.funnel["started"] += 1
    counted.funnel["run"] += row.run_id is not None
    counted.funnel["captured"] += row.captured_at is not None or has_result
    counted.funnel["result"] += has_result
    counted.funnel["approved"] += "approved" in (row.status, row.decision)
    counted.funnel["all_verified"] += bool(verified) and all(verified)
    counted.got_through += any(verified)
    counted.young += row.closed_at is None and row.created_at.date() >= today - timedelta(days=1)


def _count_end(counted: Tally, row: Any, claims: Sequence[tuple[str, str | None, bool | None]]) -> None:
    counted.days[row.closed_at.date()][row.status] += 1
    if row.status in ("approved", "declined", "review"):
        counted.seconds.append((row.completed_at - row.created_at).total_seconds())
    for uri, result, is_verified in claims:
        if result is not None:
            counted.results[uri][result] += 1
            counted.verified[uri] += bool(is_verified)
            if row.status == "approved":
                counted.approved[uri][result] += 1


def others(
    connection: Connection, tenant: str, since: datetime, before: datetime
) -> Iterator[tuple[str, str, datetime, str]]:
    """Yield the refused starts and the dead deliveries: what, provider, time, code or kind."""
    columns = (history.c.provider_id, history.c.at, history.c.current)
    for row in connection.execute(select(*columns).where(history.c.tenant == tenant, history.c.cause == "refused")):
        if since <= row.at < before:
            yield "refused", row.provider_id, row.at, row.current
    dead = (outbox.c.tenant == tenant, outbox.c.state == "dead")
    for row in connection.execute(select(outbox.c.provider_id, outbox.c.settled_at, outbox.c.kind).where(*dead)):
        if since <= row.settled_at < before:
            yield "dead", row.provider_id, row.settled_at, row.kind
