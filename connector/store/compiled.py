"""Statements that are compiled once and executed by the driver, because SQLAlchemy's execution reads each answer at
once.
"""

from __future__ import annotations

import json
import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Dialect, Float
from sqlalchemy.sql.dml import UpdateBase

from connector.domain.frozen import frozen
from connector.store import required

if TYPE_CHECKING:
    from sqlalchemy import Executable

HAS_VALUES = "has_values"  # an option of statements whose parameters do not have the names of columns

_PARAMETER = re.compile(r"%(?:%|\((\w+)\)s)")

Process = Callable[[Any], Any]


@frozen
class CompiledStatement:
    """A statement's text in the database's syntax, with the conversions of its parameters and rows."""

    text: str
    names: Sequence[str]
    processors: Mapping[str, Process]
    defaults: Mapping[str, Any]
    row: Callable[[Sequence[Any]], Any] | None
    columns: Sequence[tuple[int, Process]]

    def bind(self, parameters: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
        """Return the text and its parameters, in their order."""
        values = {**self.defaults, **parameters}
        for name, process in self.processors.items():
            values[name] = process(values[name])
        return self.text, [values[name] for name in self.names]

    def read(self, rows: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """Return received rows with names, and with converted columns."""
        if self.row is None:
            return ()
        return [self.row(self._processed(row)) for row in rows]

    def _processed(self, row: Sequence[Any]) -> Sequence[Any]:
        if not self.columns:
            return row
        values = list(row)
        for at, process in self.columns:
            values[at] = process(values[at])
        return values


def compile_statement(statement: Executable, parameters: Iterable[str], dialect: Dialect) -> CompiledStatement:
    """Compile a statement for these names of parameters."""
    names_columns = isinstance(statement, UpdateBase) and not statement.get_execution_options().get(HAS_VALUES)
    return _compiled(statement, tuple(parameters) if names_columns else None, dialect)


def _row_type(names: Sequence[str]) -> Any:
    return namedtuple("Row", names, rename=True)


@cache
def _compiled(statement: Executable, given: Sequence[str] | None, dialect: Dialect) -> CompiledStatement:
    """Compile a statement for these parameters: those of an INSERT or UPDATE name its columns."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=given)  # type: ignore[attr-defined]
    if any(bind.expanding for bind in compiled.binds.values()):
        raise TypeError("A statement of a batch cannot expand a list: it is compiled once.")
    if compiled.prefetch:
        raise TypeError("A statement of a batch cannot have defaults that Python computes.")
    columns = tuple(statement.exported_columns)  # type: ignore[attr-defined]
    binds = {name: _bind_processor(bind.type, dialect) for name, bind in compiled.binds.items()}
    reads = (_result_processor(column.type, dialect) for column in columns)
    text, names = (str(compiled), compiled.positiontup) if dialect.positional else _numbered(str(compiled))
    if (rows := required.rows_of(statement)) and dialect.name == "postgresql":
        text, columns = required.checked(text, rows), ()
    return CompiledStatement(
        text=text,
        names=names,
        processors={name: process for name, process in binds.items() if process is not None},
        defaults={name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required},
        row=_row_type([column.key for column in columns])._make if columns else None,
        columns=[(at, process) for at, process in enumerate(reads) if process is not None],
    )


def _bind_processor(kind: Any, dialect: Dialect) -> Process | None:
    """Return the conversion of a parameter; JSON becomes text here, because the driver would search for a dumper each
    time.
    """
    process: Process | None = kind.dialect_impl(dialect).bind_processor(dialect)
    if dialect.positional or process is None or not isinstance(kind, JSON):
        return process

    def dump(value: Any) -> str | None:
        wrapped = process(value)
        return None if wrapped is None else json.dumps(wrapped.obj)

    return dump


def _result_processor(kind: Any, dialect: Dialect) -> Process | None:
    """Return the conversion of a column; the driver returns floating point numbers directly."""
    return None if isinstance(kind, Float) else kind.dialect_impl(dialect).result_processor(dialect, None)


def _numbered(text: str) -> tuple[str, Sequence[str]]:
    """Return a statement with $1 and so on instead of the driver's %(name)s, and the names in this order."""
    names: dict[str, int] = {}

    def number(parameter: re.Match[str]) -> str:
        return f"${names.setdefault(parameter[1], len(names) + 1)}" if parameter[1] else "%"

    return _PARAMETER.sub(number, text), tuple(names)
