"""`/v3.6/webhooks`: register, list, read, change, delete, resend.

Onfido posts to https only; the simulator also to http on loopback, for local receivers.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flask import Blueprint
from marshmallow import ValidationError

from connector.simulator.records import Webhook
from connector.simulator.simulation import json_body, locked, shown
from connector.simulator.validation import (
    Input,
    Json,
    boolean,
    check,
    check_address,
    choice,
    identifier,
    integer,
    list_of,
    record,
    text,
    web_address,
)

blueprint = Blueprint("webhooks", __name__)

EVENTS = (
    *("workflow_run.completed", "workflow_task.started", "workflow_task.completed"),
    *("workflow_timeline_file.created", "workflow_run_evidence_folder.created"),
    *("check.started", "check.reopened", "check.withdrawn", "check.completed", "check.form_completed"),
    *("report.withdrawn", "report.resumed", "report.cancelled", "report.awaiting_approval", "report.completed"),
    *("watchlist_monitor.matches_updated", "audit_log.created"),
)
ENVIRONMENTS = ("sandbox", "live")
_DEFAULTS = {"name": None, "enabled": True, "payload_version": 3, "oauth_enabled": False}


def _check_receiver(value: str) -> None:
    """Raise unless the address is https, or http to loopback."""
    check_address(value)
    url = urlsplit(value)
    if url.scheme != "https" and not _is_loopback(url.hostname or ""):
        raise ValidationError("must be https, or http to loopback")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class WebhookChange(Input):
    """The fields of a webhook that are to be changed."""

    url = web_address(_check_receiver)
    name = text()
    enabled = boolean()
    events = list_of(choice(*EVENTS))
    environments = list_of(choice(*ENVIRONMENTS))
    payload_version = integer(1, 3)
    oauth_enabled = boolean()
    oauth_server_url = web_address()
    oauth_server_client_id = text()
    oauth_server_client_secret = text()
    oauth_server_scope = text()


class NewWebhook(WebhookChange):
    """A webhook to be registered."""

    url = web_address(_check_receiver, required=True)


class Resent(Input):
    """A check whose event is to be sent again."""

    resource_id = identifier(required=True)
    event = choice("check.completed", required=True)


class Resend(Input):
    """The objects whose events are to be sent again."""

    data = list_of(record(Resent), required=True)


def _completed(values: Json) -> Json:
    """Fill in missing members: an absent or empty list means all."""
    lists = {"events": values.get("events") or [*EVENTS], "environments": values.get("environments") or [*ENVIRONMENTS]}
    return _DEFAULTS | values | lists


@blueprint.post("/webhooks")
def create() -> tuple[Json, int]:
    """Register a webhook; its token signs the events."""
    webhook = Webhook(_completed(check(json_body(), NewWebhook())))
    with locked() as state:
        state.webhooks[webhook.webhook_id] = webhook
        return webhook.as_json(), 201


@blueprint.post("/webhooks/resend")
def resend() -> tuple[str, int]:
    """Accept a request to resend; the simulator has no checks, so nothing is sent."""
    check(json_body(), Resend())
    return "", 204


@blueprint.get("/webhooks")
def list_all() -> Json:
    """List all webhooks."""
    with locked() as state:
        return {"webhooks": [webhook.as_json() for webhook in state.webhooks.values()]}


@blueprint.get("/webhooks/<webhook_id>")
def read(webhook_id: str) -> Json:
    """Show a webhook."""
    return shown(lambda state: state.webhook(webhook_id))


@blueprint.put("/webhooks/<webhook_id>")
def update(webhook_id: str) -> Json:
    """Change the fields that are sent."""
    values = check(json_body(), WebhookChange())
    with locked() as state:
        webhook = state.webhook(webhook_id)
        webhook.values = _completed(webhook.values | values)
        return webhook.as_json()


@blueprint.delete("/webhooks/<webhook_id>")
def delete(webhook_id: str) -> tuple[str, int]:
    """Delete a webhook; its queued deliveries still arrive."""
    with locked() as state:
        del state.webhooks[state.webhook(webhook_id).webhook_id]
    return "", 204
