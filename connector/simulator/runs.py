"""A workflow run and its tasks: their records, and their form in Onfido's API."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connector.simulator import errors
from connector.simulator.records import Applicant, iso, new_id, now
from connector.simulator.validation import Json, as_moment
from connector.simulator.workflows import TaskDefinition

PROCESSING, AWAITING_INPUT, AWAITING_CLIENT_INPUT = OPEN_STATUSES = (
    *("processing", "awaiting_input", "awaiting_client_input"),
)
APPROVED, DECLINED, REVIEW, ABANDONED, ERROR = ENDED_STATUSES = ("approved", "declined", "review", "abandoned", "error")
RESULT_STATUSES = (APPROVED, DECLINED, REVIEW)  # of a Result task
BROKEN_OFF = (ABANDONED, ERROR)  # a run can end so at any time, whatever is left to do

DOCUMENT_PHOTO = TaskDefinition("document_photo")
DOCUMENT_CHECK = TaskDefinition("document_check")

_LINK = ("completed_redirect_url", "expired_redirect_url", "expires_at", "language")


@dataclass
class Task:
    """A step of a run; it is open until it has an output."""

    definition: TaskDefinition
    output: object = None
    is_open: bool = True
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    task_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.task_id = f"{self.definition.task_def_id}_{secrets.randbelow(90_000) + 10_000}"

    def complete(self, output: object) -> None:
        """Close the task."""
        self.output, self.is_open, self.updated_at = output, False, now()


@dataclass(frozen=True)
class Ending:
    """How a run will end once every task is complete; None in `comparisons` means that nothing is compared."""

    status: str
    output: object
    reasons: list[str] | None
    tags: list[str]
    comparisons: Mapping[str, str | None] | None
    report: Json | None


@dataclass
class Run:
    """A workflow run; `coming` are the Send/Receive Data tasks that open after the capture, `current` is the open one.

    `ending` is the outcome of the person's part; it is shown once `has_ended`.
    """

    applicant: Applicant
    values: Json
    root_url: str
    sdk_token: str | None
    coming: list[TaskDefinition]
    run_id: str = field(default_factory=new_id)
    status: str = AWAITING_INPUT
    ending: Ending | None = None
    reasons: list[str] = field(default_factory=list)
    error: Json | None = None
    tags: list[str] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=lambda: [Task(DOCUMENT_PHOTO)])
    current: Task | None = None
    timeline_files: set[str] = field(default_factory=set)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)

    @property
    def is_sandbox(self) -> bool:
        """Whether it was started in the sandbox."""
        return self.applicant.is_sandbox

    @property
    def has_ended(self) -> bool:
        """Whether nothing can change the run any more."""
        return self.status in ENDED_STATUSES

    @property
    def output(self) -> object:
        """The workflow's output; None before the end."""
        return self.ending.output if self.ending and self.has_ended else None

    @property
    def link(self) -> Json:
        """The link's options from the creation of the run."""
        link: Json = self.values.get("link", {})
        return link

    @property
    def is_link_expired(self) -> bool:
        """Whether the link has expired."""
        expires_at = self.link.get("expires_at")
        return expires_at is not None and as_moment(expires_at) <= datetime.now(UTC)

    @property
    def link_url(self) -> str:
        """The address of the person's part."""
        return f"{self.root_url}/link/{self.run_id}"

    def task(self, task_id: str) -> Task:
        """Find a task; raises `ApiError` 404."""
        for task in self.tasks:
            if task.task_id == task_id:
                return task
        raise errors.not_found("task")

    def as_json(self) -> Json:
        """The run as the API shows it."""
        return {
            "id": self.run_id,
            "applicant_id": self.applicant.applicant_id,
            "workflow_id": self.values["workflow_id"],
            "workflow_version_id": 1,
            "status": self.status,
            "dashboard_url": f"{self.root_url}/runs/{self.run_id}",
            "output": self.output,
            "reasons": list(self.reasons),
            "error": self.error,
            "sdk_token": self.sdk_token,
            "tags": list(self.tags),
            "customer_user_id": self.values.get("customer_user_id"),
            "link": {name: self.link.get(name) for name in _LINK} | {"url": self.link_url},
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
        }

    def summary(self) -> Json:
        """The run as the simulator's state shows it."""
        shown = ("workflow_id", "customer_user_id", "custom_data", "link")
        return {
            "id": self.run_id,
            "applicant_id": self.applicant.applicant_id,
            "tags": list(self.tags),
            "status": self.status,
            **{name: self.values.get(name) for name in shown},
        }

    def task_as_json(self, task: Task) -> Json:
        """A task in a list; the single task has its input and output too."""
        return {
            "id": task.task_id,
            "workflow_run_id": self.run_id,
            "task_def_id": task.definition.task_def_id,
            "task_def_version": task.definition.task_def_version,
            "created_at": iso(task.created_at),
            "updated_at": iso(task.updated_at),
        }

    def whole_task_as_json(self, task: Task) -> Json:
        """A single task."""
        return self.task_as_json(task) | {"input": task.definition.input, "output": task.output}
