"""The database: transactions that read, transactions that write, and the schema's version.

On SQLite, writers queue (`writer_queue.py`), and those that wait share a transaction (`group_commit.py`). On
PostgreSQL, no exchange waits for ever (`patient.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, func, select, text, true
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from connector import tracing
from connector.errors import ConfigurationError, DatabaseUnavailable
from connector.store import batch, schema
from connector.store.availability import check_in_place, check_space, distinguished_errors, identity
from connector.store.group_commit import GroupCommit
from connector.store.schema import Fit
from connector.store.wake_up import AddedDeliveries, Notifications, notify, wake_up_of
from connector.store.writer_queue import WriterQueue

POOL_SIZE, OVERFLOW = 32, 10
MOST_CONNECTIONS = POOL_SIZE + OVERFLOW  # of a process; those of the overflow are closed after use
PING_AFTER = 1.0  # seconds that a connection was idle
BUSY_TIMEOUT = 10_000  # milliseconds; other tools may hold SQLite's lock, our own writers queue before it
PG_OPTIONS = "-c lock_timeout=10s -c statement_timeout=30s"
PATIENCE = 60.0  # seconds for an exchange with PostgreSQL (longer than a statement), or for a writer's turn on SQLite
CHECK_PATIENCE = 10.0  # the latter, to find out whether writing is possible: longer than any other transaction
MIGRATION_PATIENCE = 3600  # both, if another process may be migrating the schema
MIGRATION_LOCK = 0x1DF1D0  # an arbitrary constant: one migration at a time on PostgreSQL
TOO_NEW = "The database's schema is a newer version's, which this one cannot use: install that version."
# SQLAlchemy's events of the dialect: those of engines and connections cost each transaction time.
EXECUTIONS = ("do_execute", "do_executemany", "do_execute_no_params")
_DO_NOT_WAIT_FOR_DISK = select(func.set_config("synchronous_commit", "off", true()))  # until the transaction's end
_SAME_VERSION = text("UPDATE alembic_version SET version_num = version_num")


class Database:
    """A database: its engine, transactions and schema version."""

    def __init__(self, url: str, *, patience: float = PATIENCE) -> None:
        self._engine = _create_engine(url, patience)
        self._patience = patience
        if tracing.is_on():
            _trace(self._engine)
        self.is_sqlite = self._engine.dialect.name == "sqlite"
        # A reader has no transaction: PostgreSQL shows each statement what is committed by then, with or without one,
        # and two round trips are saved.
        self._reader_engine = self._engine.execution_options(**{batch.BEGINS: False})
        self._writer_engine = self._engine.execution_options(**{batch.BEGINS: True})
        self.path = Path(str(self._engine.url.database)) if self.is_sqlite else None
        self._queue = WriterQueue(self.path) if self.path else None
        self._group_commit = (
            GroupCommit(self._writer_engine, self._queue, self._check_in_place) if self._queue else None
        )
        self._opened = identity(self.path) if self.path else None
        self.wake_up = wake_up_of(url)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection for reading."""
        self._check_in_place()
        with distinguished_errors(), self._reader_engine.begin() as connection:
            yield connection
            batch.flush(connection)

    @contextmanager
    def write(self, patience: float | None = None, *, waits_for_disk: bool = True) -> Iterator[Connection]:
        """Open a transaction for writing; committed at its end, rolled back on an error.

        On SQLite, where writers take turns, `patience` limits the wait in seconds, and no other writer shares the
        transaction; None means the database's limit. On PostgreSQL, without `waits_for_disk` a crash of the database
        may lose the transaction, unless a later one waits.
        """
        added = AddedDeliveries(self.wake_up)
        with distinguished_errors(), self._begin(patience) as connection:
            added.begin(connection)
            if not (waits_for_disk or self.is_sqlite):
                batch.execute(connection, _DO_NOT_WAIT_FOR_DISK, {})
            yield connection
            if added.is_late() and not self.is_sqlite:
                added.notify(connection)
            batch.flush(connection, commit=True)
            after = batch.unsent(connection)
        if added.publish() and not self.is_sqlite:
            self._notify()
        if after:
            with self.read() as connection:
                batch.execute_unsent(connection, after)

    def _notify(self) -> None:
        """Notify other processes of a delivery that is committed; without the notification, they poll for it."""
        with suppress(DatabaseUnavailable), self.write(waits_for_disk=False) as connection:
            notify(connection)

    def _begin(self, patience: float | None) -> AbstractContextManager[Connection]:
        if self._group_commit is None:
            return self._writer_engine.begin()
        limit = self._patience if patience is None else patience
        return self._group_commit.transaction(limit, may_share=patience is None)

    def listen(self) -> Notifications:
        """Open a connection that receives PostgreSQL's notifications of new deliveries; the caller closes it."""
        arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
        return Notifications(partial(self._engine.dialect.connect, *arguments, **options))

    def migrate(self) -> None:
        """Migrate the schema to this version's; safe to call from several processes at once.

        A newer schema is not changed; raises `ConfigurationError` if this version cannot use it.
        """
        from connector.store import migrations  # noqa: PLC0415  Alembic takes memory and time, and is seldom needed

        with self.write(MIGRATION_PATIENCE) as connection:
            if not self.is_sqlite:
                lift_time_limits(connection)  # an index of a large table takes minutes
                _wait_for_migration(connection)
            fit = schema.fit(connection)
            if fit is Fit.AHEAD:
                raise ConfigurationError(TOO_NEW)
            if fit is Fit.BEHIND:
                migrations.upgrade(connection)
                schema.record_support(connection)

    def prepare(self) -> None:
        """Migrate the embedded database; for any other, raise `ConfigurationError` if its schema does not fit."""
        fit = self.fit()
        if fit is Fit.AHEAD:
            raise ConfigurationError(TOO_NEW)
        if fit is Fit.BEHIND:
            if not self.is_sqlite:
                raise ConfigurationError("The database's schema is not this version's: run `connector migrate`.")
            self.migrate()

    def fit(self) -> Fit:
        """Return how the database's schema compares with this version's."""
        with self.read() as connection:
            return schema.fit(connection)

    def check_writable(self, patience: float = CHECK_PATIENCE) -> None:
        """Write without changing anything; raises `DatabaseUnavailable` if that fails, or is about to fail.

        On SQLite, it fails as well if there is no turn within `patience` seconds, or the database's limit.
        """
        if self.path is not None:
            check_space(self.path)
        with self.write(min(patience, self._patience)) as connection:
            connection.execute(_SAME_VERSION)

    def _check_in_place(self) -> None:
        """Raise `DatabaseUnavailable` if the embedded database's file was removed, moved or replaced."""
        if self.path is not None:
            check_in_place(self.path, self._opened)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        if self._queue:
            self._queue.close()


def _wait_for_migration(connection: Connection) -> None:
    """Wait until no other process migrates; the limit for all other locks remains, because they delay requests."""
    connection.execute(text(f"SET LOCAL lock_timeout = '{MIGRATION_PATIENCE}s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))


def lift_time_limits(connection: Connection) -> None:
    """Lift the time limits of a transaction."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        driver: Any = connection.connection.dbapi_connection
        driver.patience = None


def _create_engine(url: str, patience: float) -> Engine:
    # Statements' parameters are personal: they must not appear in errors and logs.
    options: dict[str, Any] = {"pool_size": POOL_SIZE, "max_overflow": OVERFLOW, "hide_parameters": True}
    if make_url(url).get_backend_name() != "sqlite":
        # Transactions begin here, with their first statement, because the driver would use a separate round trip.
        connect_args = {"connect_timeout": 10, "options": PG_OPTIONS, "prepare_threshold": None, "autocommit": True}
        engine = create_engine(url, connect_args=connect_args, pool_reset_on_return=None, **options)
        event.listen(engine, "do_connect", _patiently(patience))
        engine.dialect.use_insertmanyvalues_wo_returning = True  # several rows in one statement instead of one by one
        event.listen(engine, "handle_error", _drop_detail)
        for name in EXECUTIONS:
            event.listen(engine, name, _send_waiting)
        event.listen(engine, "reset", _end_transaction)
        event.listen(engine, "checkin", _note_return)
        event.listen(engine, "checkout", partial(_prepare_checkout, engine, patience))
        return engine
    engine = create_engine(url, connect_args={"check_same_thread": False}, **options)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _trace(engine: Engine) -> None:
    """Open a span for each statement that SQLAlchemy itself executes.

    This uses the dialect's events, because listeners on the connection would prevent batches.
    """
    dialect = engine.dialect
    for name in EXECUTIONS:
        event.listen(engine, name, partial(_execute_traced, dialect.name, getattr(dialect, name)))


def _execute_traced(system: str, execute: Callable[..., None], cursor: Any, statement: str, *rest: Any) -> bool:
    """Execute a statement instead of the dialect."""
    with tracing.statements(system, lambda: [statement]):
        execute(cursor, statement, *rest)
    return True


def _note_return(_: object, record: ConnectionPoolEntry) -> None:
    record.info["returned_at"] = time.monotonic()
    batch.forget(record.info)


def _end_transaction(driver_connection: Any, *_: object) -> None:
    """End a remaining transaction when a connection is returned to the pool."""
    if driver_connection.pgconn.transaction_status != batch.IDLE:
        driver_connection.rollback()


def _send_waiting(*given: Any) -> None:
    """Send the queued statements before one that is executed at once, and BEGIN before the first one."""
    connection = given[-1].root_connection
    if batch.BEGINS in connection.get_execution_options():  # not those with which SQLAlchemy gets to know the server
        batch.flush(connection)
        batch.begin(connection)


def _patiently(patience: float) -> Callable[..., Any]:
    from connector.store.patient import connecting  # noqa: PLC0415  it imports psycopg, which SQLite does without

    return connecting(patience)


def _prepare_checkout(
    engine: Engine, patience: float, driver_connection: Any, record: ConnectionPoolEntry, _: object
) -> None:
    driver_connection.patience = patience
    _ping_idle(engine, driver_connection, record)


def _ping_idle(engine: Engine, driver_connection: Any, record: ConnectionPoolEntry) -> None:
    """Ping a connection idle for more than `PING_AFTER`; if it is dead, invalidate all older ones.

    SQLAlchemy's `pool_pre_ping` asks each time, which would be a third of a request's round trips.
    """
    returned_at = record.info.get("returned_at")
    if returned_at is None or time.monotonic() - returned_at < PING_AFTER:
        return
    try:
        is_alive = engine.dialect.do_ping(driver_connection)
    except engine.dialect.loaded_dbapi.Error:
        is_alive = False
    if not is_alive:
        raise InvalidatePoolError


def _drop_detail(context: ExceptionContext) -> None:
    """Keep the message of a PostgreSQL error without its detail, which repeats the row's values."""
    original, wrapped = context.original_exception, context.sqlalchemy_exception
    message = getattr(getattr(original, "diag", None), "message_primary", None)
    if message and wrapped:
        original.args, wrapped.args = (message,), (f"({type(original).__name__}) {message}",)


def _prepare_sqlite(driver_connection: Any, _record: object) -> None:
    driver_connection.isolation_level = None  # the driver begins no transactions itself: `_begin_sqlite` does
    driver_connection.create_function("lower", 1, _lower, deterministic=True)
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT}",
        "journal_mode=WAL",
        "synchronous=FULL",  # an acknowledged event survives a power loss
        "foreign_keys=ON",
        "secure_delete=ON",
    ):
        driver_connection.execute(f"PRAGMA {pragma}")


def _lower(value: object) -> object:
    """Fold case as PostgreSQL does; SQLite's own function folds ASCII only."""
    return value.lower() if isinstance(value, str) else value
