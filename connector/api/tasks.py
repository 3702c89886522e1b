"""`/api/server/v1/idv-providers/{id}/verifications/{run-id}/tasks`: the tasks of a run."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import current_app, g
from marshmallow import fields

from connector.api.errors import PROVIDER_ERRORS
from connector.api.middleware.shares import Lasting
from connector.api.openapi.error_responses import ONFIDO
from connector.api.parsing import Blueprint
from connector.api.shapes.verification import TaskSchema
from connector.domain.studio.tasks import Task, TaskSummary
from connector.errors import Code
from connector.services.application.tasks import Tasks

PREFIX = "/api/server/v1/idv-providers/<provider_id>/verifications/<run_id>/tasks"

TASK_ERRORS = (Code.PROVIDER_NOT_FOUND, Code.VERIFICATION_NOT_FOUND, Code.TASK_NOT_FOUND, *ONFIDO)

blueprint = Blueprint(
    "tasks", __name__, errors=PROVIDER_ERRORS, url_prefix=PREFIX, description="Tasks of a run, completed with data"
)


class WholeTaskSchema(TaskSchema):
    """A task with its input and, once it is complete, its output; of any JSON shape."""

    input = fields.Raw(required=True, allow_none=True)
    output = fields.Raw(required=True, allow_none=True)


class TaskDataSchema(ma.Schema):
    """The data that completes a task: an object or an array, as its definition in Onfido Studio requires."""

    data = fields.Raw(required=True, metadata={"example": {"risk_score": 7}})


@blueprint.get("")
@blueprint.requires("internal_idv_claim_view", lasting=Lasting.ONFIDO)
@blueprint.refuses(Code.PROVIDER_NOT_FOUND, Code.VERIFICATION_NOT_FOUND, *ONFIDO)
@blueprint.response(200, TaskSchema(many=True))
def list_tasks(provider_id: str, run_id: str) -> list[TaskSummary]:
    """List the started tasks of a run, the oldest first, as Onfido has them now.

    Applications complete Send/Receive Data tasks.
    """
    return _tasks().all(g.tenant, run_id, provider_id)


@blueprint.get("/<task_id>")
@blueprint.requires("internal_idv_claim_view", lasting=Lasting.ONFIDO)
@blueprint.refuses(*TASK_ERRORS)
@blueprint.response(200, WholeTaskSchema)
def get_task(provider_id: str, run_id: str, task_id: str) -> dict[str, Any]:
    """Return one task with its input and output, as Onfido has them now.

    Both may be personal; they are not stored here, and each reading is in the audit trail.
    """
    return _answer(_tasks().get(g.tenant, run_id, task_id, provider_id, actor=g.principal.actor))


@blueprint.post("/<task_id>/complete")
@blueprint.requires("internal_idv_claim_verify", lasting=Lasting.ONFIDO)
@blueprint.refuses(*TASK_ERRORS, Code.TASK_CLOSED, Code.TASK_REFUSED)
@blueprint.arguments(TaskDataSchema)
@blueprint.response(200, WholeTaskSchema)
def complete_task(body: dict[str, Any], provider_id: str, run_id: str, task_id: str) -> dict[str, Any]:
    """Complete a task with the application's data, so that the run continues.

    The data must match the output schema of the task's definition in Onfido Studio.
    """
    actor = g.principal.actor
    return _answer(_tasks().complete(g.tenant, run_id, task_id, body["data"], provider_id=provider_id, actor=actor))


def _answer(task: Task) -> dict[str, Any]:
    return {**vars(task.summary), "input": task.input, "output": task.output}


def _tasks() -> Tasks:
    tasks: Tasks = current_app.extensions["services"].tasks
    return tasks
