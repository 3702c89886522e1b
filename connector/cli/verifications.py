"""`connector verification`: look at what was started and what came of it, and decide on what is in review."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from connector.cli import evidence as run_files
from connector.cli.output import ID, actor, json_option, print_json, print_record, print_table, services, tenant_option
from connector.domain.history import Change
from connector.domain.tasks import TaskSummary
from connector.domain.verification import VerificationClaim
from connector.domain.verification_filter import FALLING, RISING, read_filter

if TYPE_CHECKING:  # the use cases load when a command opens them: `serve` has to set up its metrics first
    from connector.bootstrap import Services
    from connector.services.lookup.verifications import LiveTasks, Run, RunDetails

_with_output = click.option("--output", "has_output", is_flag=True, help="Print the workflow's output as well.")


@click.group()
def verification() -> None:
    """Look at verifications, and decide on them."""


for command in (run_files.export, run_files.timeline, run_files.evidence):
    verification.add_command(command)


@verification.command("list")
@run_files.run_filter
@click.option(
    "--sort", type=click.Choice((RISING, FALLING)), default=FALLING, show_default=True, help="By their start."
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
@tenant_option
@json_option
@click.pass_context
def list_(context: click.Context, /, sort: str, limit: int, tenant: str, as_json: bool, **query: str | None) -> None:
    """List verifications, the latest first."""
    wanted = read_filter(query)
    with services(context) as opened:
        found, total = opened.runs.page(tenant, wanted, limit=limit, is_rising=sort == RISING)
    rows = [_record(each) for each in found]
    if as_json:
        print_json(rows)
        return
    print_table(rows, ("created", "user", "status", "run", "verification"), empty="No verification was started.")
    if total > len(rows):
        click.echo(f"… and {total - len(rows)} more: see --limit.", err=True)


@verification.command()
@click.argument("run_id", type=ID)
@_with_output
@tenant_option
@json_option
@click.pass_context
def show(context: click.Context, run_id: str, has_output: bool, tenant: str, as_json: bool) -> None:
    """Show a verification, by its run's id or its own, how its claims stand, and its tasks at Onfido."""
    with services(context) as opened:
        _show(opened, tenant, run_id, as_json=as_json, has_output=has_output)


@verification.command()
@click.argument("run_id", type=ID)
@_with_output
@tenant_option
@json_option
@click.pass_context
def refresh(context: click.Context, run_id: str, has_output: bool, tenant: str, as_json: bool) -> None:
    """Ask Onfido for a run, apply its answer, and show it."""
    with services(context) as opened:
        opened.runs.refresh(tenant, run_id)
        _show(opened, tenant, run_id, as_json=as_json, has_output=has_output)


@verification.command()
@click.argument("run_id", type=ID)
@click.option("--approve/--decline", "is_approved", default=None, help="The decision; one of them is needed.")
@click.option("--reason", required=True, help="Why; it is in the history.")
@tenant_option
@json_option
@click.pass_context
def decide(
    context: click.Context, run_id: str, is_approved: bool | None, reason: str, tenant: str, as_json: bool
) -> None:
    """Decide on a run that ended in review, and show it; approving verifies what Onfido compared as clear."""
    if is_approved is None:
        raise click.UsageError("Say --approve or --decline.")
    with services(context) as opened:
        found = opened.runs.find(tenant, run_id)
        opened.decisions.decide(found, is_approved=is_approved, reason=reason, actor=actor())
        _show(opened, tenant, run_id, as_json=as_json)


def _show(opened: Services, tenant: str, run_id: str, *, as_json: bool, has_output: bool = False) -> None:
    details: RunDetails = opened.runs.get(tenant, run_id)
    live: LiveTasks = opened.runs.tasks(details.run.verification)
    if as_json:
        print_json(_whole(details, live))
        return
    _print(details, live)
    if has_output:
        click.echo()
        print_json(details.result.output if details.result else None)


def _whole(details: RunDetails, live: LiveTasks) -> dict[str, Any]:
    result, document = details.result, details.document
    return _record(details.run) | {
        "claims": [_claim(each, details) for each in details.about],
        "history": [_change(each) for each in details.history],
        "output": result.output if result else None,
        "reasons": list(result.reasons) if result else None,
        "document": None if document is None else dict(document),
        "tasks": None if live.tasks is None else [_task(each) for each in live.tasks],
        "tasks unavailable": live.unavailable,
    }


def _print(details: RunDetails, live: LiveTasks) -> None:
    whole = _whole(details, live)
    joined = {name: ", ".join(whole[name] or ()) or None for name in ("tags", "reasons")}
    print_record({name: whole[name] for name in _record(details.run)} | joined)
    for name, columns, empty in (
        ("claims", ("claim", "sent as", "verified", "comparison", "value changed since"), "No claims."),
        ("history", ("at", "what", "from", "to", "cause", "by"), "Nothing has happened yet."),
        ("tasks", ("started", "task", "definition"), f"No tasks: {live.unavailable or 'none has started.'}"),
    ):
        click.echo()
        print_table(whole[name] or (), columns, empty=empty)


def _claim(about: VerificationClaim, details: RunDetails) -> dict[str, Any]:
    stands = next((claim for claim in details.claims if claim.uri == about.uri), None)
    return {
        "claim": about.uri,
        "sent as": about.applicant_field,
        "output pointer": about.output_pointer,
        "output as": about.output_role,
        "verified": bool(stands and stands.is_verified),
        "comparison": stands.verification_status if stands else None,
        "value changed since": about.is_stale,
    }


def _change(each: Change) -> dict[str, Any]:
    return {
        "at": _time(each.at),
        "what": each.name if each.subject in ("claim", "file") else each.subject,
        "from": each.previous,
        "to": each.current,
        "cause": each.cause,
        "by": each.actor,
        "detail": dict(each.detail),
    }


def _task(each: TaskSummary) -> dict[str, Any]:
    return {
        "started": _time(each.created_at),
        "task": each.task_id,
        "definition": each.task_def_id,
        "version": each.task_def_version,
        "updated": _time(each.updated_at),
    }


def _record(run: Run) -> dict[str, Any]:
    found = run.verification
    return {
        "verification": found.verification_id,
        "run": found.run_id,
        "status": found.status,
        "decision": found.decision,
        "user": found.user_id,
        "provider": found.provider_id,
        "applicant": found.applicant_id,
        "tags": list(run.tags),
        "capture": found.capture,
        "dashboard": found.dashboard_url,
        "created": _time(found.created_at),
        "completed": _time(found.completed_at),
        "closed": _time(found.closed_at),
        "failure": found.failure,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
