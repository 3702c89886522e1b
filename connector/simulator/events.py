"""The events of webhooks: the action, the object, and the resource as the API shows it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from connector.simulator.faults import Event
from connector.simulator.records import API_PATH, Monitor, iso, now
from connector.simulator.runs import Run, Task
from connector.simulator.validation import Json


@dataclass(frozen=True)
class Message:
    """An event before it is addressed; `resource` is None if Onfido sends only the object's id."""

    event: Event
    object: Json
    resource: Json | None
    is_sandbox: bool
    run_id: str | None = None

    def body(self) -> bytes:
        """The bytes that are signed and posted."""
        payload = {"resource_type": self.event.partition(".")[0], "action": self.event, "object": self.object}
        if self.resource is not None:
            payload["resource"] = self.resource
        return json.dumps({"payload": payload}).encode()


def run_completed(run: Run) -> Message:
    """Create the event that a run has ended."""
    members = {
        "id": run.run_id,
        "status": run.status,
        "completed_at_iso8601": iso(run.updated_at),
        "href": _href(run),
    }
    return _of_run(Event.RUN_COMPLETED, run, members, run.as_json())


def task_started(run: Run, task: Task) -> Message:
    """Create the event that a task has opened."""
    return _of_run(Event.TASK_STARTED, run, _about_task(run, task, "started"), run.whole_task_as_json(task))


def task_completed(run: Run, task: Task) -> Message:
    """Create the event that a task has closed."""
    members = _about_task(run, task, "completed") | {"completed_at_iso8601": iso(task.updated_at)}
    return _of_run(Event.TASK_COMPLETED, run, members, run.whole_task_as_json(task))


def timeline_file_created(run: Run, file_id: str, download_url: str) -> Message:
    """Create the event that a timeline file can be fetched, with its address, which needs no token."""
    members = {"id": file_id, "completed_at_iso8601": iso(now()), "href": timeline_file_href(run, file_id)}
    resource = {"id": file_id, "workflow_run_id": run.run_id, "timeline_file_download_url": download_url}
    return _of_run(Event.TIMELINE_FILE_CREATED, run, members, resource)


def matches_updated(monitor: Monitor, root_url: str) -> Message:
    """Create the event that a monitor has found something."""
    href = f"{root_url}{API_PATH}/watchlist_monitors/{monitor.monitor_id}"
    members = {"id": monitor.monitor_id, "completed_at_iso8601": iso(now()), "href": href}
    return Message(Event.MATCHES_UPDATED, members, None, monitor.applicant.is_sandbox)


def timeline_file_href(run: Run, file_id: str) -> str:
    """Return the address at which a timeline file is fetched with a token."""
    return f"{_href(run)}/timeline_file/{file_id}"


def _about_task(run: Run, task: Task, status: str) -> Json:
    return {
        "id": task.task_id,
        "task_def_id": task.definition.task_def_id,
        "task_def_version": task.definition.task_def_version,
        "workflow_run_id": run.run_id,
        "status": status,
        "started_at_iso8601": iso(task.created_at),
        "href": f"{_href(run)}/tasks/{task.task_id}",
    }


def _href(run: Run) -> str:
    return f"{run.root_url}{API_PATH}/workflow_runs/{run.run_id}"


def _of_run(event: Event, run: Run, members: Json, resource: Json) -> Message:
    return Message(event, members, resource, run.applicant.is_sandbox, run.run_id)
