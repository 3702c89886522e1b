"""`connector verification`: list, show, refresh and decide verifications."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from connector.cli import evidence
from connector.cli.csv import export, filter_options
from connector.cli.output import (
    ID,
    Command,
    actor,
    labelled,
    print_json,
    print_record,
    print_table,
    services,
    view_options,
)
from connector.cli.pages import page_options, print_next
from connector.cli.tasks import TASK, task
from connector.cli.watching import watch, watch_option
from connector.cli.what_if import dry_run
from connector.domain.audit.history import Change
from connector.domain.tenancy import Tenant
from connector.domain.verifications.reasons import reason_of_claim, reason_of_run
from connector.domain.verifications.verification import VerificationFilter
from connector.domain.verifications.verification_filter import FALLING, RISING, read_filter

if TYPE_CHECKING:  # the use cases are imported when a command opens them: `serve` has to set up its metrics first
    from connector.bootstrap import Services

# The labels, and the members of the API's view.
_VERIFICATION = {
    "verification": "id",
    "run": "runId",
    "status": "status",
    "decision": "decision",
    "user": "userId",
    "provider": "providerId",
    "applicant": "applicantId",
    "tags": "tags",
    "capture": "capture",
    "environment": "environment",
    "application": "clientId",
    "workflow version": "workflowVersionId",
    "dashboard": "dashboardUrl",
    "created": "createdAt",
    "captured": "capturedAt",
    "completed": "completedAt",
    "closed": "closedAt",
    "failure": "failure",
}
_CLAIM = {
    "claim": "uri",
    "sent as": "sentAs",
    "verified": "isVerified",
    "comparison": "verificationStatus",
    "value changed since": "valueChanged",
    "meaning": "meaning",
}
_CHANGE = {"at": "at", "what": "subject", "name": "name", "from": "from", "to": "to", "cause": "cause", "by": "actor"}

_REFUSAL = {name: name for name in ("at", "code", "message", "claims", "providerId", "actor")}

WATCHED_AT_ONCE = 1000  # the latest verifications, among which --watch searches for new ones
_WATCHED = ("updatedAt", "userId", "status", "runId", "id")

_with_output = click.option("--output", "has_output", is_flag=True, help="Also print the workflow's output.")


@click.group()
def verification() -> None:
    """List and show verifications, and decide on them."""


for command in (
    export,
    evidence.timeline,
    evidence.evidence,
    evidence.pictures,
    evidence.delivery_proof,
    task,
    dry_run,
):
    verification.add_command(command)


@verification.command("list")
@filter_options
@click.option(
    "--sort", type=click.Choice((RISING, FALLING)), default=FALLING, show_default=True, help="The order, by start time."
)
@page_options
@watch_option
@view_options
def list_(
    context: click.Context,
    /,
    sort: str,
    limit: int,
    cursor: str | None,
    is_watching: bool,
    tenant: Tenant,
    as_json: bool,
    **query: str | None,
) -> None:
    """List verifications, the latest first; with --user, also the refused starts."""
    from connector.api.shapes.verification import VerificationListSchema, page_body  # noqa: PLC0415

    criteria, user_id = read_filter(query), query["userId"]
    with services(context) as opened:
        if is_watching:
            watch(_news(opened, tenant, criteria), _WATCHED, as_json=as_json)
            return
        page = opened.lookup.page(tenant, criteria, limit=limit, cursor=cursor, is_rising=sort == RISING)
        of_user = None if user_id is None else _of_user(opened, tenant, user_id)
    body = VerificationListSchema().dump(page_body(page, offset=0 if cursor is None else None, of_user=of_user))
    if as_json:
        print_json(body)
    else:
        _print_list(body, user_id)


def _news(opened: Services, tenant: Tenant, criteria: VerificationFilter) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the verifications that were started or changed since the check before, the oldest first."""
    from connector.api.shapes.verification import VerificationSchema  # noqa: PLC0415

    seen: dict[str, str] = {}
    while True:
        page = opened.lookup.page(tenant, criteria, limit=WATCHED_AT_ONCE).rows
        views = [VerificationSchema().dump(each) for each in reversed(page)]
        fresh = [view for view in views if seen.get(view["id"]) != view["status"]]
        seen |= {view["id"]: view["status"] for view in fresh}
        yield fresh


def _of_user(opened: Services, tenant: Tenant, user_id: str) -> tuple[list[Change], Change | None]:
    statuses = opened.user_statuses
    return statuses.refusals(tenant, user_id), statuses.removal(tenant, user_id)


def _print_list(body: Mapping[str, Any], user_id: str | None) -> None:
    rows = [labelled(each, _VERIFICATION) for each in body["verifications"]]
    print_table(rows, ("created", "user", "status", "run", "verification"), empty="No verification was started.")
    print_next(body["nextCursor"])
    if refusals := body.get("refusals"):
        click.echo("\nRefused starts:")
        print_table([labelled(each, _REFUSAL) for each in refusals], tuple(_REFUSAL), empty="")
    if removal := body.get("userRemoved"):
        click.echo(f"\nThe user {user_id} was removed at {removal['at']} by {removal['actor']}.")


def _run_options(command: Command) -> Command:
    return click.argument("run_id", type=ID)(_with_output(view_options(command)))


@verification.command()
@_run_options
def show(context: click.Context, run_id: str, has_output: bool, tenant: Tenant, as_json: bool) -> None:
    """Show a verification, by its run's id or its own, with its claims and its tasks at Onfido."""
    with services(context) as opened:
        _show(opened, tenant, run_id, as_json=as_json, has_output=has_output)


@verification.command()
@_run_options
def refresh(context: click.Context, run_id: str, has_output: bool, tenant: Tenant, as_json: bool) -> None:
    """Ask Onfido for a run, apply its answer, and show it."""
    with services(context) as opened:
        opened.lookup.refresh(tenant, run_id)
        _show(opened, tenant, run_id, as_json=as_json, has_output=has_output)


@verification.command()
@click.argument("run_id", type=ID)
@click.option("--approve/--decline", "is_approved", default=None, help="The decision (required).")
@click.option("--reason", required=True, help="The reason, for the history.")
@view_options
def decide(
    context: click.Context, run_id: str, is_approved: bool | None, reason: str, tenant: Tenant, as_json: bool
) -> None:
    """Decide on a run that ended in review, and show it; an approval verifies the claims compared as clear."""
    if is_approved is None:
        raise click.UsageError("Use --approve or --decline.")
    with services(context) as opened:
        verification = opened.lookup.find(tenant, run_id)
        opened.decisions.decide(verification, is_approved=is_approved, reason=reason, actor=actor())
        _show(opened, tenant, run_id, as_json=as_json)


@verification.command()
@click.argument("run_id", type=ID)
@view_options
def explain(context: click.Context, run_id: str, tenant: Tenant, as_json: bool) -> None:
    """Explain in steps the verification's result for each of its claims."""
    from connector.api.shapes.explanation import ExplanationSchema, explanation_body  # noqa: PLC0415

    with services(context) as opened:
        view = ExplanationSchema().dump(explanation_body(*opened.lookup.explain(tenant, run_id)))
    if as_json:
        print_json(view)
        return
    for each in view["claims"]:
        click.echo(f"{each['uri']}: {each['result'] or 'no result yet'}{', verified' if each['isVerified'] else ''}")
        for step in each["steps"]:
            click.echo(f"  {'*' if step['applies'] else '-'} {step['text']}")


def _show(opened: Services, tenant: Tenant, run_id: str, *, as_json: bool, has_output: bool = False) -> None:
    from connector.api.shapes.verification import VerificationDetailsSchema, details_body  # noqa: PLC0415

    is_whole = as_json or has_output
    details = (
        opened.evidence.details.show(tenant, run_id, actor=actor()) if is_whole else opened.lookup.get(tenant, run_id)
    )
    view = VerificationDetailsSchema().dump(details_body(details, opened.lookup.tasks(details.listed.verification)))
    if as_json:
        print_json(view)
        return
    _print(view)
    if has_output:
        click.echo()
        print_json(view["output"])


def _print(view: Mapping[str, Any]) -> None:
    meaning = reason_of_run(view["status"], view["decision"], is_replaced=not view["needsReview"]).administrator
    print_record(labelled({**view, "meaning": meaning}, _VERIFICATION | {"meaning": "meaning", "reasons": "reasons"}))
    view = {**view, "claims": [_with_meaning(each) for each in view["claims"]]}
    tasks = f"No tasks: {view['tasksUnavailable'] or 'none has started.'}"
    for name, labels, empty in (
        ("claims", _CLAIM, "No claims."),
        ("history", _CHANGE, "There is no entry yet."),
        ("tasks", TASK, tasks),
    ):
        click.echo()
        print_table([labelled(each, labels) for each in view[name] or ()], tuple(labels), empty=empty)


def _with_meaning(claim: Mapping[str, Any]) -> Mapping[str, Any]:
    reason = reason_of_claim(claim["verificationStatus"], is_verified=bool(claim["isVerified"]))
    return {**claim, "meaning": reason.administrator}
