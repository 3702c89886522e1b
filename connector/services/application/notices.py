"""Notices to applications: their contents, in the format that is sent, and their receiver.

`connector/http/webhook_sender.py` posts them; each is a delivery of the outbox, so it may come twice, with the same id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol

import structlog

from connector.domain.provider import Provider
from connector.domain.tasks import Task
from connector.domain.urls import UrlPolicy
from connector.domain.verification import Verification
from connector.http.webhook_sender import Notifier, NotTaken
from connector.services.outbox import Undeliverable
from connector.services.providers.registry import Providers

log = structlog.get_logger(__name__)

TASK_STARTED = "task.started"
DECISION_WAITING = "manual_decision.waiting"
MATCHES_UPDATED = "watchlist.matches_updated"


class Stamped(Protocol):
    """A delivery that keeps the id and the time of its notice."""

    @property
    def notice_id(self) -> str: ...

    @property
    def at(self) -> str: ...


@dataclass(frozen=True)
class Notice:
    """A notice to an application; `notice_id` and `at` (when the connector learned of it) never change."""

    kind: str
    notice_id: str
    at: str
    data: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Receiver:
    """The receiver of a provider's notices, and the secret that signs them."""

    provider_id: str
    url: str
    secret: str = field(repr=False)


class Notices:
    """Sends notices to the applications of providers that are configured for them."""

    def __init__(
        self, providers: Providers, notifier: Notifier, policy: UrlPolicy, clock: Callable[[], datetime]
    ) -> None:
        self._providers = providers
        self._notifier = notifier
        self._policy = policy
        self._clock = clock

    def receiver(self, provider: Provider) -> Receiver | None:
        """Return where a provider's notices are sent; None where it has none sent.

        Raises `Undeliverable` where the address is no longer allowed.
        """
        url = provider.studio.notices.url
        if url is None:
            return None
        if why := self._policy.objection(url):
            raise Undeliverable(f"studio.notices.url: {why}.")
        return Receiver(provider.provider_id, url, self._providers.notice_secret(provider))

    def send(self, receiver: Receiver, notice: Notice) -> bytes | None:
        """Post a notice, and return the body of the application's answer, None where that is too long.

        Raises `NotTaken` for anything but 2xx; `Undeliverable` where the application says that it is gone (410).
        """
        body = {"type": notice.kind, "id": notice.notice_id, "at": notice.at, "data": dict(notice.data)}
        try:
            answer = self._notifier.post(
                receiver.url, receiver.secret, notice.notice_id, json.dumps(body).encode(), self._clock()
            )
        except NotTaken as error:
            if error.status == HTTPStatus.GONE:
                raise Undeliverable(f"{error.description} The application takes no more notices.") from error
            raise
        log.info("notice.sent", kind=notice.kind, notice_id=notice.notice_id, provider_id=receiver.provider_id)
        return answer


def task_started(order: Stamped, verification: Verification, task: Task) -> Notice:
    """Create the notice that a task waits for the application's data."""
    task_members = {
        "taskId": task.summary.task_id,
        "taskDefId": task.summary.task_def_id,
        "taskDefVersion": task.summary.task_def_version,
        "input": task.input,
    }
    return _notice(TASK_STARTED, order, _subject(verification, verification.dashboard_url) | task_members)


def decision_waiting(order: Stamped, verification: Verification, dashboard_url: str | None) -> Notice:
    """Create the notice that a decision is needed in Onfido's dashboard."""
    return _notice(DECISION_WAITING, order, _subject(verification, dashboard_url))


def matches_updated(order: Stamped, verification: Verification, monitor_id: str) -> Notice:
    """Create the notice that a watchlist monitor's matches have changed."""
    members = {"monitorId": monitor_id, "applicantId": verification.applicant_id}
    return _notice(MATCHES_UPDATED, order, _subject(verification, verification.dashboard_url) | members)


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
