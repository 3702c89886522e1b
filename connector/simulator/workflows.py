"""A workflow's requirements: custom input data, and Send/Receive Data tasks to be completed after the capture.

A workflow without rules accepts any custom data and has no such task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from marshmallow.fields import Field

from connector.simulator import errors
from connector.simulator.validation import (
    ClosedInput,
    Input,
    Json,
    boolean,
    check,
    choice,
    date_time,
    json_object,
    list_of,
    mapping_of,
    number,
    record,
    text,
)

MANUAL_REVIEW = "manual_case_review"  # a person decides it, and no integrator completes it

TYPES: Mapping[str, Callable[..., Field[Any]]] = {
    "string": text,
    "boolean": boolean,
    "number": number,
    "list": partial(list_of, text()),
    "date_time": date_time,
}
_EXAMPLES = {"string": "text", "boolean": True, "number": 0, "list": [], "date_time": "2030-01-31T12:00:00Z"}


class TaskRules(Input):
    """A task as it is given."""

    task_def_id = text(1, 64, pattern=r"[\w.:-]+", required=True)
    task_def_version = text(1, 64, allow_none=True)
    input = json_object()
    output_schema = mapping_of(choice(*TYPES), allow_none=True)


class WorkflowRules(ClosedInput):
    """A workflow's rules as they are given."""

    custom_data = mapping_of(choice(*TYPES), allow_none=True)
    required = list_of(text(1, 64))
    tasks = list_of(record(TaskRules), 20)


@dataclass(frozen=True)
class TaskDefinition:
    """A task of the workflow; `output_schema` is the schema of the data that complete it, None accepts any."""

    task_def_id: str
    task_def_version: str | None = None
    input: Json = field(default_factory=dict)
    output_schema: Mapping[str, str] | None = None

    @property
    def is_decision(self) -> bool:
        """Whether it is decided in the dashboard."""
        return self.task_def_id == MANUAL_REVIEW

    @property
    def example(self) -> Json:
        """Data that fit the output schema."""
        return {name: _EXAMPLES[kind] for name, kind in (self.output_schema or {}).items()}

    def check(self, data: object) -> None:
        """Raise `ApiError` 422 for data that do not fit the output schema."""
        if self.output_schema is not None:
            _check("data", data, self.output_schema, tuple(self.output_schema))


@dataclass(frozen=True)
class Workflow:
    """The rules for a workflow's runs; `custom_data` is the schema of the input by name, None accepts any."""

    custom_data: Mapping[str, str] | None = None
    required: tuple[str, ...] = ()
    tasks: tuple[TaskDefinition, ...] = ()

    def check_input(self, custom_data: object) -> None:
        """Raise `ApiError` 422 for custom data that the workflow does not accept."""
        if self.custom_data is not None:
            _check("custom_data", custom_data, self.custom_data, self.required)

    def as_json(self) -> Json:
        """The rules as they are given."""
        return asdict(self)


FREE = Workflow()


def parse(body: Json) -> Workflow:
    """Read a workflow's rules; raises `ApiError` 422 naming what is wrong with them."""
    values = check(body, WorkflowRules())
    required = tuple(values.get("required", ()))
    if unknown := [name for name in required if name not in (values.get("custom_data") or {})]:
        raise errors.invalid({"required": [f"must be names of custom_data, not {name}" for name in unknown]})
    tasks = tuple(_definition(task) for task in values.get("tasks", ()))
    return Workflow(values.get("custom_data"), required, tasks)


def _definition(task: Json) -> TaskDefinition:
    return TaskDefinition(
        task["task_def_id"], task.get("task_def_version"), task.get("input", {}), task.get("output_schema")
    )


def _check(field_name: str, values: object, types: Mapping[str, str], required: tuple[str, ...]) -> None:
    """Raise `ApiError` naming, under the field, each value that is missing, unknown or of another type."""
    if not isinstance(values, dict):
        raise errors.invalid({field_name: ["must be an object"]})
    rules = {
        f"value_{index}": TYPES[kind](data_key=name, required=name in required)
        for index, (name, kind) in enumerate(types.items())
    }
    if problems := ClosedInput.from_dict(rules)().validate(values):
        raise errors.invalid({field_name: problems})
