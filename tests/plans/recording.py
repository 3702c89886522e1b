"""The statements that a connector sends to its drivers, including batches on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import Engine

from tests.listening import listening

HAVE_NO_PLAN = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "SHOW", "PRAGMA", ";")


@dataclass(frozen=True)
class Statement:
    """A statement with its parameters and its sender."""

    sender: str
    text: str
    parameters: Any


@dataclass
class Recorder:
    """Records statements while it is installed, of connections that are opened during that time."""

    statements: dict[tuple[str, str], Statement] = field(default_factory=dict)
    _thread: threading.local = field(default_factory=threading.local)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Record the statements of connections that are opened from now on."""
        listeners = ((Engine, "connect", self._watch), (Engine, "before_cursor_execute", self._note_sqlite))
        with listening(*listeners):
            yield

    @contextmanager
    def sending(self, sender: str) -> Iterator[None]:
        """Name the sender of this thread's statements."""
        self.begin(sender)
        try:
            yield
        finally:
            self.begin(None)

    def begin(self, sender: str | None) -> None:
        """Name the sender of this thread's statements from now on; with None they are not recorded."""
        self._thread.sender = sender

    def note(self, text: str, parameters: Any) -> None:
        """Record a statement, once for each sender."""
        sender = getattr(self._thread, "sender", None)
        if sender is not None and not text.lstrip().upper().startswith(HAVE_NO_PLAN):
            first = parameters[0] if isinstance(parameters, list) else parameters
            self.statements.setdefault((sender, text), Statement(sender, text, first))

    def _watch(self, connection: Any, _record: object) -> None:
        if isinstance(connection, psycopg.Connection):
            connection.cursor_factory = _cursor_that_notes(self)

    def _note_sqlite(self, connection: Any, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if connection.dialect.name == "sqlite":
            self.note(statement, parameters)


def _cursor_that_notes(recorder: Recorder) -> type[psycopg.Cursor[Any]]:
    class NotingCursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            recorder.note(str(query), params)
            return super().execute(query, params, **options)

        def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
            rows = list(params_seq)
            recorder.note(str(query), rows)
            super().executemany(query, rows, **options)

    return NotingCursor
