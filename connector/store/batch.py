"""Several statements sent together: one round trip to PostgreSQL, one after another on SQLite.

    read, write = batch.send(connection, [Step(SELECT, {"id": 1}), Step(UPDATE, {"id": 1, "status": "approved"})])

The statements, their order and their locks are the same on both databases, and so are the errors. A statement that
fails ends the batch: what follows it is not executed, and the transaction can only be rolled back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Dialect, Row
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import UpdateBase

if TYPE_CHECKING:
    from sqlalchemy import Executable

IDLE = 0  # libpq's PQTRANS_IDLE: no transaction is open

Process = Callable[[Any], Any]


@dataclass(frozen=True)
class Step:
    """One statement of a batch with its parameters. Statements are constants: each is compiled once and kept."""

    statement: Executable
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What one statement returned: its rows, and how many rows it changed (-1 where it changes none)."""

    rows: Sequence[Row[*tuple[Any, ...]]]
    rowcount: int

    def one_or_none(self) -> Row[*tuple[Any, ...]] | None:
        """Return the first row, None where there is none."""
        return self.rows[0] if self.rows else None

    def scalars(self) -> list[Any]:
        """Return the first column."""
        return [row[0] for row in self.rows]


def send(connection: Connection, steps: Sequence[Step], *, commit: bool = False) -> list[Answer]:
    """Execute the steps in their order and return their answers by position.

    `commit` ends the connection's transaction in the same round trip; nothing may be executed on it afterwards.
    Raises SQLAlchemy's errors, as `Connection.execute` does.
    """
    if connection.dialect.name == "sqlite":
        return [_execute(connection, step) for step in steps]  # whoever began the transaction commits it
    return _send_together(connection, steps, commit=commit)


def _execute(connection: Connection, step: Step) -> Answer:
    result = connection.execute(step.statement, dict(step.parameters))
    rowcount = result.rowcount
    return Answer(result.all() if result.returns_rows else (), rowcount)


def _send_together(connection: Connection, steps: Sequence[Step], *, commit: bool) -> list[Answer]:
    compiled = [_compile(step, connection.dialect) for step in steps]
    driver: Any = connection.connection.dbapi_connection
    try:
        is_first = _is_first_of_its_transaction(driver)
        with driver.pipeline():
            if is_first:
                driver.cursor().execute("BEGIN")
            cursors = [
                driver.cursor().execute(each.text, each.bind(step.parameters), prepare=True)
                for each, step in zip(compiled, steps, strict=True)
            ]
            if commit:
                driver.cursor().execute("COMMIT")
        return [each.read(cursor) for each, cursor in zip(compiled, cursors, strict=True)]
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemy_raises_it(connection, error) from error


def _is_first_of_its_transaction(driver: Any) -> bool:
    """Whether the batch has to begin the transaction: the driver's own BEGIN would wait for its answer."""
    if driver.autocommit or driver.info.transaction_status != IDLE:
        return False
    driver.autocommit = True  # until the connection is returned to the pool
    return True


def _as_sqlalchemy_raises_it(connection: Connection, error: Exception) -> BaseException:
    """Wrap a driver's error; of its text only the message, for the detail repeats the row's values."""
    dialect = connection.dialect
    is_disconnect = dialect.is_disconnect(error, None, None)  # type: ignore[arg-type]
    if message := getattr(getattr(error, "diag", None), "message_primary", None):
        error.args = (message,)
    if is_disconnect:
        connection.invalidate(error)
    return DBAPIError.instance(
        None,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=is_disconnect,
        dialect=dialect,
    )


@dataclass(frozen=True)
class _Compiled:
    text: str
    processors: Mapping[str, Process | None]
    defaults: Mapping[str, Any]
    keys: SimpleResultMetaData | None
    columns: Sequence[Process | None]

    def bind(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        values = {**self.defaults, **parameters}
        return {
            name: values[name] if process is None else process(values[name])
            for name, process in self.processors.items()
        }

    def read(self, cursor: Any) -> Answer:
        if self.keys is None:
            return Answer((), cursor.rowcount)
        rows = cursor.fetchall()
        if any(self.columns):
            rows = [
                tuple(value if read is None else read(value) for value, read in zip(row, self.columns, strict=True))
                for row in rows
            ]
        return Answer(IteratorResult(self.keys, iter(rows)).all(), cursor.rowcount)


def _compile(step: Step, dialect: Dialect) -> _Compiled:
    statement = step.statement
    names = tuple(step.parameters) if isinstance(statement, UpdateBase) else None
    return _compiled(statement, names, dialect)


@cache
def _compiled(statement: Executable, names: Sequence[str] | None, dialect: Dialect) -> _Compiled:
    """Compile a statement for the parameters that it is given: those of an INSERT or UPDATE name its columns."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=names)  # type: ignore[attr-defined]
    if any(bind.expanding for bind in compiled.binds.values()):
        raise TypeError("A statement of a batch cannot expand a list: it is compiled once.")
    columns = tuple(statement.exported_columns)  # type: ignore[attr-defined]
    return _Compiled(
        text=str(compiled),
        processors={
            name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()
        },
        defaults={name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required},
        keys=SimpleResultMetaData([column.key for column in columns]) if columns else None,
        columns=[column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns],
    )
