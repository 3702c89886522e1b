"""Onfido's JSON read into values of the domain, and applicants written as Onfido wants them.

Nothing Onfido sends is trusted to have the right shape: what cannot be done without raises `UnreadableError`, what can
be done without is left out. A workflow's output has no shape at all; comparisons are looked for anywhere in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from connector.domain.runs import Comparison, RunSnapshot, is_final

MAX_ID_LENGTH = 64
MAX_STATUS_LENGTH = 64
MAX_DEPTH = 64  # of a workflow's output; what lies deeper is not searched
MAX_BREADTH = 10_000  # objects and lists on one level of it

_WORST_FIRST = (Comparison.CONSIDER, Comparison.UNIDENTIFIED, Comparison.CLEAR, Comparison.NOT_COMPARED)
_OF_THE_REPORT = frozenset({"result", "breakdown", "properties"})  # keys that compare nothing
_OLDEST = datetime.min.replace(tzinfo=UTC)


class UnreadableError(ValueError):
    """What Onfido sent is not what its API describes."""


def read_json(body: bytes) -> object:
    """Parse strict JSON: UTF-8 without a byte order mark, no NaN or Infinity; raises `UnreadableError`."""
    try:
        parsed: object = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("it is no JSON that can be read") from error
    return parsed


def applicant_fields(values: Mapping[str, str]) -> dict[str, Any]:
    """Nest dotted applicant fields: `address.postcode` becomes `{"address": {"postcode": …}}`."""
    fields: dict[str, Any] = {}
    for path, value in values.items():
        *parents, name = path.split(".")
        node = fields
        for parent in parents:
            node = node.setdefault(parent, {})
        node[name] = value
    return fields


def run_snapshot(body: object) -> RunSnapshot:
    """Read a workflow run; raises `UnreadableError` where its id or status is missing.

    A run without `completed_at_iso8601` (only events have it) was completed when it was last updated.
    """
    run = as_object(body)
    run_id, status = identifier(run.get("id")), text(run.get("status"))
    if run_id is None or status is None:
        raise UnreadableError("it has no id or no status")
    completed_at = _time(run.get("completed_at_iso8601")) or _time(run.get("updated_at"))
    return RunSnapshot(
        run_id=run_id,
        status=status[:MAX_STATUS_LENGTH],
        comparisons=comparisons(run.get("output")),
        completed_at=completed_at if is_final(status) else None,
        applicant_id=identifier(run.get("applicant_id")),
        workflow_id=identifier(run.get("workflow_id")),
        sdk_token=text(run.get("sdk_token")),
    )


def newest_run(body: object, *, tag: str) -> RunSnapshot | None:
    """Read the newest run that really bears the tag from a list of runs."""
    ours = [run for run in _array(body) if isinstance(run, dict) and _bears(run, tag)]
    newest = max(ours, key=lambda run: _time(run.get("created_at")) or _OLDEST, default=None)
    return None if newest is None else run_snapshot(newest)


def newest_document_check(body: object) -> str | None:
    """Read which of a run's tasks checked a document last: of those that their times do not tell apart, the last."""
    checks = [task for task in _array(body) if isinstance(task, dict) and task.get("task_def_id") == "document_check"]
    for name in ("created_at", "updated_at"):
        times = [_time(task.get(name)) for task in checks]
        if None in times:
            break
        newest = max(filter(None, times), default=None)
        checks = [task for task, time in zip(checks, times, strict=True) if time == newest]
    return identifier(checks[-1].get("id")) if checks else None


def comparisons(output: object) -> dict[str, Comparison] | None:
    """Merge every `data_comparison` found anywhere in the output, the worst finding first; None where there is none."""
    found = list(_data_comparisons(output))
    if not found:
        return None
    merged: dict[str, Comparison] = {}
    for node in found:
        for key, comparison in _findings(node):
            merged[key] = min(merged.get(key, comparison), comparison, key=_WORST_FIRST.index)
    return merged


def as_object(body: object) -> dict[str, Any]:
    """Insist on a JSON object."""
    if not isinstance(body, dict):
        raise UnreadableError("it is no JSON object")
    return body


def text(value: object) -> str | None:
    """Read a printable text without the space around it; None where there is none."""
    stripped = value.strip() if isinstance(value, str) else ""
    return stripped if stripped and stripped.isprintable() else None


def identifier(value: object) -> str | None:
    """Read an id of Onfido's: a printable text that fits where ids are stored; None where it is none."""
    found = text(value)
    return found if found and len(found) <= MAX_ID_LENGTH else None


def required(value: str | None, name: str) -> str:
    """Insist on a value that was read."""
    if value is None:
        raise UnreadableError(f"it has no {name}")
    return value


def _data_comparisons(output: object) -> Iterator[dict[str, Any]]:
    level = [output]
    for _ in range(MAX_DEPTH):
        for node in level:
            if isinstance(node, dict) and isinstance(found := node.get("data_comparison"), dict):
                yield found
        level = list(islice(_containers(level), MAX_BREADTH))


def _containers(level: list[object]) -> Iterator[object]:
    for node in level:
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        yield from (child for child in children if isinstance(child, dict | list))


def _findings(node: dict[str, Any]) -> Iterator[tuple[str, Comparison]]:
    """Read one comparison: the report form keeps the findings in its `breakdown`, the flat form is the breakdown."""
    breakdown = node.get("breakdown")
    for key, value in (breakdown if isinstance(breakdown, dict) else node).items():
        if key not in _OF_THE_REPORT:
            yield key, _comparison(value.get("result") if isinstance(value, dict) else value)


def _comparison(result: object) -> Comparison:
    try:
        return Comparison(str(result))
    except ValueError:
        return Comparison.NOT_COMPARED


def _bears(run: dict[str, Any], tag: str) -> bool:
    tags = run.get("tags")
    return isinstance(tags, list) and tag in tags


def _array(body: object) -> list[Any]:
    if not isinstance(body, list):
        raise UnreadableError("it is no JSON array")
    return body


def _time(value: object) -> datetime | None:
    """Read an ISO 8601 time as UTC, which is what Onfido means where it names no zone."""
    try:
        time = datetime.fromisoformat(value if isinstance(value, str) else "")
        return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
