"""Onfido's webhook events: checking the signature and reading the body.

raw bytes ──► is_signed ──► read_event ──► Event
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.studio.workflow_run import RunSnapshot, verification_id_of
from connector.errors import Code, RequestError
from connector.onfido.payloads import run_snapshot
from connector.onfido.reading import UnreadableError, as_object, identifier, read_json, required, time

PROBE = "connector.probe"  # an action that Onfido does not have: a signed event of our own, without effect
SIGNATURE_HEADER = "X-SHA2-Signature"


@frozen
class Event:
    """One event.

    `kind` is Onfido's action, such as `workflow_run.completed`. `run_id` is the event's run, None if it has none. `run`
    is set if the event has the run's status, `task_id` and `task_def_id` if it is about a task, `monitor_id` if it is
    about a watchlist monitor. `verification_id` is the verification for which the run was started, from its tags.
    `happened_at` is the event's time at Onfido, None if it has none.
    """

    kind: str
    resource_type: str
    run_id: str | None = None
    run: RunSnapshot | None = None
    task_id: str | None = None
    task_def_id: str | None = None
    monitor_id: str | None = None
    verification_id: str | None = None
    happened_at: datetime | None = None


def is_signed(body: bytes, signature: str | None, tokens: Sequence[str]) -> bool:
    """Check the `X-SHA2-Signature` of a body against every token, in constant time."""
    given = (signature or "").encode("utf-8", "replace")
    matches = [hmac.compare_digest(given, sign(body, token)) for token in tokens if token]
    return any(matches)


def read_event(body: bytes) -> Event:
    """Read an event; raises `RequestError` if the body is not an event.

    Only events of runs must contain an id; for any other event its kind is sufficient.
    """
    try:
        return _event(_payload(as_object(read_json(body))))
    except UnreadableError as error:
        raise RequestError(
            Code.WEBHOOK_UNREADABLE,
            message("The body must be an event as Onfido posts it: %(error)s.", error=str(error)),
        ) from error


def _payload(event: dict[str, Any]) -> dict[str, Any]:
    payload = event.get("payload")
    if not isinstance(payload, dict):
        raise UnreadableError("it has no payload" if payload is None else "its payload must be a JSON object")
    return payload


def _event(payload: dict[str, Any]) -> Event:
    kind = required(identifier(payload.get("action")), "action")
    resource_type = required(identifier(payload.get("resource_type")), "resource_type")
    resource = _resource(payload)
    verification_id = verification_id_of(tag for tag in _tags(resource) if isinstance(tag, str))
    happened_at = time(resource.get("completed_at_iso8601"))
    if resource_type != "workflow_run":
        is_task, is_monitor = resource_type == "workflow_task", resource_type == "watchlist_monitor"
        return Event(
            kind,
            resource_type,
            run_id=None if is_monitor else identifier(resource.get("workflow_run_id")),
            task_id=identifier(resource.get("id")) if is_task else None,
            task_def_id=identifier(resource.get("task_def_id")) if is_task else None,
            monitor_id=identifier(resource.get("id")) if is_monitor else None,
            verification_id=verification_id,
            happened_at=happened_at,
        )
    run_id = required(identifier(resource.get("id")), "id of a workflow run")
    run = run_snapshot(resource) if "status" in resource else None
    return Event(kind, resource_type, run_id, run, verification_id=verification_id, happened_at=happened_at)


def _resource(payload: dict[str, Any]) -> dict[str, Any]:
    """Merge the resource with the event's object, which takes precedence."""
    parts = [part for name in ("resource", "object") if isinstance(part := payload.get(name), dict)]
    return {key: value for part in parts for key, value in part.items() if value is not None}


def _tags(resource: dict[str, Any]) -> list[Any]:
    tags = resource.get("tags")
    return tags if isinstance(tags, list) else []


def sign(body: bytes, token: str) -> bytes:
    return hmac.new(token.encode(), body, hashlib.sha256).hexdigest().encode()
