"""How a database goes about what a function of the store asks: from its own plans, not from a stopwatch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event

from connector.store.engine import Database


def plan_of(database: Database, call: Callable[[Connection], Any]) -> str:
    """Return the plan of the statements that a call executes; nothing that it changes stays."""
    executed: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        executed.append((statement, parameters))

    engine_events = (Engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    with database.write() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # of few rows, it would read all
            connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        nested = connection.begin_nested()
        event.listen(*engine_events)
        try:
            call(connection)
        finally:
            event.remove(*engine_events)
        nested.rollback()
        lines = [
            str(row)
            for statement, parameters in executed
            for row in connection.exec_driver_sql(explain + statement, parameters)
        ]
    return "\n".join(lines)
