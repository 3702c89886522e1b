"""The tasks of a workflow run, for Onfido, the user or the application."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Any

from connector.domain.frozen import frozen

_CHECKS_OF_CAPTURE = ("document_check", "facial_similarity", "face_check")  # of captured documents and pictures


@frozen
class TaskSummary:
    """A task that has started; `task_def_id` is its definition, which a run may execute several times."""

    task_id: str
    task_def_id: str
    task_def_version: str | None
    created_at: datetime | None
    updated_at: datetime | None


@frozen
class Task:
    """A task with its input and output, of any JSON shape; both may be personal."""

    summary: TaskSummary
    input: Any = field(repr=False)
    output: Any = field(repr=False)


def follows_capture(task_def_id: str | None) -> bool:
    """Whether a task of this definition starts only after the user has completed capture."""
    return task_def_id is not None and task_def_id.startswith(_CHECKS_OF_CAPTURE)
