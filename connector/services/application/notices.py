"""Notices to applications: their content and format, and the handling of endpoints that do not accept them.

`connector/http/webhook_sender.py` posts them; each is a delivery of the outbox, so it may arrive twice, with the same
id.

    endpoint removed, or event no longer chosen ──► nothing is sent
    disabled, or its address no longer allowed  ──► dead, until it is resent on request
    410 ──► the endpoint is disabled            no answer, 5xx, 429 ──► its other notices wait as well, longer each time
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, fields
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol

import structlog

from connector.domain.answered import Answered
from connector.domain.audit.history import ENDPOINT, SYSTEM, by_administrator
from connector.domain.frozen import frozen
from connector.domain.notices import (
    ATTENTION,
    DECISION,
    DECISION_WAITING,
    GONE,
    MATCHES_UPDATED,
    TASK,
    TASK_STARTED,
    WATCHLIST,
    Endpoint,
)
from connector.domain.studio.tasks import Task
from connector.domain.urls import UrlPolicy
from connector.domain.verifications.verification import Verification
from connector.http.webhook_sender import Accepted, NotAccepted, Notifier
from connector.services.announcements.notice_announcement import NotifyOfChange
from connector.services.endpoint_secrets import EndpointSecrets
from connector.services.journal import Journal
from connector.services.outbox import Handler, Undeliverable
from connector.services.use_case import use_case
from connector.store.deliveries import endpoints
from connector.store.deliveries import notices as rows
from connector.store.deliveries.notices import NoticePayload
from connector.store.deliveries.outbox import OutboxRow
from connector.store.engine import Database
from connector.store.verifications import verifications

log = structlog.get_logger(__name__)

LONGEST_PAUSE = 300.0  # the longest pause, in seconds, of the notices of an endpoint that does not answer
_MEMBERS = {each.name for each in fields(NotifyOfChange)}
DISABLED = "disabled"  # an endpoint's new state, for the history


class Stamped(Protocol):
    """A delivery that stores the id and the time of its notice."""

    @property
    def notice_id(self) -> str: ...

    @property
    def at(self) -> str: ...


@frozen
class Notice:
    """A notice to an application; `notice_id` and `at` (when the connector detected the event) never change."""

    kind: str
    notice_id: str
    at: str
    data: Mapping[str, Any] = field(repr=False)


@use_case
class Notices:
    """Sends notices to the endpoints of applications."""

    _database: Database
    _secrets: EndpointSecrets
    _notifier: Notifier
    _policy: UrlPolicy
    _journal: Journal
    _clock: Callable[[], datetime]

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [Handler(NotifyOfChange, self.deliver)]

    def endpoint(self, order: NoticePayload) -> Endpoint | None:
        """Return the endpoint of a notice; None if it was removed, or has not chosen the event.

        Raises `Undeliverable` if the endpoint is disabled, or its address is no longer allowed.
        """
        with self._database.read() as connection:
            endpoint = endpoints.find(connection, order.endpoint_id)
        if endpoint is None or not endpoint.chooses(*order.events):
            return None
        if endpoint.disabled_because is not None:
            raise Undeliverable(f"The endpoint is disabled ({endpoint.disabled_because}): enable it, then retry.")
        if why := self._policy.objection(endpoint.config.url):
            raise Undeliverable(f"The endpoint's url {why}: correct it, then retry.")
        return endpoint

    def deliver(self, order: NotifyOfChange) -> Answered | None:
        """Notify an application of a change."""
        endpoint = self.endpoint(order)
        if endpoint is None:
            return None
        return self.send(endpoint, self._of_change(order)).answered

    def body(self, row: OutboxRow) -> str | None:
        """Return the body that a delivery posts; None if it is no notice, or one with data that Onfido has."""
        if row.kind != NotifyOfChange.kind or {*row.payload, "endpoint_id"} != _MEMBERS:
            return None
        return _body(self._of_change(NotifyOfChange(**row.payload, endpoint_id=row.endpoint_id or "")))

    def _of_change(self, order: NotifyOfChange) -> Notice:
        with self._database.read() as connection:
            verification = verifications.find(connection, order.verification_id) if order.verification_id else None
        data = {
            "tenant": order.tenant,
            "providerId": order.provider_id,
            "userId": order.user_id,
            "verificationId": order.verification_id,
            "runId": verification.run_id if verification else None,
        } | ({"reason": order.reason} if order.reason else {})
        return Notice(order.event, order.notice_id, order.at, data)

    def send(self, endpoint: Endpoint, notice: Notice) -> Accepted:
        """Post a notice, and return the application's answer.

        Raises `NotAccepted` for any answer except 2xx; `Undeliverable` for 410.
        """
        body = _body(notice)
        with self._database.read() as connection:
            sealed = endpoints.find_secrets(connection, endpoint.endpoint_id)
        secrets = self._secrets.valid(endpoint.endpoint_id, sealed)
        try:
            accepted = self._notifier.post(endpoint.config.url, secrets, notice.notice_id, body, self._clock())
        except NotAccepted as error:
            self._note(endpoint, error)
            if error.status == HTTPStatus.GONE:
                raise Undeliverable(
                    f"{error.description} The application accepts no more notices (410): remove its endpoint."
                ) from error
            raise
        if endpoint.failures:
            self._recover(endpoint)
        log.info("notice.sent", kind=notice.kind, notice_id=notice.notice_id, endpoint_id=endpoint.endpoint_id)
        return accepted

    def _note(self, endpoint: Endpoint, error: NotAccepted) -> None:
        if error.status == HTTPStatus.GONE:
            self._disable(endpoint)
        elif error.is_unavailable:
            now = self._clock()
            with self._database.write() as connection:
                if failures := endpoints.count_failure(connection, endpoint.endpoint_id, error.status, now):
                    rows.postpone(connection, endpoint.endpoint_id, min(LONGEST_PAUSE, 2.0**failures))

    def _disable(self, endpoint: Endpoint) -> None:
        now, detail = self._clock(), {"reason": GONE}
        owner = (endpoint.tenant, ENDPOINT, endpoint.endpoint_id)
        with self._database.write() as connection:
            if endpoints.lock(connection, endpoint.endpoint_id) is None:
                return
            endpoints.change(connection, endpoint.endpoint_id, {"disabled_because": GONE, "updated_at": now})
            entry = by_administrator(now, SYSTEM, *owner, DISABLED, detail, endpoint.config.provider_id)
            self._journal.record(connection, [entry])
        log.warning("notice.endpoint_gone", endpoint_id=endpoint.endpoint_id, tenant=endpoint.tenant)

    def _recover(self, endpoint: Endpoint) -> None:
        with self._database.write() as connection:
            endpoints.change(connection, endpoint.endpoint_id, {"failures": 0})
            rows.resume(connection, endpoint.endpoint_id)


def _body(notice: Notice) -> str:
    return json.dumps({"type": notice.kind, "id": notice.notice_id, "at": notice.at, "data": dict(notice.data)})


def task_started(endpoint: Endpoint, order: Stamped, verification: Verification, task: Task) -> Notice:
    """Create the notice that a task waits for the application's data."""
    task_members = {
        "taskId": task.summary.task_id,
        "taskDefId": task.summary.task_def_id,
        "taskDefVersion": task.summary.task_def_version,
    }
    subject = _subject(verification, verification.dashboard_url) | task_members
    if endpoint.chooses(TASK_STARTED):
        return _notice(TASK_STARTED, order, subject | {"input": task.input})
    return _notice(ATTENTION, order, subject | {"reason": TASK})


def decision_waiting(
    endpoint: Endpoint, order: Stamped, verification: Verification, dashboard_url: str | None
) -> Notice:
    """Create the notice that a decision is needed in Onfido's dashboard."""
    return _specific(endpoint, DECISION_WAITING, DECISION, order, _subject(verification, dashboard_url))


def matches_updated(endpoint: Endpoint, order: Stamped, verification: Verification, monitor_id: str) -> Notice:
    """Create the notice that a watchlist monitor's matches have changed."""
    members = {"monitorId": monitor_id, "applicantId": verification.applicant_id}
    subject = _subject(verification, verification.dashboard_url) | members
    return _specific(endpoint, MATCHES_UPDATED, WATCHLIST, order, subject)


def _specific(endpoint: Endpoint, event: str, reason: str, order: Stamped, data: Mapping[str, Any]) -> Notice:
    """Return the notice of a specific event, or the general one if the endpoint has chosen only that."""
    if endpoint.chooses(event):
        return _notice(event, order, data)
    return _notice(ATTENTION, order, {**data, "reason": reason})


def _notice(kind: str, order: Stamped, data: Mapping[str, Any]) -> Notice:
    return Notice(kind, order.notice_id, order.at, data)


def _subject(verification: Verification, dashboard_url: str | None) -> dict[str, Any]:
    return {
        "tenant": verification.tenant,
        "providerId": verification.provider_id,
        "userId": verification.user_id,
        "verificationId": verification.verification_id,
        "runId": verification.run_id,
        "dashboardUrl": dashboard_url,
    }
