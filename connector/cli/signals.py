"""`connector signals`: the streams that notify other systems of changes of assurance."""

from __future__ import annotations

from typing import Any

import click

from connector.cli.output import (
    ID,
    actor,
    print_json,
    print_record,
    print_table,
    services,
    tenant_options,
    view_options,
)
from connector.domain.signals import DISABLED, ENABLED, MAX_TEXT, PAUSED
from connector.domain.tenancy import Tenant

_COLUMNS = (
    *("stream_id", "client", "status", "delivery", "subjects", "waiting", "delivered_at", "failures"),
    *("last_failure", "description"),
)

_stream = click.argument("stream_id", metavar="STREAM", type=ID)
_reason = click.option("--reason", help="The reason that is sent to its receiver.")


@click.group()
def signals() -> None:
    """Manage the streams that notify other systems of changes of assurance."""


@signals.command("list")
@view_options
def list_(context: click.Context, /, tenant: Tenant, as_json: bool) -> None:
    """List the streams with the state of their deliveries."""
    from connector.signals.report_shapes import reports_body  # noqa: PLC0415  loads the use cases: see `services`

    with services(context) as opened:
        listed = reports_body(opened.signal_streams.reports(tenant), tenant.signals)
    if as_json:
        print_json(listed)
    else:
        rows = [each | {"delivery": each["delivery"]["method"]} for each in listed["streams"]]
        print_table(rows, _COLUMNS, empty="There is no stream.")


@signals.command()
@_stream
@view_options
def show(context: click.Context, /, stream_id: str, tenant: Tenant, as_json: bool) -> None:
    """Show a stream."""
    from connector.signals.report_shapes import report_body  # noqa: PLC0415

    with services(context) as opened:
        view = report_body(opened.signal_streams.report(tenant, stream_id), tenant.signals)
    if as_json:
        print_json(view)
    else:
        print_record({name: _text(value) for name, value in view.items()})


@signals.command()
@_stream
@tenant_options
def verify(context: click.Context, /, stream_id: str, tenant: Tenant) -> None:
    """Send a verification event over a stream."""
    with services(context) as opened:
        opened.signal_streams.verify(tenant, stream_id)
    click.echo(f"A verification event of {stream_id} is queued.")


@signals.command()
@_stream
@tenant_options
def enable(context: click.Context, /, stream_id: str, tenant: Tenant) -> None:
    """Enable a stream: the events that it kept while paused are delivered."""
    _switch(context, tenant, stream_id, ENABLED, None)


@signals.command()
@_stream
@_reason
@tenant_options
def pause(context: click.Context, /, stream_id: str, reason: str | None, tenant: Tenant) -> None:
    """Pause a stream: it keeps its events."""
    _switch(context, tenant, stream_id, PAUSED, reason)


@signals.command()
@_stream
@_reason
@click.confirmation_option(prompt="Disable it, and drop its queued events?")
@tenant_options
def disable(context: click.Context, /, stream_id: str, reason: str | None, tenant: Tenant) -> None:
    """Disable a stream: its events are dropped."""
    _switch(context, tenant, stream_id, DISABLED, reason)


@signals.command()
@_stream
@click.confirmation_option(prompt="Remove it, with its queued events?")
@tenant_options
def remove(context: click.Context, /, stream_id: str, tenant: Tenant) -> None:
    """Remove a stream; nothing is delivered to it afterwards."""
    with services(context) as opened:
        opened.signal_streams.remove(tenant, stream_id, actor=actor())
    click.echo(f"Removed {stream_id}.")


def _switch(context: click.Context, tenant: Tenant, stream_id: str, status: str, reason: str | None) -> None:
    if reason is not None and len(reason) > MAX_TEXT:
        raise click.BadParameter(f"must have at most {MAX_TEXT} characters", param_hint="--reason")
    with services(context) as opened:
        opened.signal_streams.switch(tenant, stream_id, status, reason, actor=actor())
    click.echo(f"{stream_id} is {status}.")


def _text(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else value
