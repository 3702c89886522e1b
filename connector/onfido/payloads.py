"""Conversion between Onfido's JSON and values of the domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from connector.domain.environment import LIVE, SANDBOX
from connector.domain.messages import message
from connector.domain.providers.applicant import RemoteApplicant
from connector.domain.studio.capture import LinkOptions
from connector.domain.studio.tasks import Task, TaskSummary
from connector.domain.studio.workflow_run import ListedRun, RunSnapshot, is_final
from connector.domain.utc import timestamp
from connector.errors import Code, RequestError
from connector.onfido.reading import (
    UnreadableError,
    as_object,
    identifier,
    lines,
    mapping,
    number,
    objects,
    read_json,
    required,
    sentences,
    text,
    time,
    web_address,
)
from connector.onfido.report_names import clear_reports
from connector.onfido.reports import Compared, address_of, comparisons, document_values, objects_in

MAX_STATUS_LENGTH = 64
MAX_REASON_LENGTH, MAX_REASONS = 300, 50
MAX_TAG_LENGTH, MAX_TAGS = 128, 100

_OLDEST = datetime.min.replace(tzinfo=UTC)
_BOOLEANS = {"true": True, "false": False}


def applicant_fields(values: Mapping[str, str]) -> dict[str, Any]:
    """Nest dotted applicant fields: `address.postcode` becomes `{"address": {"postcode": …}}`.

    `id_numbers.passport` becomes an entry `{"type": "passport", "value": …}` of the list `id_numbers`;
    `id_numbers.driving_licence.state_code` is added to the licence's entry. `consents.privacy_notices_read` becomes
    an entry of the list `consents`. An update replaces such a list at Onfido as a whole, so entries to keep must be
    sent again. Raises `RequestError` for a consent that is neither true nor false.
    """
    fields: dict[str, Any] = {}
    for path, value in values.items():
        top, _, rest = path.partition(".")
        if top == "consents":
            fields.setdefault(top, []).append({"name": rest, "granted": _granted(path, value)})
        elif top != "id_numbers":
            _put(fields, path, value)
    if id_numbers := _id_numbers(values):
        fields["id_numbers"] = id_numbers
    return fields


def link_fields(link: LinkOptions | None) -> dict[str, str]:
    """Return the JSON of a link's options, without Onfido's defaults."""
    if link is None:
        return {}
    expires_at = timestamp(link.expires_at)
    return present(
        completed_redirect_url=link.completed_redirect_url,
        expired_redirect_url=link.expired_redirect_url,
        expires_at=expires_at,
        language=link.language,
    )


def present(**fields: Any) -> dict[str, Any]:
    """Leave out the fields that are None or empty."""
    return {name: value for name, value in fields.items() if value or isinstance(value, int)}


def run_snapshot(body: object) -> RunSnapshot:
    """Read a workflow run; raises `UnreadableError` if its id or status is missing.

    If it has no `completed_at_iso8601`, which only events have, the time of its last update is used.
    """
    run = as_object(body)
    run_id, status = identifier(run.get("id")), text(run.get("status"))
    if run_id is None or status is None:
        raise UnreadableError("it has no id or no status")
    completed_at = time(run.get("completed_at_iso8601")) or time(run.get("updated_at"))
    output, link = run.get("output"), mapping(run.get("link"))
    objects = objects_in(output)
    compared = comparisons(objects)
    return RunSnapshot(
        run_id=run_id,
        status=status[:MAX_STATUS_LENGTH],
        comparisons=None if compared is None else compared.findings,
        lacks_document=compared is not None and not compared.has_document,
        places={} if compared is None else compared.places(output),
        completed_at=completed_at if is_final(status) else None,
        sdk_token=text(run.get("sdk_token")),
        output=output,
        reasons=sentences(run.get("reasons"), longest=MAX_REASON_LENGTH, most=MAX_REASONS),
        tags=lines(run.get("tags"), longest=MAX_TAG_LENGTH, most=MAX_TAGS),
        document=document_values(objects),
        reports=clear_reports(objects),
        workflow_version_id=number(run.get("workflow_version_id")),
        dashboard_url=web_address(run.get("dashboard_url")),
        link_url=web_address(link.get("url")),
        link_expires_at=time(link.get("expires_at")),
    )


def with_document_check(run: RunSnapshot, task_id: str | None, output: object) -> RunSnapshot:
    """Add the output of its document check, if any, to a run; the run's own comparisons take precedence.

    Comparisons of a proof of address only determine the address.
    """
    objects = objects_in(output)
    document = document_values(objects) if run.document is None else run.document
    reports = tuple(sorted({*run.reports, *clear_reports(objects)}))
    run = replace(run, document=document, reports=reports)
    if run.comparisons is not None and not (run.lacks_document and objects):
        return replace(run, lacks_document=False)
    checked = comparisons(objects) or Compared({})
    places = {key: f"{task_id}#{pointer}" for key, pointer in checked.places(output).items()}
    return replace(
        run,
        comparisons={**checked.findings, **address_of(run.comparisons or {})},
        places={**places, **address_of(run.places)},
        lacks_document=False,
    )


def remote_applicant(body: object) -> RemoteApplicant:
    """Read an applicant; raises `UnreadableError` if its id is missing."""
    applicant = as_object(body)
    return RemoteApplicant(required(identifier(applicant.get("id")), "id"), _environment(applicant))


def updated_applicant(body: bytes, applicant_id: str) -> RemoteApplicant:
    """Read the answer to an update, which was applied even if the answer is unreadable."""
    try:
        return RemoteApplicant(applicant_id, _environment(as_object(read_json(body))))
    except UnreadableError:
        return RemoteApplicant(applicant_id)


def newest_environment(body: object) -> str | None:
    """Read the environment of the applicants in a list; None if there is none."""
    known = (_environment(each) for each in objects(as_object(body).get("applicants")))
    return next((environment for environment in known if environment is not None), None)


def _environment(applicant: Mapping[str, Any]) -> str | None:
    is_sandbox = applicant.get("sandbox")
    if not isinstance(is_sandbox, bool):
        return None
    return SANDBOX if is_sandbox else LIVE


def applicant_deletion(body: object, applicant_id: str) -> datetime | None:
    """Read when an applicant in a list will be deleted."""
    known = objects(as_object(body).get("applicants"))
    return next((time(each.get("delete_at")) for each in known if each.get("id") == applicant_id), None)


def newest_run(body: object, *, tag: str) -> RunSnapshot | None:
    """Return the newest run in a list that has exactly this tag."""
    ours = [run for run in objects(body) if _bears(run, tag)]
    newest = max(ours, key=_created_at, default=None)
    return None if newest is None else run_snapshot(newest)


def untagged_runs(body: object, *, applicant_id: str, since: datetime) -> list[RunSnapshot]:
    """Return an applicant's runs in a list since then that show no tags, the newest first."""
    ours = [
        run
        for run in objects(body)
        if identifier(run.get("applicant_id")) == applicant_id and not run.get("tags") and _is_since(run, since)
    ]
    return [run_snapshot(run) for run in sorted(ours, key=_created_at, reverse=True)]


def listed_runs(body: object) -> list[ListedRun]:
    """Read a page of runs, without those that have no id or no status."""
    known = ((identifier(run.get("id")), text(run.get("status")), run) for run in objects(body))
    return [
        ListedRun(run_id, status[:MAX_STATUS_LENGTH], lines(run.get("tags"), longest=MAX_TAG_LENGTH, most=MAX_TAGS))
        for run_id, status, run in known
        if run_id is not None and status is not None
    ]


def newest_document_check(body: object) -> str | None:
    """Return the task that checked a document last; if several have the same time, the last in the list."""
    checks = [task for task in objects(body) if task.get("task_def_id") == "document_check"]
    for name in ("created_at", "updated_at"):
        times = [time(task.get(name)) for task in checks]
        if None in times:
            break
        newest = max(filter(None, times), default=None)
        checks = [task for task, at in zip(checks, times, strict=True) if at == newest]
    return identifier(checks[-1].get("id")) if checks else None


def task_summary(body: object) -> TaskSummary:
    """Read a task in a list; raises `UnreadableError` if its id or its definition's is missing."""
    task = as_object(body)
    return TaskSummary(
        task_id=required(identifier(task.get("id")), "id"),
        task_def_id=required(identifier(task.get("task_def_id")), "task_def_id"),
        task_def_version=identifier(task.get("task_def_version")),
        created_at=time(task.get("created_at")),
        updated_at=time(task.get("updated_at")),
    )


def task_summaries(body: object) -> list[TaskSummary]:
    """Read a list of tasks, without those that have no id."""
    return [
        task_summary(each)
        for each in objects(body)
        if identifier(each.get("id")) and identifier(each.get("task_def_id"))
    ]


def whole_task(body: object) -> Task:
    """Read a task with its input and output."""
    task = as_object(body)
    return Task(task_summary(task), input=task.get("input"), output=task.get("output"))


def _put(fields: dict[str, Any], path: str, value: str) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        fields = fields.setdefault(parent, {})
    fields[name] = value


def _id_numbers(values: Mapping[str, str]) -> list[dict[str, str]]:
    entries: dict[str, dict[str, str]] = {}
    for path, value in values.items():
        top, _, rest = path.partition(".")
        if top == "id_numbers":
            kind, _, name = rest.partition(".")
            entries.setdefault(kind, {"type": kind})[name or "value"] = value
    return [entry for entry in entries.values() if "value" in entry]


def _granted(path: str, value: str) -> bool:
    granted = _BOOLEANS.get(value.strip().lower())
    if granted is None:
        raise RequestError(
            Code.APPLICANT_REFUSED, message("%(path)s: the user's value must be true or false.", path=path)
        )
    return granted


def _is_since(run: dict[str, Any], since: datetime) -> bool:
    created_at = time(run.get("created_at"))
    return created_at is None or created_at >= since


def _created_at(run: dict[str, Any]) -> datetime:
    return time(run.get("created_at")) or _OLDEST


def _bears(run: dict[str, Any], tag: str) -> bool:
    tags = run.get("tags")
    return isinstance(tags, list) and tag in tags
