"""Many users, inserted by the database itself: a hundred thousand take seconds.

    settle(connection, Place(tenant, provider_id), 100_000)

Each user has a verification with its claim, tag, applicant, event, delivery and entries of the history. They are spread
over a year. Only a few rows are due or past their retention, independent of the number of users.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    String,
    Table,
    case,
    column,
    false,
    insert,
    literal,
    literal_column,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from connector.domain.studio.watchlist import STANDARD
from connector.store.dialect import from_now
from connector.store.engine import lift_time_limits
from connector.store.models import (
    applicants,
    claims,
    events,
    history,
    job_parts,
    jobs,
    outbox,
    refused_starts,
    signal_events,
    signal_levels,
    signal_streams,
    signal_subjects,
    status_writes,
    user_attributes,
    users,
    verification_claims,
    verification_tags,
    verifications,
    watchlist_monitors,
)
from tests.harness import as_actor
from tests.values import GIVEN_NAME

YEAR, DAY, HOUR = 365 * 86_400.0, 86_400.0, 3_600.0
COMMON_TAG, RARE_TAG = "everyone", "few"
CLERKS = 50  # administrators, who share the changes
SEALED = "v1.00000000.bulk"
BULK = "bulk"  # the kind of their deliveries, which no worker has a handler for
STREAMS = 100  # of signals, among which the events are spread; one of them is the tenant's
FEW = 100  # open verifications, parked events, dead deliveries and similar, independent of the number of users
OF_SANDBOX = 20  # every twentieth verification ran in the sandbox
SCATTER, RANGE = 2_654_435_761, 2**47  # ids in no order, as random ones are

Columns = dict[str, Any]
_NUMBER: ColumnElement[int] = column("number", BigInteger)


@dataclass(frozen=True)
class Place:
    """A tenant's provider for users; their ids begin with `prefix`, which must be unique to it.

    One in `of_sandbox` verifications ran in the sandbox: a provider that leaves it announces the end of all of these.
    """

    tenant: str
    provider_id: str
    prefix: str
    of_sandbox: int = OF_SANDBOX


class hexadecimal(FunctionElement[str]):  # noqa: N801  a function of SQL
    """Return a number as twelve hexadecimal digits, in SQL."""

    type = String()
    inherit_cache = True


@compiles(hexadecimal, "postgresql")
def _on_postgresql(element: hexadecimal, compiler: SQLCompiler, **options: Any) -> str:
    return f"lpad(to_hex({compiler.process(element.clauses, **options)}), 12, '0')"


@compiles(hexadecimal, "sqlite")
def _on_sqlite(element: hexadecimal, compiler: SQLCompiler, **options: Any) -> str:
    return f"printf('%012x', {compiler.process(element.clauses, **options)})"


def settle(connection: Connection, place: Place, number: int) -> None:
    """Insert this number of users, with all their rows, into a tenant that has a provider."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # checks no foreign keys
        lift_time_limits(connection)
    _put(connection, signal_streams, _stream(place, _NUMBER), STREAMS)
    for table, rows in _everyones(place, _NUMBER, number):
        _put(connection, table, rows, number)
    for table, rows in _fews(place, _NUMBER, number):
        _put(connection, table, rows, min(FEW, number))


def _put(connection: Connection, table: Table, columns: Columns, number: int) -> None:
    first = select(literal(1).label("number")).cte("crowd", recursive=True)
    crowd = first.union_all(select(first.c.number + 1).where(first.c.number < number))
    selected = select(*(value.label(name) for name, value in columns.items())).select_from(crowd)
    connection.execute(insert(table).from_select(list(columns), selected, include_defaults=False))


def _everyones(place: Place, each: ColumnElement[int], number: int) -> Iterator[tuple[Table, Columns]]:
    user_id, verification_id = _ids(place, each)
    started = _started(each, number)
    is_open, is_kept = each <= FEW, each * (YEAR / number) < 30 * DAY
    owner = {"tenant": literal(place.tenant), "user_id": user_id}
    changed = {"created_at": started, "updated_at": started}
    of_provider = owner | {"provider_id": literal(place.provider_id)}
    yield users, owner | {"created_at": started}
    yield signal_levels, owner | {"tenant": literal(f"levels.{place.prefix}")}  # a provider's removal looks at them all
    of_stream = owner | {"stream_id": _named(place.prefix, hexadecimal(each % STREAMS + 1))}
    yield signal_subjects, of_stream | {"is_included": false()}
    signal = {"event_id": verification_id, "transaction_id": verification_id, "kind": literal("bulk")}
    yield signal_events, of_stream | signal | {"payload": _json(signal_events.c.payload, {}), "created_at": from_now(0)}
    yield status_writes, owner | {"written": literal("0" * 64)}
    watched = {"provider_id": literal(place.provider_id), "applicant_id": verification_id}  # an id that Onfido reads
    yield watchlist_monitors, owner | watched | {"report_name": literal(STANDARD), "monitor_id": verification_id}
    yield user_attributes, owner | {"uri": literal(GIVEN_NAME), "value": literal(SEALED)}
    run = {"run_id": _named("run", user_id), "applicant_id": _named("applicant", user_id)}
    progress = _progress(place, each, is_open, is_kept, started)
    yield verifications, of_provider | run | changed | progress | {"id": verification_id}
    sent = {"verification_id": verification_id, "uri": literal(GIVEN_NAME), "applicant_field": literal("first_name")}
    ended = case((is_open, None), (each % 7 == 0, "consider"), else_="clear")
    rule = case((is_open, None), (each % 7 == 0, "consider"), else_="clear_and_approved")
    said = {"result": ended, "is_verified": case((~is_open, each % 7 != 0)), "rule": rule, "finding": ended}
    place_of_list = {"provider_id": literal(place.provider_id), "created_at": started}
    yield verification_claims, sent | said | place_of_list | {"is_stale": false(), "fingerprint": literal("0" * 64)}
    yield verification_tags, _tag(place, verification_id, started, COMMON_TAG)
    applicant = {"provider_id": literal(place.provider_id), "applicant_id": run["applicant_id"]}
    yield applicants, applicant | {"verification_id": verification_id, "fields": _json(applicants.c.fields, ["dob"])}
    claim = {"id": verification_id, "uri": literal(GIVEN_NAME), "metadata": _json(claims.c.metadata, {})}
    result = {"is_verified": ~is_open, "fingerprint": literal("0" * 64), "verification_id": verification_id}
    yield claims, of_provider | changed | claim | result | {"environment": _environment(place, each)}
    kept = case((is_kept & (each % 10 != 0), SEALED))
    state = case((each % 10 == 0, "noted"), else_="applied")
    yield events, _event(place, verification_id, user_id, run["run_id"], started) | {"body": kept, "state": state}
    entry = {"at": started, "tenant": literal(place.tenant), "detail": _json(history.c.detail, {})}
    by_event = {"subject": literal("run"), "cause": literal("webhook"), "actor": verification_id}
    moved = {"provider_id": literal(place.provider_id), "verification_id": verification_id, "name": run["run_id"]}
    yield history, entry | by_event | moved | {"current": literal("approved")}
    by_clerk = {"subject": literal("user"), "cause": literal("administrator"), "user_id": user_id} | _actor(each)
    yield history, entry | by_clerk | {"name": user_id, "current": literal("added")}
    counted = {"provider_id": literal(place.provider_id), "user_id": user_id, "number": literal(1)}
    later = from_now(each * literal_column(str(DAY / number)))  # too late to expire, however long a test takes
    yield refused_starts, counted | {"since": later}
    settled = from_now(each * literal_column(str(-DAY / 2 / number)))
    of_run: Columns = {"tenant": literal(place.tenant), "provider_id": literal(place.provider_id)}
    of_run["verification_id"] = verification_id
    yield outbox, _delivery(verification_id, "done", started, settled) | {"settled_at": settled} | of_run
    yield jobs, owner | _job(verification_id, started, settled)
    part = {"job_id": verification_id, "format": literal("csv"), "number": literal(0)}
    yield job_parts, part | {"content": literal(SEALED)}


def _started(each: ColumnElement[int], number: int) -> ColumnElement[Any]:
    """Return when each user's verification was created: evenly over a year, the latest first."""
    return from_now(each * literal_column(str(-YEAR / number)))


def _fews(place: Place, each: ColumnElement[int], number: int) -> Iterator[tuple[Table, Columns]]:
    """Yield rows whose number is independent of the users'."""
    user_id, verification_id = _ids(place, each)
    today, later = from_now(each * literal_column("-60.0")), from_now(literal_column(str(DAY)))
    yield verification_tags, _tag(place, verification_id, _started(each, number), RARE_TAG)
    unknown = _event(place, _named("parked", user_id), _named("parked", user_id), _named("unknown", user_id), today)
    yield events, unknown | {"body": literal(SEALED), "state": literal("parked")}
    expired = {"provider_id": literal(place.provider_id), "user_id": _named("refused", user_id), "number": literal(1)}
    yield refused_starts, expired | {"since": from_now(each * literal_column(str(-HOUR)))}
    for state in ("ready", "dead"):
        yield outbox, _delivery(_named(state, user_id), state, today, later)


def _stream(place: Place, each: ColumnElement[int]) -> Columns:
    """Return a stream of signals that is paused."""
    texts = {"token_issuer": "issuer", "client_id": "bulk", "issuer": "issuer", "method": "urn:ietf:rfc:8936"}
    texts |= {"status": "paused", "default_subjects": "ALL"}
    return {name: literal(text) for name, text in texts.items()} | {
        "id": _named(place.prefix, hexadecimal(each)),
        "tenant": case((each == 1, place.tenant), else_="streams.example"),
        "events_requested": _json(signal_streams.c.events_requested, []),
        "turn": literal(0),
        "waiting": literal(0),
        "is_seeded": true(),
        "created_at": from_now(0),
        "updated_at": from_now(0),
    }


def _ids(place: Place, each: ColumnElement[int]) -> tuple[ColumnElement[str], ColumnElement[str]]:
    scattered = hexadecimal(each * SCATTER % RANGE)
    return literal(f"{place.prefix}-") + scattered, literal(f"{place.prefix:0<8}-0000-4000-8000-") + scattered


def _named(what: str, name: ColumnElement[str]) -> ColumnElement[str]:
    return literal(f"{what}-") + name


def _json(column: Column[Any], value: Any) -> ColumnElement[Any]:
    return literal(value, column.type)


def _progress(
    place: Place,
    each: ColumnElement[int],
    is_open: ColumnElement[bool],
    is_kept: ColumnElement[bool],
    started: ColumnElement[Any],
) -> Columns:
    waits = (each % 1000 == 0) | ((each < 10 * FEW) & (each % 10 == 5))  # more than a page of them, of any number
    rarer = ((waits, "review"), (each % 100 == 1, "abandoned"), (each % 10 == 2, "declined"))
    return {
        "status": case((is_open, "awaiting_input"), *rarer, else_="approved"),
        "run_requested_at": started,
        "next_check_at": case((is_open, from_now(literal_column(str(DAY))))),
        "result": case((is_kept & ~is_open, SEALED)),
        "completed_at": case((~is_open, started)),
        "closed_at": case((~is_open, started)),
        "environment": _environment(place, each),
        "sends_user_id": false(),
        "is_forgiven": false(),
        "wants_document": false(),
        "capture": case((each % 50 == 7, "link"), else_="sdk"),
        "decision": case((each % 2000 == 0, "approved"), (each % 5000 == 1000, "declined")),
    }


def _environment(place: Place, each: ColumnElement[int]) -> ColumnElement[str]:
    return case((each % place.of_sandbox == 0, "sandbox"), else_="live")


def user_of_sandbox(prefix: str) -> str:
    """Return a user of a place whom the sandbox has verified."""
    return f"{prefix}-{OF_SANDBOX * 10 * SCATTER % RANGE:012x}"


def _tag(place: Place, verification_id: ColumnElement[str], started: ColumnElement[Any], tag: str) -> Columns:
    of_verification = {"verification_id": verification_id, "provider_id": literal(place.provider_id)}
    return of_verification | {"created_at": started, "tag": literal(tag)}


def _event(
    place: Place,
    event_id: ColumnElement[str],
    digest: ColumnElement[str],
    run_id: ColumnElement[str],
    received_at: ColumnElement[Any],
) -> Columns:
    received = {"provider_id": literal(place.provider_id), "received_at": received_at}
    return received | {"id": event_id, "digest": digest, "run_id": run_id, "kind": literal("workflow_run.completed")}


def _actor(each: ColumnElement[int]) -> Columns:
    clerk = _named("clerk", hexadecimal(each % CLERKS))
    return {"actor_name": clerk, "actor": clerk + literal(as_actor(""))}


def _job(job_id: ColumnElement[str], created_at: ColumnElement[Any], ended_at: ColumnElement[Any]) -> Columns:
    nothing = {name: literal(0) for name in ("step", "tries", "done", "size")}
    return nothing | {
        "id": job_id,
        "kind": literal("verifications_csv"),
        "state": literal("done"),
        "owner": literal("clerk"),
        "parameters": _json(jobs.c.parameters, {}),
        "summary": _json(jobs.c.summary, {}),
        "digest": literal("0" * 64),
        "created_at": created_at,
        "updated_at": ended_at,
        "ended_at": ended_at,
        "expires_at": from_now(literal_column(str(DAY))),
    }


def _delivery(
    delivery_id: ColumnElement[str], state: str, created_at: ColumnElement[Any], due_at: ColumnElement[Any]
) -> Columns:
    return {
        "id": delivery_id,
        "kind": literal(BULK),
        "payload": _json(outbox.c.payload, {}),
        "dedupe_key": _named(state, delivery_id),
        "state": literal(state),
        "attempts": literal(1),
        "history": _json(outbox.c.history, []),
        "due_at": due_at,
        "created_at": created_at,
    }
