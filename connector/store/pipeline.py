"""Statements in PostgreSQL's pipeline mode, with one write to the socket and one wait for all answers.

psycopg's own pipeline writes and polls once for each statement, which costs more than most statements themselves. Here
its wrapper of libpq (`psycopg.pq`) is called directly. A statement is prepared the first time that a connection sends
it, by its text alone: the types of its parameters are those of its casts and columns, whatever the values are. Results
are received in binary form, so that times need not be parsed.

A pooler may pass a client's statements to other connections of the server each time, where others have prepared theirs.
So a statement's name is a digest of its text: no name can stand for two statements. Once a name is missing, or exists
already, nothing is prepared any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from psycopg import errors, pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.generators import fetch_many, send

if TYPE_CHECKING:
    from psycopg.abc import Buffer, PQGen

    Dumped = Sequence[Buffer | None]  # parameters as they are sent

MOST_PREPARED = 200  # statements of a connection; beyond that, all are dropped and prepared again when used

Statement = tuple[str, Sequence[Any]]  # its text, with $1, $2 and so on, and its parameters
Rows = Sequence[tuple[Any, ...]]
Results = list[pq.abc.PGresult]

_pooled: set[str] = set()  # the databases behind such a pooler


class PipelineMode:
    """The pipeline mode of one of psycopg's connections."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._transformer = Transformer(driver)
        self._prepared: dict[str, bytes] = {}  # the names of the prepared statements, by their texts
        self._database = driver.info.dsn

    def execute(self, statements: Sequence[Statement]) -> list[tuple[Rows, int]]:
        """Execute statements; return the rows and the row count of each.

        Raises the driver's error for the first that fails; later ones are not executed.
        """
        dumped = [(text, self._dump(parameters)) for text, parameters in statements]
        with self._driver.lock:
            exchange = _Exchange(self._driver.pgconn)
            if self._database in _pooled:
                for text, parameters in dumped:
                    exchange.execute_unprepared(text, parameters)
            else:
                self._execute_prepared(dumped, exchange)
            results = exchange.end(self._driver.wait)
        for text in exchange.not_prepared:
            del self._prepared[text]
        self._check(exchange)
        return [self._read(each) for each in results]

    def _execute_prepared(self, dumped: Sequence[tuple[str, Dumped]], exchange: _Exchange) -> None:
        if len(self._prepared) >= MOST_PREPARED:
            self._prepared.clear()
            exchange.drop_prepared()
        for text, parameters in dumped:
            exchange.execute(self._name(text, exchange), parameters)

    def _check(self, exchange: _Exchange) -> None:
        try:
            exchange.check()
        except (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement):
            _pooled.add(self._database)
            raise

    def _dump(self, parameters: Sequence[Any]) -> Dumped:
        return self._transformer.dump_sequence(parameters, [PyFormat.TEXT] * len(parameters))

    def _name(self, text: str, exchange: _Exchange) -> bytes:
        """Return the name of a prepared statement; a new one is prepared in the same exchange."""
        if (name := self._prepared.get(text)) is None:
            name = self._prepared[text] = f"connector_{sha256(text.encode()).hexdigest()[:32]}".encode()
            exchange.prepare(name, text)
        return name

    def _read(self, result: pq.abc.PGresult) -> tuple[Rows, int]:
        if result.status != pq.ExecStatus.TUPLES_OK:
            return (), result.command_tuples or 0
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple), result.ntuples


class _Exchange:
    """One use of the pipeline: everything is buffered, then written, then answered."""

    def __init__(self, connection: pq.abc.PGconn) -> None:
        self._connection = connection
        self._texts: list[str | None] = []  # for each answer: the text that it prepares, None if it prepares none
        self._results: Results = []
        connection.enter_pipeline_mode()

    def drop_prepared(self) -> None:
        """Drop all prepared statements."""
        self._connection.send_query_params(b"DEALLOCATE ALL", None)
        self._texts.append("")

    def prepare(self, name: bytes, text: str) -> None:
        """Prepare a statement."""
        self._connection.send_prepare(name, text.encode())
        self._texts.append(text)

    def execute(self, name: bytes, parameters: Dumped) -> None:
        """Execute a prepared statement."""
        self._connection.send_query_prepared(name, parameters, result_format=pq.Format.BINARY)
        self._texts.append(None)

    def execute_unprepared(self, text: str, parameters: Dumped) -> None:
        """Execute a statement without a name."""
        self._connection.send_query_params(text.encode(), parameters, result_format=pq.Format.BINARY)
        self._texts.append(None)

    def end(self, wait: Callable[[PQGen[None]], None]) -> Results:
        """Write everything, and return the results; `check` must be called on them."""
        try:
            self._connection.pipeline_sync()
            wait(self._communicate())
            self._connection.exit_pipeline_mode()
        except BaseException:
            self._connection.finish()  # otherwise missing answers would be confused with later ones
            self.check()
            raise
        return [each for each, text in zip(self._results, self._texts, strict=True) if text is None]

    @property
    def not_prepared(self) -> list[str]:
        """The texts that could not be prepared, including those after a failed statement."""
        prepared = zip(self._results, self._texts, strict=True)
        return [text for each, text in prepared if text and each.status != pq.ExecStatus.COMMAND_OK]

    def check(self) -> None:
        """Raise the driver's error for the first statement that failed."""
        for each in self._results:
            if each.status == pq.ExecStatus.FATAL_ERROR:
                raise errors.error_from_result(each)

    def _communicate(self) -> PQGen[None]:
        yield from send(self._connection)
        for _ in self._texts:
            self._results += yield from fetch_many(self._connection)
        yield from fetch_many(self._connection)  # the answer to the end of the pipeline
