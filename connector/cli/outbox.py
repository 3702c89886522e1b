"""`connector outbox`: queued and failed deliveries."""

from __future__ import annotations

import click

from connector.cli.output import ID, actor, any_tenant_option, json_option, labelled, print_json, print_table, services
from connector.cli.pages import page_options, print_next
from connector.domain.deliveries import DeliveryFilter
from connector.domain.tenancy import Tenant

_LABELS = {name: name for name in ("id", "kind", "state", "attempts", "tenant")}
_LABELS |= {"due": "dueAt", "last failure": "lastFailure"}


@click.group()
def outbox() -> None:
    """Manage deliveries of all tenants; `dead` ones were tried too often, or can never succeed."""


@outbox.command("list")
@click.option("--dead", "only_dead", is_flag=True, help="Only those that are dead.")
@page_options
@any_tenant_option
@json_option
@click.pass_context
def list_(
    context: click.Context,
    only_dead: bool,
    limit: int,
    cursor: str | None,
    tenant: Tenant | None,
    as_json: bool,
) -> None:
    """List undelivered rows, with the reason of the last failure."""
    from connector.api.delivery_shapes import delivery_body  # noqa: PLC0415  loads the use cases: see `services`

    states = ("dead",) if only_dead else ("ready", "dead")
    with services(context) as opened:
        page = opened.deliveries.page(tenant, DeliveryFilter(states), limit=limit, cursor=cursor)
    views = [delivery_body(each) for each in page.rows]
    if as_json:
        print_json(views)
    else:
        print_table([labelled(each, _LABELS) for each in views], tuple(_LABELS), empty="The outbox is empty.")
    print_next(page.next_cursor)


@outbox.command()
@click.argument("delivery_id", type=ID)
@any_tenant_option
@click.pass_context
def retry(context: click.Context, delivery_id: str, tenant: Tenant | None) -> None:
    """Deliver again, now, with the full number of attempts."""
    with services(context) as opened:
        opened.deliveries.retry(tenant, delivery_id, actor())
    click.echo(f"{delivery_id} is due now.")


@outbox.command()
@click.argument("delivery_id", type=ID)
@any_tenant_option
@click.confirmation_option(prompt="Drop it undelivered?")
@click.pass_context
def drop(context: click.Context, delivery_id: str, tenant: Tenant | None) -> None:
    """Remove a delivery without making it."""
    with services(context) as opened:
        opened.deliveries.drop(tenant, delivery_id, actor())
    click.echo(f"Dropped {delivery_id}.")
