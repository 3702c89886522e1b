"""`connector jobs`: long work that the worker does: files, users' records, recovery."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from connector.cli.csv import filter_options
from connector.cli.files import STDOUT, check_target, force_option, write
from connector.cli.output import (
    ID,
    Command,
    actor,
    delivering_provider,
    labelled,
    print_json,
    print_record,
    provider_id,
    services,
    tenant_options,
    view_options,
)
from connector.cli.pages import page_options, print_page
from connector.cli.resending import print_preview
from connector.cli.since import SINCE
from connector.domain.deliveries import KINDS as DELIVERY_KINDS
from connector.domain.job_requests import csv_of, fetching_since, record_of, resending_since
from connector.domain.jobs import DONE, Job, JobRequest
from connector.domain.tenancy import Tenant

if TYPE_CHECKING:  # the use cases are imported when a command opens them: `serve` has to set up its metrics first
    from datetime import datetime

    from connector.bootstrap import Services

POLL = 0.5  # seconds between two checks
SHOWN_EVERY = 5.0  # seconds between two lines of progress
_COLUMNS = {"created": "createdAt", "kind": "kind", "state": "state", "done": "done", "total": "total", "job": "id"}
_SHOWN = {name: name for name in ("id", "kind", "state", "owner", "userId", "providerId", "done", "total", "failure")}
_SHOWN |= {name: name for name in ("createdAt", "startedAt", "endedAt", "expiresAt")}
_since = click.option("--since", required=True, type=SINCE, metavar="TIME", help="A date or date-time in UTC.")


@click.group()
def jobs() -> None:
    """Request long work, which the worker does, follow it, and fetch its result."""


def _asking(command: Command) -> Command:
    """Add the options of commands that request a job."""
    wait = click.option("--wait", "is_waiting", is_flag=True, help="Wait until the job has ended, and show progress.")
    key = click.option("--key", help="A repeated request with the same key returns the same job.")
    return key(wait(view_options(command)))


@jobs.command()
@filter_options
@click.option("--provider", help="Only this provider's, by its id or name.")
@_asking
def csv(
    context: click.Context,
    /,
    provider: str | None,
    key: str | None,
    is_waiting: bool,
    tenant: Tenant,
    as_json: bool,
    **query: str | None,
) -> None:
    """Request verifications as CSV."""
    with services(context) as opened:
        of_provider = provider_id(opened, tenant, provider) if provider else None
        _ask(opened, tenant, csv_of(query, of_provider), key, is_waiting=is_waiting, as_json=as_json)


@jobs.command()
@click.argument("user_id")
@_asking
def record(
    context: click.Context, user_id: str, key: str | None, is_waiting: bool, tenant: Tenant, as_json: bool
) -> None:
    """Request all stored data of a user, for a data-subject request."""
    with services(context) as opened:
        _ask(opened, tenant, record_of(user_id), key, is_waiting=is_waiting, as_json=as_json)


@jobs.command()
@_since
@click.option("--everything", "is_everything", is_flag=True, help="Every notice since then, including sent ones.")
@click.option("--endpoint", type=ID, help="Only this endpoint's.")
@click.option("--provider", help="Only this provider's: its name or id, or the id of a removed one.")
@click.option("--kind", type=click.Choice(DELIVERY_KINDS), help="Only this kind.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Only count the deliveries that would be repeated.")
@_asking
def resend(
    context: click.Context,
    since: datetime,
    is_everything: bool,
    endpoint: str | None,
    provider: str | None,
    kind: str | None,
    is_dry: bool,
    key: str | None,
    is_waiting: bool,
    tenant: Tenant,
    as_json: bool,
) -> None:
    """Repeat deliveries that became dead since a time, or every notice since then."""
    with services(context) as opened:
        if endpoint is not None:
            opened.endpoints.get(tenant, endpoint)
        of_provider = delivering_provider(opened, tenant, provider) if provider else None
        chosen: Any = {
            "is_everything": is_everything,
            "endpoint_id": endpoint,
            "kind": kind,
            "provider_id": of_provider,
        }
        if is_dry:
            print_preview(opened.deliveries.count_resent(tenant, since, **chosen), as_json=as_json)
        else:
            _ask(opened, tenant, resending_since(since, **chosen), key, is_waiting=is_waiting, as_json=as_json)


@jobs.command("fetch-runs")
@click.argument("provider", metavar="PROVIDER")
@_since
@_asking
def fetch_runs(
    context: click.Context,
    provider: str,
    since: datetime,
    key: str | None,
    is_waiting: bool,
    tenant: Tenant,
    as_json: bool,
) -> None:
    """Read a provider's runs since a time from Onfido, and apply missing results."""
    with services(context) as opened:
        asked = fetching_since(since, provider_id(opened, tenant, provider))
        _ask(opened, tenant, asked, key, is_waiting=is_waiting, as_json=as_json)


@jobs.command("list")
@page_options
@view_options
def list_(context: click.Context, limit: int, cursor: str | None, tenant: Tenant, as_json: bool) -> None:
    """List jobs, the latest first."""
    from connector.api.shapes.job import JobPageSchema, job_body, jobs_body  # noqa: PLC0415
    from connector.services.cursors import Page  # noqa: PLC0415

    with services(context) as opened:
        page = opened.jobs.page(tenant, limit=limit, cursor=cursor)
        views = [job_body(job, opened.jobs.state(job)) for job in page.rows]
    body = JobPageSchema().dump(jobs_body(Page(views, page.next_cursor)))
    rows = [labelled(each, _COLUMNS) for each in body["jobs"]]
    print_page(body, rows, tuple(_COLUMNS), empty="There is no job.", as_json=as_json)


@jobs.command()
@click.argument("job_id", type=ID)
@view_options
def show(context: click.Context, job_id: str, tenant: Tenant, as_json: bool) -> None:
    """Show a job with its progress."""
    with services(context) as opened:
        _print(_view(opened, opened.jobs.get(tenant, job_id)), as_json=as_json)


@jobs.command()
@click.argument("job_id", type=ID)
@view_options
def cancel(context: click.Context, job_id: str, tenant: Tenant, as_json: bool) -> None:
    """Cancel a job that has not ended; completed steps are not undone."""
    with services(context) as opened:
        _print(_view(opened, opened.jobs.cancel(tenant, job_id, actor())), as_json=as_json)


@jobs.command()
@click.argument("job_id", type=ID)
@click.option("--format", "result_format", help="json or html, for a user's record.")
@click.option("--output", "-o", default=STDOUT, help="The file to write; by default standard output.")
@force_option
@tenant_options
def result(
    context: click.Context, job_id: str, result_format: str | None, output: str, force: bool, tenant: Tenant
) -> None:
    """Download a job's result; the audit trail records it."""
    check_target(output, is_forced=force)
    with services(context) as opened:
        _, parts = opened.jobs.result(tenant, job_id, result_format, actor())
        write(output, (part.encode() for part in parts), is_forced=force)


def _ask(
    opened: Services, tenant: Tenant, asked: JobRequest, key: str | None, *, is_waiting: bool, as_json: bool
) -> None:
    job = opened.jobs.request(tenant, asked, actor(), key)
    if is_waiting:
        job = _wait(opened, tenant, job)
    _print(_view(opened, job), as_json=as_json)
    if is_waiting and job.state != DONE:
        raise click.ClickException(job.failure or f"The job was {job.state}.")


def _wait(opened: Services, tenant: Tenant, job: Job) -> Job:
    """Wait for the end; report a job without progress, because the worker may not run."""
    shown, look_again = None, time.monotonic() + SHOWN_EVERY
    while job.is_open:
        time.sleep(POLL)
        job = opened.jobs.get(tenant, job.job_id)
        if time.monotonic() >= look_again:
            hint = " (is `connector serve` or `connector worker` running?)" if job.updated_at == shown else ""
            click.echo(f"{job.state}: {_progress(job)}{hint}", err=True)
            shown, look_again = job.updated_at, time.monotonic() + SHOWN_EVERY
    return job


def _progress(job: Job) -> str:
    return f"{job.done} done" if job.total is None else f"{job.done} of {job.total}"


def _view(opened: Services, job: Job) -> Mapping[str, Any]:
    from connector.api.shapes.job import JobSchema, job_body  # noqa: PLC0415

    view: Mapping[str, Any] = JobSchema().dump(job_body(job, opened.jobs.state(job)))
    return view


def _print(view: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    counted = {f"{name} (summary)": number for name, number in view["summary"].items()}
    print_record(labelled(view, _SHOWN) | counted)
