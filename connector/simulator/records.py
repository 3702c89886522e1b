"""What the simulator keeps, and how Onfido's API shows each of it."""

from __future__ import annotations

import secrets
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connector.simulator.faults import Event
from connector.simulator.validation import Json

API_PATH = "/v3.6"

AWAITING_INPUT = "awaiting_input"
OPEN_STATUSES = ("processing", AWAITING_INPUT, "awaiting_client_input")
APPROVED, DECLINED, REVIEW, ABANDONED, ERROR = ENDED_STATUSES = ("approved", "declined", "review", "abandoned", "error")


def new_id() -> str:
    """Make an identifier."""
    return str(uuid.uuid4())


def now() -> datetime:
    """The time, to the second as Onfido tells it."""
    return datetime.now(UTC).replace(microsecond=0)


def iso(moment: datetime) -> str:
    """A time as Onfido writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Applicant:
    """A person; `values` are the fields as they were sent. Deleting sets `delete_at` and keeps the rest."""

    values: Json
    is_sandbox: bool
    applicant_id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)
    delete_at: datetime | None = None

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.values['first_name']} {self.values['last_name']}"

    def as_json(self) -> Json:
        """The applicant as the API shows it; consents have an endpoint of their own, which is not simulated."""
        shown = {name: value for name, value in self.values.items() if name != "consents"}
        return {
            "id": self.applicant_id,
            "created_at": iso(self.created_at),
            "delete_at": iso(self.delete_at) if self.delete_at else None,
            "href": f"{API_PATH}/applicants/{self.applicant_id}",
            "sandbox": self.is_sandbox,
            **shown,
        }


@dataclass
class Task:
    """A step of a run; it is open until it has an output."""

    task_def_id: str
    output: object = None
    is_open: bool = True
    input: Json = field(default_factory=dict)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    task_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.task_id = f"{self.task_def_id}_{secrets.randbelow(90_000) + 10_000}"

    def complete(self, output: object) -> None:
        """Close the task."""
        self.output, self.is_open, self.updated_at = output, False, now()


@dataclass
class Run:
    """A workflow run; `comparisons` is what its end compared, None where it compared nothing."""

    applicant: Applicant
    values: Json
    root_url: str
    sdk_token: str | None
    run_id: str = field(default_factory=new_id)
    status: str = AWAITING_INPUT
    output: object = None
    reasons: list[str] = field(default_factory=list)
    error: Json | None = None
    comparisons: dict[str, str | None] | None = None
    tasks: list[Task] = field(default_factory=list)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)

    @property
    def has_ended(self) -> bool:
        """Whether nothing can change the run any more."""
        return self.status in ENDED_STATUSES

    @property
    def tags(self) -> list[str]:
        """The tags given at creation."""
        return self.values.get("tags") or []

    @property
    def link_url(self) -> str:
        """Where the person does their part."""
        return f"{self.root_url}/link/{self.run_id}"

    def as_json(self) -> Json:
        """The run as the API shows it."""
        link = dict.fromkeys(("completed_redirect_url", "expired_redirect_url", "expires_at", "language"))
        return {
            "id": self.run_id,
            "applicant_id": self.applicant.applicant_id,
            "workflow_id": self.values["workflow_id"],
            "workflow_version_id": 1,
            "status": self.status,
            "dashboard_url": self.link_url,
            "output": self.output,
            "reasons": list(self.reasons),
            "error": self.error,
            "sdk_token": self.sdk_token,
            "tags": self.tags,
            "customer_user_id": self.values.get("customer_user_id"),
            "link": link | self.values.get("link", {}) | {"url": self.link_url},
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
        }

    def task_as_json(self, task: Task) -> Json:
        """A task as the list shows it; the single task has its input and output too."""
        return {
            "id": task.task_id,
            "workflow_run_id": self.run_id,
            "task_def_id": task.task_def_id,
            "task_def_version": None,
            "created_at": iso(task.created_at),
            "updated_at": iso(task.updated_at),
        }

    def whole_task_as_json(self, task: Task) -> Json:
        """A task as it is shown alone."""
        return self.task_as_json(task) | {"input": task.input, "output": task.output}


@dataclass
class Webhook:
    """Where events go; `values` are the fields as the API shows them."""

    values: Json
    webhook_id: str = field(default_factory=new_id)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def wants(self, event: Event, *, is_sandbox: bool) -> bool:
        """Whether an event of a run in this environment goes here."""
        environment = "sandbox" if is_sandbox else "live"
        return self.values["enabled"] and event in self.values["events"] and environment in self.values["environments"]

    def as_json(self) -> Json:
        """The webhook as the API shows it."""
        href = f"{API_PATH}/webhooks/{self.webhook_id}"
        return {"id": self.webhook_id, "token": self.token, "href": href, **self.values}


@dataclass
class Delivery:
    """One event on its way to one webhook; `is_tried` is set once the first try is over, or none will come."""

    event: Event
    run_id: str
    url: str
    body: bytes
    signature: str
    is_lost: bool = False
    attempts: int = 0
    last_status: int | None = None
    is_tried: threading.Event = field(default_factory=threading.Event)

    def as_json(self) -> Json:
        """How the delivery stands."""
        return {
            "event": self.event,
            "run_id": self.run_id,
            "url": self.url,
            "lost": self.is_lost,
            "attempts": self.attempts,
            "last_status": self.last_status,
        }
