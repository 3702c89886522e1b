"""Creating and ending watchlist monitors at Onfido, by the state of users' claims.

    delivery ──► lease the user's monitor ──► read the claims and the setting
             ──► end obsolete monitors ──► announce, list, create the required one ──► release, and record it

The claims are read after the lease is taken. So the later of two deliveries acts on the state after both changes, in
whatever order they run; while one holds the lease, the other is retried. The applicant is committed before its monitor
is created, and Onfido's list is read before that: after a crash or a lost answer the monitor is found by its tag.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from sqlalchemy import Connection

from connector.domain.ids import new_id
from connector.domain.providers.provider import Provider
from connector.domain.studio.watchlist import MonitorTarget, RemoteMonitor, is_ours, monitor_tag, target_of
from connector.errors import ConnectorError, OnfidoError
from connector.onfido.client import OnfidoClient
from connector.services.announcements.monitor_announcement import (
    UpdateMonitor,
    UpdateMonitorsOfProvider,
    UpdateMonitorsOfUser,
)
from connector.services.batches import forget
from connector.services.outbox import Handler, Undeliverable
from connector.services.providers.onfido import Onfido
from connector.services.timing import background
from connector.store.deliveries import outbox, watchlist_monitors
from connector.store.deliveries.watchlist_monitors import Turn
from connector.store.engine import Database
from connector.store.providers import providers

log = structlog.get_logger(__name__)

BUDGET = 25.0  # seconds of calls to Onfido; well below the outbox' lease
LEASE = 40.0  # seconds, after which another delivery may create or end the monitor
PAGE = 50  # users whose monitors are updated at a time
SLICE = 500  # users who are examined for a page
MOST_COUNTED = 1000  # monitors of a removed provider
PAUSE = 30.0  # seconds after a full page, so that the rate limit is left to other calls


class BusyError(ConnectorError):
    """Another delivery creates or ends this user's monitor, or took the lease over: this one is retried."""


class UnansweredError(ConnectorError):
    """It is unknown whether Onfido has created a monitor: its list is read again after the lease has expired."""


class WatchlistMonitors:
    """Creates and ends the monitors of verified users, for providers that have the setting."""

    def __init__(self, database: Database, onfido: Onfido, *, page_size: int = PAGE, slice_size: int = SLICE) -> None:
        self._database = database
        self._onfido = onfido
        self._page_size = page_size
        self._slice_size = slice_size

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [
            Handler(UpdateMonitor, self.update),
            Handler(UpdateMonitorsOfUser, self.update_of_user),
            Handler(UpdateMonitorsOfProvider, self.update_of_provider),
        ]

    def update(self, order: UpdateMonitor) -> None:
        """Create or end a user's monitor; raise if it has to be retried, `Undeliverable` if that cannot help."""
        with self._turn(order) as turn:
            provider, target = self._read(order)
            if target == turn.target and (target is None or turn.monitor_id is not None):
                monitor_id = turn.monitor_id
            else:
                onfido = self._onfido.of_provider(provider, background(BUDGET))
                monitor_id = self._reconcile(onfido, turn, target, monitor_tag(order.provider_id))
                _report(order, monitor_id)
            self._release(turn, monitor_id)

    def update_of_user(self, order: UpdateMonitorsOfUser) -> None:
        """Queue the update of a removed user's monitors, one for each provider."""
        with self._database.write() as connection:
            monitored_by = watchlist_monitors.find_providers(connection, order.tenant, order.user_id)
            outbox.add_all(connection, [UpdateMonitor(order.tenant, each, order.user_id) for each in monitored_by])

    def update_of_provider(self, order: UpdateMonitorsOfProvider) -> None:
        """Queue the update of the next users whose monitors do not match the provider's setting."""
        with self._database.write() as connection:
            provider = providers.find(connection, order.provider_id, order.tenant)
            if provider is not None:
                self._queue_next(connection, order, provider.studio.watchlist_monitor)
                return
            left = watchlist_monitors.count_left(connection, order.provider_id, MOST_COUNTED)
        forget(self._database, partial(watchlist_monitors.forget_some, provider_id=order.provider_id))
        if left:
            number = f"{left} or more" if left == MOST_COUNTED else str(left)
            raise _cannot_end(order.provider_id, number)

    def _queue_next(self, connection: Connection, order: UpdateMonitorsOfProvider, report_name: str | None) -> None:
        """Queue the next users whose monitor does not match the setting, and the page after them with a pause."""
        where = (order.position, self._slice_size)
        examined = watchlist_monitors.examine(connection, order.provider_id, report_name, *where)
        page = [each.user_id for each in examined if each.is_due][: self._page_size]
        outbox.add_all(connection, [UpdateMonitor(order.tenant, order.provider_id, user_id) for user_id in page])
        if len(page) == self._page_size:
            last = page[-1]
        elif len(examined) == self._slice_size:
            last = examined[-1].user_id
        else:
            return
        following = UpdateMonitorsOfProvider(order.tenant, order.provider_id, None, last)
        outbox.add(connection, following, pause=PAUSE * len(page) / self._page_size)

    @contextmanager
    def _turn(self, order: UpdateMonitor) -> Iterator[Turn]:
        """Lease the user's monitor; a lease during which a creation was not answered is left to expire."""
        with self._database.write() as connection:
            owner = new_id()
            turn = watchlist_monitors.take(connection, order.tenant, order.provider_id, order.user_id, owner, LEASE)
        if turn is None:
            raise BusyError("Another delivery creates or ends this user's watchlist monitor.")
        try:
            yield turn
        except UnansweredError:
            raise
        except Exception:
            with self._database.write() as connection:
                watchlist_monitors.release_after_failure(connection, turn)
            raise

    def _read(self, order: UpdateMonitor) -> tuple[Provider, MonitorTarget | None]:
        """Return the provider and the target; an applicant of another environment cannot be monitored."""
        with self._database.read() as connection:
            provider = providers.find(connection, order.provider_id, order.tenant)
            claims = watchlist_monitors.find_claims(connection, order.provider_id, order.user_id)
        if provider is None:
            raise _cannot_end(order.provider_id, "1")
        return provider, target_of(claims, provider.studio.watchlist_monitor, provider.environment)

    def _reconcile(self, onfido: OnfidoClient, turn: Turn, target: MonitorTarget | None, tag: str) -> str | None:
        """End obsolete monitors and create the required one; return its id, None if there is none."""
        if turn.target is not None and turn.target.applicant_id != (target and target.applicant_id):
            _end(onfido, _ours(onfido, turn.target.applicant_id, tag, turn.monitor_id) or [], turn.monitor_id)
        if target is None:
            return None
        self._announce(turn, target)
        standing = _ours(onfido, target.applicant_id, tag, turn.monitor_id)
        if standing is None:
            log.warning("watchlist.applicant_gone", provider_id=turn.provider_id, applicant_id=target.applicant_id)
            return None
        kept = next((each.monitor_id for each in standing if each.report_name == target.report_name), None)
        _end(onfido, [each for each in standing if each.monitor_id != kept])
        return kept or _create(onfido, target, tag)

    def _announce(self, turn: Turn, target: MonitorTarget) -> None:
        """Record the applicant that is about to be monitored, before the monitor is created."""
        with self._database.write() as connection:
            _check_lease(is_held=watchlist_monitors.announce(connection, turn, target))

    def _release(self, turn: Turn, monitor_id: str | None) -> None:
        with self._database.write() as connection:
            _check_lease(is_held=watchlist_monitors.release(connection, turn, monitor_id))


def _check_lease(*, is_held: bool) -> None:
    """Raise if a lease was lost."""
    if not is_held:
        raise BusyError("Onfido answered too slowly: another delivery may have changed the monitor meanwhile.")


def _ours(onfido: OnfidoClient, applicant_id: str, tag: str, monitor_id: str | None) -> list[RemoteMonitor] | None:
    """Return the connector's monitors of an applicant; None if the applicant is gone."""
    try:
        listed = onfido.list_monitors(applicant_id)
    except OnfidoError as error:
        if not error.is_gone:
            raise
        return None
    return [each for each in listed if is_ours(each, tag, monitor_id)]


def _end(onfido: OnfidoClient, monitors: Sequence[RemoteMonitor], recorded: str | None = None) -> None:
    """Delete monitors at Onfido, and the recorded one if it was not listed."""
    for monitor_id in sorted({each.monitor_id for each in monitors} | ({recorded} if recorded else set())):
        onfido.delete_monitor(monitor_id)


def _create(onfido: OnfidoClient, target: MonitorTarget, tag: str) -> str:
    try:
        return onfido.create_monitor(target, tag)
    except OnfidoError as error:
        if error.is_refusal and not error.is_retryable and error.status != HTTPStatus.UNAUTHORIZED:
            advice = "ask Onfido to switch on watchlist monitoring for the account, then retry the delivery."
            raise Undeliverable(f"Onfido refused the watchlist monitor: {error.summary} {advice}") from error
        if error.is_sent and not error.is_refusal:
            raise UnansweredError(f"It is not known whether Onfido created the monitor: {error.summary}") from error
        raise


def _report(order: UpdateMonitor, monitor_id: str | None) -> None:
    what = "watchlist.monitor_ended" if monitor_id is None else "watchlist.monitor_created"
    log.info(what, tenant=order.tenant, provider_id=order.provider_id, user_id=order.user_id, monitor_id=monitor_id)


def _cannot_end(provider_id: str, number: str) -> Undeliverable:
    return Undeliverable(
        f"The provider was removed, and {number} of its watchlist monitors may still run at Onfido: "
        f"end those with the tag {monitor_tag(provider_id)} there."
    )
