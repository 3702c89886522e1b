"""The webhooks of an Onfido account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from connector.domain.frozen import frozen
from connector.errors import Code
from connector.onfido.api import OnfidoApi
from connector.onfido.payloads import present
from connector.onfido.reading import MAX_ID_LENGTH, as_object, identifier, lines, objects, required, text

# Onfido's API v3.6, `webhook_event_type`.
EVENTS = frozenset(
    {
        *("audit_log.created", "watchlist_monitor.matches_updated"),
        *("workflow_run.completed", "workflow_task.started", "workflow_task.completed"),
        *(f"check.{action}" for action in ("started", "reopened", "withdrawn", "completed", "form_completed")),
        *(f"report.{action}" for action in ("withdrawn", "resumed", "cancelled", "awaiting_approval", "completed")),
        *("workflow_timeline_file.created", "workflow_run_evidence_folder.created"),
    }
)
ENVIRONMENTS = frozenset({"sandbox", "live"})
MAX_EVENTS = 100
PAYLOAD_VERSION = 3  # the version of the events: the newest, which contains the run


@frozen
class RegisteredWebhook:
    """A webhook at Onfido; `token` signs its events. Token and version are None if Onfido does not return them."""

    webhook_id: str
    url: str
    token: str | None = field(repr=False)
    is_enabled: bool
    events: frozenset[str]
    environments: frozenset[str]
    payload_version: int | None = None


class Subscriptions(OnfidoApi):
    """`/webhooks`; naming no events, or no environments, means all."""

    def create_webhook(
        self,
        *,
        url: str,
        events: Sequence[str],
        environments: Sequence[str] = (),
        name: str,
    ) -> RegisteredWebhook:
        """Subscribe a URL to events of the whole Onfido account; the answer always contains the token."""
        fields = present(
            url=url,
            name=name,
            enabled=True,
            events=list(events),
            environments=list(environments),
            payload_version=PAYLOAD_VERSION,
        )
        call = self._call("POST", "webhooks", fields=fields)
        return self._read(_created_webhook, call, refused_as=Code.WEBHOOK_REFUSED)

    def list_webhooks(self) -> list[RegisteredWebhook]:
        """List all webhooks of the account."""
        return self._read(_webhooks, self._call("GET", "webhooks"))

    def update_webhook(
        self,
        webhook_id: str,
        *,
        events: Sequence[str],
        environments: Sequence[str],
        enabled: bool = True,
    ) -> RegisteredWebhook:
        """Change the events of a webhook; its URL and token are kept."""
        fields = {
            "enabled": enabled,
            "events": list(events) or sorted(EVENTS),
            "environments": list(environments) or sorted(ENVIRONMENTS),
            "payload_version": PAYLOAD_VERSION,
        }
        call = self._call("PUT", "webhooks", webhook_id, fields=fields)
        return self._read(_webhook, call, refused_as=Code.WEBHOOK_REFUSED)

    def delete_webhook(self, webhook_id: str) -> None:
        """Delete a webhook; an error with status 404 means that it is gone."""
        self._send(self._call("DELETE", "webhooks", webhook_id))


def _created_webhook(body: object) -> RegisteredWebhook:
    webhook = _webhook(body)
    required(webhook.token, "token")
    return webhook


def _webhooks(body: object) -> list[RegisteredWebhook]:
    return [_webhook(each) for each in objects(as_object(body).get("webhooks")) if identifier(each.get("id"))]


def _webhook(body: object) -> RegisteredWebhook:
    webhook = as_object(body)
    return RegisteredWebhook(
        webhook_id=required(identifier(webhook.get("id")), "id"),
        url=text(webhook.get("url")) or "",
        token=text(webhook.get("token")),
        is_enabled=webhook.get("enabled") is not False,
        events=_named(webhook.get("events"), EVENTS),
        environments=_named(webhook.get("environments"), ENVIRONMENTS),
        payload_version=_version(webhook.get("payload_version")),
    )


def _version(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _named(value: Any, every: frozenset[str]) -> frozenset[str]:
    return frozenset(lines(value, longest=MAX_ID_LENGTH, most=MAX_EVENTS)) if value else every
