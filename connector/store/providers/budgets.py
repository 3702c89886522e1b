"""Statements on the rate limits of accounts at Onfido: a bucket for each, which all processes share.

A bucket is the time at which it will be full again, in seconds of the database's clock; each call postpones it. One
statement reserves a call: it reads the bucket, determines whether the caller gets the turn, and returns both. The lock
on the row serializes the callers of all processes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    bindparam,
    case,
    delete,
    false,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from connector.store import batch
from connector.store.batch import Answer
from connector.store.compiled import HAS_VALUES
from connector.store.dialect import Insert, insert
from connector.store.free_rows import lock_free
from connector.store.models import onfido_budgets as table

UNUSED = 86_400.0  # seconds since a bucket was full, after which it is deleted

Number = ColumnElement[float]


class epoch_now(FunctionElement[float]):  # noqa: N801  a function of SQL
    """The database's time in seconds, at which the statement began, independent of waiting for locks."""

    type = Double()
    inherit_cache = True


@compiles(epoch_now, "postgresql")
def _on_postgresql(_element: epoch_now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM now()) AS DOUBLE PRECISION)"


@compiles(epoch_now, "sqlite")
def _on_sqlite(_element: epoch_now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


def _given(name: str) -> Number:
    return bindparam(f"of_{name}", type_=Double())


def _later(one: Number, other: Number) -> Number:
    return case((one > other, one), else_=other)


def _sooner(one: Number, other: Number) -> Number:
    return case((one < other, one), else_=other)


_NOW = epoch_now()
_NEVER: Number = literal_column("0.0", Double())
# A time later than any call can have caused was written before a clock was set back.
_FULL_AT = _sooner(table.c.full_at, _NOW + _given("farthest"))
_HELD_UNTIL = _sooner(table.c.held_until, _NOW + _given("farthest"))
_TURN = _later(_NOW, _FULL_AT - _given("leeway"))
_IS_TAKEN = _NOW + _given("patience") >= _TURN
_HELD = _NOW + _given("seconds")


def _booking(statement: Insert) -> Insert:
    first: dict[str, Any] = {
        "account": bindparam("of_account", type_=table.c.account.type),
        "full_at": _NOW + _given("interval"),
        "held_until": _NEVER,
        "wait": _NEVER,
        "is_booked": true(),
    }
    taken = {
        "full_at": case((_IS_TAKEN, _later(_TURN, _FULL_AT) + _given("interval")), else_=_FULL_AT),
        "wait": _TURN - _NOW,
        "is_booked": case((_IS_TAKEN, true()), else_=false()),
    }
    booked = statement.values(first).on_conflict_do_update(index_elements=[table.c.account], set_=taken)
    return booked.execution_options(**{HAS_VALUES: True}).returning(
        table.c.wait, table.c.is_booked, (table.c.full_at - _NOW).label("full")
    )  # type: ignore[return-value]


def _holding(statement: Insert) -> Insert:
    first: dict[str, Any] = {
        "account": bindparam("of_account", type_=table.c.account.type),
        "full_at": _HELD + _given("leeway"),
        "held_until": _HELD,
        "wait": _NEVER,
        "is_booked": false(),
    }
    held = {"full_at": _later(_FULL_AT, _HELD + _given("leeway")), "held_until": _later(_HELD_UNTIL, _HELD)}
    return (
        statement.values(first)
        .on_conflict_do_update(index_elements=[table.c.account], set_=held)
        .execution_options(**{HAS_VALUES: True})
    )


_BOOK, _HOLD = insert(table, _booking), insert(table, _holding)
_FIND_HELD = select(_HELD_UNTIL - _NOW).where(table.c.account == bindparam("of_account"))
# Limited for this transaction: the lock is normally held for one statement only, unless a process is stuck.
_WAIT_FOR_LOCK = select(func.set_config("lock_timeout", bindparam("of_milliseconds"), true()))


def book(
    connection: Connection,
    account: str,
    *,
    interval: float,
    leeway: float,
    farthest: float,
    patience: float,
    lock_patience: float,
) -> Answer:
    """Reserve the next call of an account, if its turn comes within `patience` seconds.

    Return `wait` and `is_booked`, and in how many seconds the bucket is `full` after that. A turn is due as soon as the
    bucket is full within `leeway`; a call postpones that by `interval`. No recorded time
    can be more than `farthest` in the future. At most `lock_patience` seconds are spent waiting for other callers.
    """
    if connection.dialect.name == "postgresql":
        batch.execute(connection, _WAIT_FOR_LOCK, {"of_milliseconds": str(max(1, round(lock_patience * 1000)))})
    given = {"of_interval": interval, "of_leeway": leeway, "of_farthest": farthest, "of_patience": patience}
    return batch.execute(connection, _BOOK(connection), {"of_account": account, **given})


def hold(connection: Connection, account: str, *, seconds: float, leeway: float, farthest: float) -> None:
    """Pause all calls of an account for some seconds; then its bucket is empty."""
    given = {"of_seconds": seconds, "of_leeway": leeway, "of_farthest": farthest}
    batch.execute(connection, _HOLD(connection), {"of_account": account, **given})


def find_held(connection: Connection, account: str, *, farthest: float) -> Answer:
    """Return for how many seconds an account is paused; none, or less than 0, if it is not."""
    return batch.execute(connection, _FIND_HELD, {"of_account": account, "of_farthest": farthest})


def forget_unused(connection: Connection, size: int) -> int:
    """Remove some buckets that were not used for long; return their number."""
    is_unused = (table.c.full_at < _NOW - UNUSED, table.c.held_until < _NOW)
    some = select(table.c.account).where(*is_unused).limit(size)
    accounts = lock_free(connection, some)
    return connection.execute(delete(table).where(table.c.account.in_(accounts))).rowcount if accounts else 0
