"""Statements whose answers have not been read yet are sent together, in one round trip to PostgreSQL.

    added = batch.execute(connection, INSERT, row)          # queued
    found = batch.execute(connection, SELECT, key)          # queued
    found.one_or_none()                                     # both are sent, and both answers are received
    batch.execute(connection, UPDATE, change)               # queued; the transaction's end sends it with the COMMIT

The statements, their order and their locks are the same on both databases, and so are the errors: a statement that
fails is reported when the first answer is read, ends its batch, and its transaction can only be rolled back. On SQLite,
or if there are listeners for single statements, they are executed one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Insert, bindparam
from sqlalchemy.exc import InvalidRequestError

from connector import tracing
from connector.store import required
from connector.store.compiled import HAS_VALUES, compile_statement
from connector.store.lazy_rows import LazyRows

if TYPE_CHECKING:
    from sqlalchemy import Executable

    from connector.store.pipeline import PipelineMode

BEGINS = "begins"  # an option of connections: whether their first statement begins a transaction; not for readers
IDLE = 0  # libpq's PQTRANS_IDLE: no transaction is open
MOST_ROWS = 20  # rows of one INSERT; each number of rows is a separate statement
_WAITING, _AFTER = "waiting", "after"  # in a connection's `info`: the queued statements
_COMMITS_FIRST = "commits first"  # the same, while statements are executed that are due after the commit
_PIPELINE = "pipeline"  # the same, as long as the connection is open
BEGIN: tuple[str, Sequence[Any]] = ("BEGIN", ())
COMMIT: tuple[str, Sequence[Any]] = ("COMMIT", ())
T = TypeVar("T")
Ask = Callable[[Connection], None]  # queues further statements on a connection, for the same round trip


class Answer:
    """The result of one statement; reading it sends all queued statements."""

    __slots__ = ("_connection", "_read", "_rowcount", "_rows", "parameters", "statement")

    def __init__(self, connection: Connection, statement: Executable, parameters: Mapping[str, Any]) -> None:
        self._connection = connection
        self._read: Callable[[], Sequence[Any]] | None = None
        self._rows: Sequence[Any] | None = None
        self._rowcount = -1
        self.statement = statement
        self.parameters = parameters

    @property
    def rows(self) -> Sequence[Any]:
        """The rows, as tuples with names; empty if the statement returns none."""
        if self._rows is None:
            self._rows = self._received()()
        return self._rows

    @property
    def rowcount(self) -> int:
        """The number of changed or returned rows."""
        self._received()
        return self._rowcount

    def one_or_none(self) -> Any:
        """Return the first row, None if there is none."""
        return self.rows[0] if self.rows else None

    def scalar(self) -> Any:
        """Return the first column of the first row, None if there is none."""
        return self.rows[0][0] if self.rows else None

    def scalars(self) -> list[Any]:
        """Return the first column."""
        return [row[0] for row in self.rows]

    def each(self, make: Callable[[Any], T]) -> Sequence[T]:
        """Return the results of `make` for the rows, which are read on first access."""
        return LazyRows(self, make)

    def receive(self, read: Callable[[], Sequence[Any]], rowcount: int) -> None:
        """Store the database's answer; `read` returns the rows."""
        self._read, self._rowcount = read, rowcount

    def _received(self) -> Callable[[], Sequence[Any]]:
        if self._read is None:
            flush(self._connection)
        if self._read is None:
            raise InvalidRequestError("The statement was not executed: its transaction was rolled back.")
        return self._read


def execute(connection: Connection, statement: Executable, parameters: Mapping[str, Any]) -> Answer:
    """Execute a statement in order. Statements are constants: each is compiled once and kept."""
    answer, info = Answer(connection, statement, parameters), connection.info
    if info.get(_COMMITS_FIRST):
        info.setdefault(_AFTER, []).append(answer)
    elif _can_wait(connection):
        info.setdefault(_WAITING, []).append(answer)
    else:
        _execute_now(connection, answer)
    return answer


def execute_all(connection: Connection, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
    """Execute a statement for each of some rows, without using the answers."""
    if _is_listened_to(connection) and required.rows_of(statement) is None:
        if rows:
            connection.execute(statement, list(rows))
    else:
        for row in rows:
            execute(connection, statement, row)


def insert_all(
    connection: Connection, statement: Insert, rows: Sequence[Mapping[str, Any]], shared: Sequence[str] = ()
) -> None:
    """Insert rows with the same columns, many in one statement.

    The values of the columns `shared` are sent once if all rows have the same.
    """
    if _is_listened_to(connection):
        execute_all(connection, statement, rows)
        return
    columns = tuple(rows[0]) if rows else ()
    common = _common(rows, shared)
    for start in range(0, len(rows), MOST_ROWS):
        some = rows[start : start + MOST_ROWS]
        together = _of_rows(statement, columns, len(some), tuple(common))
        values = dict(common)
        for row, names in zip(some, together.names, strict=True):
            values.update(zip(names, [row[column] for column in together.columns], strict=True))
        execute(connection, together.statement, values)


def _common(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """Return the values of these columns if all rows have the same; otherwise nothing."""
    values = [[row[name] for name in names] for row in rows]
    is_same = bool(values) and all(each == values[0] for each in values[1:])
    return dict(zip(names, values[0], strict=True)) if is_same else {}


class _OfRows(NamedTuple):
    """An INSERT of several rows: the columns with a value for each row, and the names of each row's parameters."""

    statement: Insert
    columns: Sequence[str]
    names: Sequence[Sequence[str]]


@cache
def _of_rows(statement: Insert, columns: Sequence[str], number: int, shared: Sequence[str]) -> _OfRows:
    """Return an INSERT for this number of rows, with some shared columns."""
    types = {name: statement.table.c[name].type for name in columns}
    common = {name: bindparam(name, type_=types[name]) for name in shared}
    own = [name for name in columns if name not in common]
    rows = [common | {name: bindparam(f"{name}_{at}", type_=types[name]) for name in own} for at in range(number)]
    options = {HAS_VALUES: True, **required.rows(statement, number)}
    return _OfRows(
        statement.values(rows).execution_options(**options),
        own,
        [[f"{name}_{at}" for name in own] for at in range(number)],
    )


def flush(connection: Connection, *, commit: bool = False) -> None:
    """Send the queued statements; `commit` ends the transaction in the same round trip.

    If there are listeners for the commit, or nothing is queued, SQLAlchemy ends the transaction. Raises SQLAlchemy's
    errors, as `Connection.execute` does.
    """
    waiting, commits = connection.info.pop(_WAITING, []), commit and not connection.dispatch.commit
    after = connection.info.pop(_AFTER, []) if commits and _can_wait(connection) else []
    if waiting or after:
        _send_together(connection, waiting, after, commit=commits)


@contextmanager
def after_commit(connection: Connection) -> Iterator[None]:
    """Execute the statements after the transaction's commit; their answers are available once `Database.write` ends."""
    connection.info[_COMMITS_FIRST] = True
    try:
        yield
    finally:
        del connection.info[_COMMITS_FIRST]


def unsent(connection: Connection) -> Sequence[Answer]:
    """Return the statements that are due after the commit and were not sent with it, for `execute_unsent`."""
    answers: list[Answer] = connection.info.pop(_AFTER, [])
    return answers


def execute_unsent(connection: Connection, answers: Sequence[Answer]) -> None:
    """Execute the statements that were due after a commit, on another connection."""
    for answer in answers:
        _execute_now(connection, answer)


def nothing(_: Connection) -> None:
    """Queue nothing."""


def forget(info: dict[str, Any]) -> None:
    """Drop the queued statements of a connection that is returned to the pool after a rollback."""
    info.pop(_WAITING, None)
    info.pop(_AFTER, None)


def _can_wait(connection: Connection) -> bool:
    """Whether a statement may be sent later; not if there are listeners for each statement."""
    return connection.dialect.name != "sqlite" and not _is_listened_to(connection)


def _is_listened_to(connection: Connection) -> bool:
    """Whether SQLAlchemy itself has to execute each statement, because there are listeners."""
    if not (connection._has_events or connection.engine._has_events):
        return False
    return bool(connection.dispatch.before_cursor_execute or connection.dispatch.after_cursor_execute)


def _execute_now(connection: Connection, answer: Answer) -> None:
    if connection.dialect.name == "sqlite" and not _is_listened_to(connection):
        _execute_on_sqlite(connection, answer)
        return
    result = connection.execute(answer.statement, dict(answer.parameters))
    rows = result.all() if result.returns_rows else ()
    rowcount = len(rows) if result.returns_rows else result.rowcount
    required.check(answer.statement, rowcount)
    answer.receive(lambda: rows, rowcount)


def _execute_on_sqlite(connection: Connection, answer: Answer) -> None:
    """Execute a statement with the driver; the transaction has begun."""
    driver: Any = connection.connection.dbapi_connection
    compiled = compile_statement(answer.statement, answer.parameters, connection.dialect)
    try:
        with tracing.statements("sqlite", lambda: [compiled.text]):
            cursor = driver.execute(*compiled.bind(answer.parameters))
            rows = cursor.fetchall() if compiled.row else ()
    except connection.dialect.loaded_dbapi.Error as error:
        connection._handle_dbapi_exception(error, None, None, None, None)
    rowcount = len(rows) if compiled.row else cursor.rowcount
    required.check(answer.statement, rowcount)
    answer.receive(partial(compiled.read, rows), rowcount)


def _send_together(connection: Connection, waiting: Sequence[Answer], after: Sequence[Answer], *, commit: bool) -> None:
    driver: Any = connection.connection.dbapi_connection
    compiled = [compile_statement(each.statement, each.parameters, connection.dialect) for each in (*waiting, *after)]
    try:
        is_first = _is_first_of_its_transaction(connection, driver)
        is_alone = is_first and commit and len(waiting) == 1 and not after  # a transaction by itself
        begin = [BEGIN] if is_first and not is_alone else []
        end = [COMMIT] if commit and not is_alone else []
        bound = [each.bind(answer.parameters) for each, answer in zip(compiled, (*waiting, *after), strict=True)]
        sent = [*begin, *bound[: len(waiting)], *end, *bound[len(waiting) :]]
        with tracing.statements("postgresql", lambda: [text for text, _ in sent]):
            results = _pipeline_mode(driver, connection.info).execute(sent)
    except connection.dialect.loaded_dbapi.Error as error:
        if required.is_no_row(error):
            raise required.NoRowError from error
        connection._handle_dbapi_exception(error, None, None, None, None)
    first, last = len(begin), len(begin) + len(waiting)
    received = [*results[first:last], *results[last + len(end) :]]
    for answer, each, (rows, rowcount) in zip((*waiting, *after), compiled, received, strict=True):
        answer.receive(partial(each.read, rows), rowcount)


def _pipeline_mode(driver: Any, info: dict[str, Any]) -> PipelineMode:
    """Return a connection's pipeline mode, created on first use."""
    from connector.store.pipeline import PipelineMode  # noqa: PLC0415  it imports psycopg, which SQLite does without

    if _PIPELINE not in info:
        info[_PIPELINE] = PipelineMode(driver)
    mode: PipelineMode = info[_PIPELINE]
    return mode


def begin(connection: Connection) -> None:
    """Begin the transaction if the next statement is its first, and is not part of a batch."""
    driver: Any = connection.connection.dbapi_connection
    if _is_first_of_its_transaction(connection, driver):
        try:
            driver.execute("BEGIN")
        except connection.dialect.loaded_dbapi.Error as error:
            connection._handle_dbapi_exception(error, None, None, None, None)


def _is_first_of_its_transaction(connection: Connection, driver: Any) -> bool:
    """Whether the next statement has to begin the transaction; readers have none."""
    return bool(connection.get_execution_options().get(BEGINS)) and driver.pgconn.transaction_status == IDLE
