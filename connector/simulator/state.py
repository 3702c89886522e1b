"""The simulator's state, in memory, behind one lock.

Records are read and changed under the lock only; it is never held while waiting for a socket.
"""

from __future__ import annotations

import secrets
import threading
import uuid
from collections import Counter, deque

from connector.simulator import errors
from connector.simulator.faults import ANY, Faults
from connector.simulator.files import File
from connector.simulator.records import Applicant, Belonging, Delivery, Monitor, Webhook, iso, now
from connector.simulator.runs import Run
from connector.simulator.validation import Json
from connector.simulator.workflows import FREE, Workflow


class State:
    """The records of one Onfido account, the switches, and the requests so far."""

    def __init__(self, faults: Faults) -> None:
        self.lock = threading.RLock()
        self.faults_changed = threading.Condition(self.lock)
        self._first_faults = faults
        self.reset()

    def reset(self) -> None:
        """Delete all records; the switches are reset to those at the start."""
        with self.lock:
            self.change_faults(self._first_faults)
            self.applicants: dict[str, Applicant] = {}
            self.runs: dict[str, Run] = {}
            self.workflows: dict[str, Workflow] = {}
            self.monitors: dict[str, Monitor] = {}
            self.files: dict[str, File] = {}
            self.webhooks: dict[str, Webhook] = {}
            self.belongings: dict[str, Belonging] = {}
            self.access_tokens: dict[str, tuple[bool, float]] = {}  # whether for the sandbox, and until when
            self.deliveries: list[Delivery] = []
            self.requests: Counter[str] = Counter()
            self.throttled: deque[Json] = deque(maxlen=20)

    def change_faults(self, faults: Faults) -> None:
        """Replace the switches."""
        with self.lock:
            self.faults = faults
            self.faults_changed.notify_all()

    def takes(self, switch: str, subject: str = ANY) -> bool:
        """Whether `switch` applies now, for this route or event; a switch with a count is reduced by one."""
        with self.lock:
            if not self.faults.concerns(switch, subject):
                return False
            self.faults = self.faults.used(switch)
            return True

    def count(self, route: str) -> None:
        """Count one request."""
        with self.lock:
            self.requests[route] += 1

    def note_throttled(self, route: str) -> None:
        """Count one refusal."""
        with self.lock:
            self.throttled.append({"route": route, "at": iso(now())})

    def applicant(self, applicant_id: str) -> Applicant:
        """Find an applicant; raises `ApiError` 404, or 410 once deleted."""
        applicant = self.applicants.get(normal(applicant_id))
        if applicant is None:
            raise errors.not_found("applicant")
        if applicant.delete_at:
            raise errors.gone("applicant")
        return applicant

    def applicant_for(self, body: Json, *, is_sandbox: bool) -> Applicant:
        """Find the applicant that a request's body names; raises `ApiError` 422 if it cannot be used."""
        applicant = self.applicants.get(normal(body["applicant_id"]))
        if applicant is None or applicant.delete_at or applicant.is_sandbox is not is_sandbox:
            raise errors.invalid({"applicant_id": ["must be an applicant that exists and is not deleted"]})
        return applicant

    def run(self, run_id: str) -> Run:
        """Find a run; raises `ApiError` 404."""
        if run := self.runs.get(normal(run_id)):
            return run
        raise errors.not_found("workflow run")

    def workflow(self, workflow_id: str) -> Workflow:
        """The rules of a workflow; one without rules accepts anything."""
        return self.workflows.get(normal(workflow_id), FREE)

    def monitor(self, monitor_id: str) -> Monitor:
        """Find a watchlist monitor; raises `ApiError` 404."""
        if monitor := self.monitors.get(normal(monitor_id)):
            return monitor
        raise errors.not_found("watchlist monitor")

    def sign(self, file: File) -> str:
        """Make the signature with which a file is fetched once."""
        signature = secrets.token_hex(32)
        self.files[signature] = file
        return signature

    def webhook(self, webhook_id: str) -> Webhook:
        """Find a webhook; raises `ApiError` 404."""
        if webhook := self.webhooks.get(normal(webhook_id)):
            return webhook
        raise errors.not_found("webhook")

    def as_json(self) -> Json:
        """The state for tests."""
        with self.lock:
            return {
                "counts": {"applicants": len(self.applicants), "runs": len(self.runs), "webhooks": len(self.webhooks)},
                "requests": dict(self.requests),
                "runs": [run.summary() for run in self.runs.values()],
                "watchlist_monitors": [monitor.as_json() for monitor in self.monitors.values()],
                "deliveries": [delivery.as_json() for delivery in self.deliveries],
                "throttled": list(self.throttled),
            }


def normal(identifier: str) -> str:
    """Return a UUID in the form of the records' keys; other text is returned as it is."""
    try:
        return str(uuid.UUID(identifier))
    except ValueError:
        return ""
