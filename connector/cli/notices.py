"""`connector notices`: where applications are notified, and how that goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click
import marshmallow as ma

from connector.cli.output import (
    ID,
    actor,
    labelled,
    print_json,
    print_record,
    print_table,
    provider_id,
    services,
    tenant_options,
    view_options,
)
from connector.cli.pages import page_options, print_page
from connector.cli.resending import print_preview
from connector.domain.deliveries import DeliveryFilter
from connector.domain.notices import EVENTS, EndpointConfig
from connector.domain.tenancy import Tenant

_COLUMNS = ("id", "url", "events", "providerId", "isEnabled", "failuresInARow")
_ATTEMPTS = {name: name for name in ("id", "kind", "state", "attempts")}
_ATTEMPTS |= {"created": "createdAt", "last failure": "lastFailure"}

_endpoint = click.argument("endpoint_id", metavar="ENDPOINT", type=ID)
_events = click.option("--event", "events", multiple=True, type=click.Choice(EVENTS), help="Of this event; repeatable.")
_tasks = click.option("--task", "tasks", multiple=True, help="Of tasks of this definition; repeatable.")
_secret = click.option("--secret", envvar="NOTICE_SECRET", help="What signs; NOTICE_SECRET. Without one it is made.")


@click.group()
def notices() -> None:
    """Manage the endpoints at which applications are notified."""


@notices.command()
@click.argument("url")
@_events
@_tasks
@click.option("--provider", help="Of this provider only, by its id or name.")
@_secret
@view_options
def add(
    context: click.Context,
    /,
    url: str,
    events: tuple[str, ...],
    tasks: tuple[str, ...],
    provider: str | None,
    secret: str | None,
    tenant: Tenant,
    as_json: bool,
) -> None:
    """Register an endpoint, and print its secret, which is not shown again."""
    from connector.api.notice_shapes import endpoint_body  # noqa: PLC0415  loads the use cases: see `services`

    with services(context) as opened:
        of_provider = provider_id(opened, tenant, provider) if provider else None
        config = EndpointConfig(url, events, of_provider, tasks)
        endpoint, made = opened.endpoints.add(tenant, config, secret, actor())
    _print(endpoint_body(endpoint, made), as_json=as_json)


@notices.command("list")
@view_options
def list_(context: click.Context, /, tenant: Tenant, as_json: bool) -> None:
    """List the endpoints."""
    from connector.api.notice_shapes import endpoint_body  # noqa: PLC0415

    with services(context) as opened:
        views = [endpoint_body(each) for each in opened.endpoints.all(tenant)]
    if as_json:
        print_json({"count": len(views), "endpoints": views})
    else:
        rows = [each | {"events": ", ".join(each["events"])} for each in views]
        print_table(rows, _COLUMNS, empty="No application is notified.")


@notices.command()
@_endpoint
@click.option("--url", help="Where to.")
@_events
@_tasks
@click.option("--enable/--disable", "is_enabled", default=None, help="Whether notices are sent to it.")
@view_options
def update(
    context: click.Context,
    /,
    endpoint_id: str,
    url: str | None,
    events: tuple[str, ...],
    tasks: tuple[str, ...],
    is_enabled: bool | None,
    tenant: Tenant,
    as_json: bool,
) -> None:
    """Change an endpoint; what is not given stays."""
    from connector.api.notice_shapes import endpoint_body  # noqa: PLC0415

    given = {"url": url, "events": events or None, "tasks": tasks or None, "is_enabled": is_enabled}
    with services(context) as opened:
        known = opened.endpoints.get(tenant, endpoint_id).config
        changes: Any = {name: value for name, value in given.items() if value is not None}
        endpoint = opened.endpoints.change(tenant, endpoint_id, replace(known, **changes), actor())
    _print(endpoint_body(endpoint), as_json=as_json)


@notices.command()
@_endpoint
@click.confirmation_option(prompt="Remove it, with the notices that are queued for it?")
@tenant_options
def remove(context: click.Context, /, endpoint_id: str, tenant: Tenant) -> None:
    """Remove an endpoint; nothing is sent to it afterwards."""
    with services(context) as opened:
        opened.endpoints.remove(tenant, endpoint_id, actor())
    click.echo(f"Removed {endpoint_id}.")


@notices.command("rotate-secret")
@_endpoint
@_secret
@view_options
def rotate_secret(
    context: click.Context, /, endpoint_id: str, secret: str | None, tenant: Tenant, as_json: bool
) -> None:
    """Replace an endpoint's secret and print it; the one before signs as well until the overlap ends."""
    from connector.api.notice_shapes import endpoint_body  # noqa: PLC0415

    with services(context) as opened:
        endpoint, made = opened.endpoints.rotate_secret(tenant, endpoint_id, secret, actor())
    _print(endpoint_body(endpoint, made), as_json=as_json)


@notices.command()
@_endpoint
@view_options
def test(context: click.Context, /, endpoint_id: str, tenant: Tenant, as_json: bool) -> None:
    """Send a notice of the type `test` now; exit with 1 where it is not taken."""
    from connector.api.notice_shapes import tested_body  # noqa: PLC0415

    with services(context) as opened:
        view = tested_body(*opened.endpoints.test(tenant, endpoint_id, actor()))
    _print(view, as_json=as_json)
    if view["problem"] is not None:
        context.exit(1)


@notices.command()
@_endpoint
@page_options
@view_options
def attempts(
    context: click.Context, /, endpoint_id: str, limit: int, cursor: str | None, tenant: Tenant, as_json: bool
) -> None:
    """List the deliveries to an endpoint, the latest first, with their attempts."""
    from connector.api.delivery_shapes import delivery_body  # noqa: PLC0415

    with services(context) as opened:
        opened.endpoints.get(tenant, endpoint_id)
        criteria = DeliveryFilter(endpoint_id=endpoint_id)
        page = opened.deliveries.page(tenant, criteria, limit=limit, cursor=cursor)
    views = [delivery_body(each) for each in page.rows]
    body = {"count": len(views), "deliveries": views, "nextCursor": page.next_cursor}
    rows = [labelled(each, _ATTEMPTS) for each in views]
    print_page(body, rows, tuple(_ATTEMPTS), empty="Nothing was sent to it yet.", as_json=as_json)


@notices.command()
@click.argument("delivery_id", metavar="DELIVERY", type=ID)
@tenant_options
def resend(context: click.Context, /, delivery_id: str, tenant: Tenant) -> None:
    """Send a notice again, with its id, also one that was taken."""
    with services(context) as opened:
        opened.deliveries.retry(tenant, delivery_id, actor())
    click.echo(f"{delivery_id} is due now.")


@notices.command()
@_endpoint
@click.option("--since", required=True, help="A date or a time, in UTC where it names no zone.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Only count what would be sent again.")
@view_options
def recover(
    context: click.Context, /, endpoint_id: str, since: str, is_dry: bool, tenant: Tenant, as_json: bool
) -> None:
    """Send all notices to an endpoint since a time again, with their ids."""
    from connector.api.notice_shapes import read_since  # noqa: PLC0415

    try:
        at = read_since(since)
    except ma.ValidationError as error:
        raise click.BadParameter(
            "must be a date or a time, such as 2026-01-31T09:30:00Z", param_hint="since"
        ) from error
    with services(context) as opened:
        if is_dry:
            opened.endpoints.get(tenant, endpoint_id)
            count = opened.deliveries.count_resent(tenant, at, is_everything=True, endpoint_id=endpoint_id)
            print_preview(count, as_json=as_json)
            return
        opened.endpoints.recover(tenant, endpoint_id, at, actor())
    click.echo(f"The notices since {at:%Y-%m-%dT%H:%M:%SZ} are queued again.")


def _print(view: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(view)
    else:
        print_record({name: ", ".join(value) if isinstance(value, list) else value for name, value in view.items()})
