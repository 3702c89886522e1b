"""An application that receives notices over HTTP, and a provider whose notices go to it.

It checks signatures by the Standard Webhooks specification, with no code in common with the sender.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import requests
from sqlalchemy import update

from connector.domain.tenancy import Tenant
from connector.store.models import outbox
from tests.bodies import WORKFLOW_ID, config_properties, provider_body
from tests.harness import Caller, World, onfido_of
from tests.loopback import Taking

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
TOLERANCE = 300  # seconds that a notice may be old
EVENTS = ("workflow_run.completed", "workflow_task.started", "watchlist_monitor.matches_updated")
SCORE = "risk_score"  # a Send/Receive Data task
SCORING: dict[str, Any] = {
    "task_def_id": SCORE,
    "task_def_version": "3",
    "input": {"last_name": "Zebulon"},
    "output_schema": {"score": "number"},
}
DECIDING: dict[str, Any] = {"task_def_id": "manual_case_review"}


@dataclass(frozen=True)
class Reply:
    """The application's answer; `delay` precedes each `chunk` of the body."""

    status: int = 204
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    chunk: int = 1024 * 1024
    hangs_up: bool = False


@dataclass(frozen=True)
class Received:
    """A notice that the application got."""

    path: str
    headers: Mapping[str, str]
    raw: bytes
    is_signed: bool

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


class Application(Taking):
    """Listens on loopback. It answers with `replies` in their order, and repeats the last one."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies) or [Reply()]
        self.received: list[Received] = []
        self.is_stopping = threading.Event()
        super().__init__()
        self.url = f"http://{self.host}/hooks/onfido?app=1"

    def __exit__(self, *_: object) -> None:
        self.is_stopping.set()
        super().__exit__()

    def answers(self, *replies: Reply) -> None:
        """Answer with this reply from now on."""
        self.replies = list(replies)

    def answers_data(self, data: Any) -> None:
        """Answer with the data that completes a task."""
        self.answers(Reply(200, json.dumps({"data": data}).encode()))

    def take(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(request.path, headers, body, is_signed(headers, body)))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply.hangs_up:
            return
        self.is_stopping.wait(reply.delay)
        try:
            self._answer(request, reply)
        except OSError:
            return  # the connection is closed

    def _answer(self, request: BaseHTTPRequestHandler, reply: Reply) -> None:
        request.send_response(reply.status)
        request.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            request.send_header(name, value)
        request.end_headers()
        for at in range(0, len(reply.body), reply.chunk):
            request.wfile.write(reply.body[at : at + reply.chunk])
            request.wfile.flush()
            self.is_stopping.wait(reply.delay)


def is_signed(headers: Mapping[str, str], raw: bytes, key: bytes = KEY) -> bool:
    """Whether a notice passes the receiver's check: a recent time, and at least one valid signature."""
    notice_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(timestamp)) > TOLERANCE:
        return False
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in (notice_id.encode(), b".", timestamp.encode(), b".", raw):
        mac.update(part)
    expected = b"v1," + base64.standard_b64encode(mac.digest())
    given = headers["webhook-signature"].encode().split(b" ")
    return any(hmac.compare_digest(expected, each) for each in given)


def use_studio(world: World, *, secret: str | None = SECRET, **studio: Any) -> None:
    """Configure features of Studio for the world's provider, and subscribe it to every event."""
    admin = world.connector.as_admin(world.tenant)
    properties = config_properties(world.simulator, notice_secret=secret)
    body = provider_body(world.simulator, configProperties=properties, studio=studio)
    answer = admin.put(f"/api/server/v1/idv-providers/{world.provider_id}", body)
    assert answer.status_code == 200, answer.text
    onfido = onfido_of(world)
    for webhook in onfido.list_webhooks():
        onfido.update_webhook(webhook.webhook_id, events=EVENTS, environments=())


def notices(application: Application, *tasks: str) -> dict[str, Any]:
    """Make the part of `studio` that sends notices to an application."""
    return {"url": application.url, "tasks": list(tasks)}


def use_workflow(world: World, *tasks: Mapping[str, Any]) -> None:
    """Set these tasks of the workflow at Onfido; they open one after the other, once capture is complete."""
    url = f"{world.simulator.url}/simulator/workflows/{WORKFLOW_ID}"
    answer = requests.put(url, json={"tasks": tasks}, timeout=60)
    assert answer.ok, answer.text


def start_waiting(world: World, caller: Caller) -> tuple[str, str]:
    """Start a run and complete capture; return the ids of the run and of the task that waits then."""
    run_id = world.start(caller)
    world.outcome(run_id)
    return run_id, newest_task(world, run_id)


def newest_task(world: World, run_id: str) -> str:
    """Return the id of the task of a run that started last."""
    return world.connector.services.tasks.all(Tenant(world.tenant), run_id)[-1].task_id


def output_of(world: World, run_id: str, task_id: str) -> Any:
    """Return a task's result, None while it is open."""
    return world.connector.services.tasks.get(Tenant(world.tenant), run_id, task_id).output


def task_event(run_id: str, task_id: str, task_def_id: str = SCORE, *, indent: int | None = None) -> bytes:
    """Make the body of a `workflow_task.started` event."""
    told = {"id": task_id, "task_def_id": task_def_id, "workflow_run_id": run_id, "status": "started"}
    payload = {"resource_type": "workflow_task", "action": "workflow_task.started", "object": told}
    return json.dumps({"payload": payload}, indent=indent).encode()


def rows_of(world: World, kind: str, states: Sequence[str] = ("ready", "done", "dead")) -> list[Any]:
    """Return the deliveries of a kind."""
    return [row for row in world.connector.services.outbox.page(tuple(states), 1000) if row.kind == kind]


def failures_of(row: Any) -> list[Any]:
    """Return the attempts of a delivery that failed."""
    return [attempt for attempt in row.history if "reason" in attempt]


def wait_for(world: World, kind: str, state: str, number: int = 1) -> Any:
    """Wait for this number of deliveries of a kind in a state; returns the last."""
    world.wait_until(lambda: len(rows_of(world, kind, (state,))) >= number)
    return rows_of(world, kind, (state,))[-1]


def wait_for_failure(world: World, kind: str, number: int = 1) -> Any:
    """Wait until the one delivery of a kind has failed at least this number of times; returns it.

    It is attempted again after a second or two: a test that must come before that stops the deliveries first.
    """
    world.wait_until(lambda: [len(row.history) >= number for row in rows_of(world, kind)] == [True])
    return rows_of(world, kind)[0]


def deliver_again(world: World, kind: str) -> None:
    """Deliver all of a kind once more, as after workers that were killed before they had recorded the delivery."""
    with world.connector.services.database.write() as connection:
        again = {"state": "ready", "settled_at": None, "due_at": outbox.c.created_at}
        connection.execute(update(outbox).where(outbox.c.kind == kind).values(again))
    world.wait_until(lambda: not rows_of(world, kind, ("ready",)))
