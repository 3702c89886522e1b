"""Writing users' status to their directory, eventually and exactly.

    delivery ──► lease the user's status ──► read the status ──► read the user, change what differs
             ──► release the lease, and record what was written

The status is read after the lease is taken. So the later of two deliveries writes the state after both changes, in
whatever order they run; while one holds the lease, the other is retried. The record of what was written is cleared
while the lease is held: after a crash the status is written again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import structlog

from connector.directory import RemoteDirectory
from connector.directory.directories import Directories
from connector.domain.ids import new_id
from connector.domain.openid.flow import is_guest
from connector.domain.people.written_status import WrittenStatus, status_of
from connector.domain.tenancy import Tenant, Tenants
from connector.errors import ConnectorError, DirectoryError
from connector.services.announcements.status_announcement import WriteStatus, WriteStatuses
from connector.services.outbox import Handler, Undeliverable
from connector.services.use_case import use_case
from connector.store.claims import verified_claims
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.store.people import status_writes
from connector.store.people.status_writes import Turn

log = structlog.get_logger(__name__)

MOST_SECONDS = 25.0  # for all calls of one delivery: well below the outbox' lease
LEASE = 40.0  # seconds, after which another delivery may write
PAGE = 500


class BusyError(ConnectorError):
    """Another delivery writes this user's status, or took the lease over: this one is retried."""


@use_case
class WriteBack:
    """Writes the status of users to remote directories."""

    _database: Database
    _tenants: Tenants
    _directories: Directories

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [Handler(WriteStatus, self.write), Handler(WriteStatuses, self.write_all)]

    def write(self, order: WriteStatus) -> None:
        """Write a user's status; raise if it has to be retried, `Undeliverable` if that cannot help."""
        tenant = self._tenants.named(order.tenant)
        remote = self._directories.remote(tenant)
        if remote is None or not tenant.directory.writes_status or is_guest(order.user_id):
            return
        with self._turn(order) as turn:
            status = self._status(tenant, order.user_id)
            is_there = self._write(remote, turn, status)
            self._release(turn, None if status.is_empty or not is_there else _digest(status))

    def write_all(self, order: WriteStatuses) -> None:
        """Queue the next users whose status was written, because a provider was renamed, or removed with its claims."""
        with self._database.write() as connection:
            page = status_writes.find_page(connection, order.tenant, order.position, PAGE)
            outbox.add_all(connection, [WriteStatus(order.tenant, user_id) for user_id in page])
            if len(page) == PAGE:
                outbox.add(connection, WriteStatuses(order.tenant, page[-1]))

    @contextmanager
    def _turn(self, order: WriteStatus) -> Iterator[Turn]:
        with self._database.write() as connection:
            turn = status_writes.take(connection, order.tenant, order.user_id, new_id(), LEASE)
        if turn is None:
            raise BusyError("Another delivery writes this user's status.")
        try:
            yield turn
        except Exception:
            with self._database.write() as connection:
                status_writes.release_after_failure(connection, turn)
            raise

    def _status(self, tenant: Tenant, user_id: str) -> WrittenStatus:
        with self._database.read() as connection:
            return status_of(verified_claims.find_records(connection, tenant.name, user_id))

    def _write(self, remote: RemoteDirectory, turn: Turn, status: WrittenStatus) -> bool:
        """Write a status unless it was written already; False if the user is gone."""
        if turn.written == _digest(status) or (turn.is_first and status.is_empty):
            return True
        try:
            is_there = remote.write_status(turn.user_id, status, at_most=MOST_SECONDS)
        except DirectoryError as error:
            if error.is_permanent:
                raise Undeliverable(error.description) from error
            raise
        log.info("status.written" if is_there else "status.user_gone", tenant=turn.tenant, user_id=turn.user_id)
        return is_there

    def _release(self, turn: Turn, written: str | None) -> None:
        with self._database.write() as connection:
            if not status_writes.release(connection, turn, written):
                raise BusyError("The status was written too slowly: another delivery may have written meanwhile.")


def _digest(status: WrittenStatus) -> str:
    return hashlib.sha256(json.dumps(asdict(status), sort_keys=True).encode()).hexdigest()
