"""`/v3.6/workflow_runs` and their tasks, and `/v3.6/sdk_token`.

Behaviour that Onfido's documentation does not define: filters by date compare with midnight UTC, a filter by several
tags requires all of them, and a page has twenty runs.
"""

from __future__ import annotations

from flask import Blueprint, g, request
from marshmallow import ValidationError, fields

from connector.simulator import errors, lifecycle
from connector.simulator.runs import ENDED_STATUSES, OPEN_STATUSES, Run
from connector.simulator.simulation import json_body, locked, page_of, root_url, shown, simulation
from connector.simulator.state import normal
from connector.simulator.validation import (
    REQUIRED,
    Input,
    Json,
    as_moment,
    check,
    choice,
    future,
    identifier,
    json_object,
    list_of,
    moment,
    record,
    text,
    web_address,
)

blueprint = Blueprint("workflow_runs", __name__)

UNKNOWN_WORKFLOW = "00000000-0000-0000-0000-000000000000"
PAGE_SIZE = 20

_LANGUAGES = ("en_US", "de_DE", "es_ES", "fr_FR", "it_IT", "pt_PT", "nl_NL")
_STATUSES = list_of(choice(*OPEN_STATUSES, *ENDED_STATUSES))
_OBJECTS = list_of(json_object())
_NO_DATA = "must be an object or an array of objects"


class Link(Input):
    """The link of a run."""

    completed_redirect_url = web_address(allow_none=True)
    expired_redirect_url = web_address(allow_none=True)
    expires_at = future(allow_none=True)
    language = choice(*_LANGUAGES, allow_none=True)


class NewRun(Input):
    """A run to be started."""

    workflow_id = identifier(required=True)
    applicant_id = identifier(required=True)
    tags = list_of(text(1, 128), 30, allow_none=True)
    customer_user_id = text(0, 256)
    custom_data = json_object()
    link = record(Link)


class SdkTokenRequest(Input):
    """The subject of an SDK token."""

    applicant_id = identifier(required=True)
    referrer = text(1)
    application_id = text(1)
    cross_device_url = web_address()


class RunQuery(Input):
    """The filters of a list of runs."""

    page = text(pattern="[1-9][0-9]{0,8}")
    status = fields.String(validate=lambda value: _STATUSES.deserialize(value.split(",")))
    created_at_gt = moment()
    created_at_lt = moment()
    sort = choice("asc", "desc")
    applicant_id = identifier()
    tags = text(1)


def _check_data(value: object) -> None:
    if isinstance(value, list):
        _OBJECTS.deserialize(value)
    elif not isinstance(value, dict):
        raise ValidationError(_NO_DATA)


class TaskData(Input):
    """The data that completes a task."""

    data = fields.Raw(required=True, validate=_check_data, error_messages={"null": _NO_DATA, "required": REQUIRED})


@blueprint.post("/workflow_runs")
def create() -> tuple[Json, int]:
    """Start a run."""
    values = check(json_body(), NewRun())
    if normal(values["workflow_id"]) == UNKNOWN_WORKFLOW:
        raise errors.not_found("workflow")
    parts = simulation()
    return lifecycle.start(parts.state, parts.sender, values, root_url(), is_sandbox=g.is_sandbox), 201


@blueprint.get("/workflow_runs")
def list_all() -> list[Json]:
    """List runs, the newest first unless `sort` says otherwise."""
    query = check(request.args, RunQuery())
    state = simulation().state
    is_untagged = state.takes("lists_untagged")
    tags = set() if is_untagged else {tag for value in request.args.getlist("tags") for tag in value.split(",")}
    with state.lock:
        runs = [run for run in state.runs.values() if run.is_sandbox is g.is_sandbox and _is_wanted(run, query, tags)]
        if query.get("sort") != "asc":
            runs.reverse()
        shown = [run.as_json() for run in page_of(runs, int(query.get("page", 1)), PAGE_SIZE)]
    return [{name: run[name] for name in run if name != "tags"} for run in shown] if is_untagged else shown


def _is_wanted(run: Run, query: Json, tags: set[str]) -> bool:
    return (
        ("status" not in query or run.status in query["status"].split(","))
        and ("applicant_id" not in query or run.applicant.applicant_id == normal(query["applicant_id"]))
        and ("created_at_gt" not in query or run.created_at > as_moment(query["created_at_gt"]))
        and ("created_at_lt" not in query or run.created_at < as_moment(query["created_at_lt"]))
        and tags <= set(run.tags)
    )


@blueprint.get("/workflow_runs/<run_id>")
def read(run_id: str) -> Json:
    """Show a run."""
    return shown(lambda state: state.run(run_id))


@blueprint.get("/workflow_runs/<run_id>/tasks")
def list_tasks(run_id: str) -> list[Json]:
    """List the tasks of a run that have started, the oldest first."""
    with locked() as state:
        run = state.run(run_id)
        return [run.task_as_json(task) for task in run.tasks]


@blueprint.get("/workflow_runs/<run_id>/tasks/<task_id>")
def read_task(run_id: str, task_id: str) -> Json:
    """Show a task with its input and output."""
    with locked() as state:
        run = state.run(run_id)
        return run.whole_task_as_json(run.task(task_id))


@blueprint.post("/workflow_runs/<run_id>/tasks/<task_id>/complete")
def complete_task(run_id: str, task_id: str) -> tuple[str, int]:
    """Complete an open task with data."""
    data = check(json_body(), TaskData())["data"]
    parts = simulation()
    lifecycle.complete_task(parts.state, parts.sender, run_id, task_id, data)
    return "", 200


@blueprint.post("/sdk_token")
def create_sdk_token() -> Json:
    """Make an SDK token for an applicant."""
    values = check(json_body(), SdkTokenRequest())
    with locked() as state:
        applicant = state.applicant_for(values, is_sandbox=g.is_sandbox)
        claims = {name: value for name, value in values.items() if name != "applicant_id"}
        return {"token": lifecycle.sdk_token(applicant, lifecycle.SDK_TOKEN_LIFETIME, **claims)}
