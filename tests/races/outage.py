"""A database that stops answering at a chosen point of a request, until the test lets it answer again.

It listens to SQLAlchemy's own events, as `meanwhile` does, and raises what the drivers raise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from tests.listening import listening


@contextmanager
def outage(statement: str, *, occurrence: int = 1, is_carried_out: bool = False) -> Iterator[None]:
    """Fail every statement from the n-th such statement on; fail the test if there is none.

    With `is_carried_out`, that transaction is committed, but the answer to its commit is lost.
    """
    failing = _Outage(statement, occurrence, is_carried_out=is_carried_out)
    with listening(
        (Engine, "before_cursor_execute", failing.refuse),
        (Engine, "after_cursor_execute", failing.note),
        (Engine, "commit", failing.lose_answer),
    ):
        yield
    assert failing.has_begun, f"no statement with {statement!r} came"


class _Outage:
    def __init__(self, statement: str, occurrence: int, *, is_carried_out: bool) -> None:
        self.has_begun = False
        self._statement = statement
        self._left = occurrence
        self._is_carried_out = is_carried_out
        self._due: Connection | None = None

    def refuse(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if self._statement in statement:
            self._left -= 1
            self.has_begun = self.has_begun or (self._left == 0 and not self._is_carried_out)
        if self.has_begun:
            raise _away()

    def note(self, connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if self._is_carried_out and self._left == 0 and self._statement in statement:
            self._due = connection

    def lose_answer(self, connection: Connection) -> None:
        if self._due is connection:
            self._due, self.has_begun = None, True
            driver = connection.connection.dbapi_connection
            assert driver is not None
            driver.commit()
            raise _away()


def _away() -> OperationalError:
    return OperationalError("", {}, Exception("the database does not answer"))
