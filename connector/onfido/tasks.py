"""The tasks of a run, and the completion of those that wait for the application's data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from connector.domain.messages import message
from connector.domain.studio.tasks import Task, TaskSummary
from connector.errors import Code, OnfidoError
from connector.onfido.api import OnfidoApi
from connector.onfido.payloads import task_summaries, whole_task


class Tasks(OnfidoApi):
    """`/workflow_runs/{run_id}/tasks`."""

    def list_tasks(self, run_id: str) -> list[TaskSummary]:
        """List the started tasks of a run in Onfido's order: the oldest first."""
        return self._read(task_summaries, self._call("GET", "workflow_runs", run_id, "tasks"))

    def get_task(self, run_id: str, task_id: str) -> Task:
        """Read a task with its input and output."""
        return self._read(whole_task, self._call("GET", "workflow_runs", run_id, "tasks", task_id))

    def complete_task(self, run_id: str, task_id: str, data: Mapping[str, Any] | Sequence[Any]) -> None:
        """Complete a task that waits for data; raises `OnfidoError` `TASK_REFUSED` if Onfido refuses it."""
        path = ("workflow_runs", run_id, "tasks", task_id, "complete")
        _check_json(data)
        self._send(self._call("POST", *path, fields={"data": data}), refused_as=Code.TASK_REFUSED)


def _check_json(data: object) -> None:
    """Raise for values that an application's JSON may contain but Onfido's must not, such as NaN."""
    try:
        json.dumps(data, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise OnfidoError(
            Code.TASK_REFUSED, message("The task's data must be JSON, without infinite numbers."), is_sent=False
        ) from error
