"""`connector outbox`: queued and failed deliveries."""

from __future__ import annotations

from dataclasses import replace

import click

from connector.cli.output import (
    ID,
    actor,
    any_tenant_option,
    delivering_provider,
    json_option,
    labelled,
    print_json,
    print_table,
    services,
    view_options,
)
from connector.cli.pages import page_options, print_page
from connector.domain.deliveries import KINDS, DeliveryFilter
from connector.domain.tenancy import Tenant

_LABELS = {name: name for name in ("id", "kind", "state", "attempts", "tenant")}
_LABELS |= {"due": "dueAt", "last failure": "lastFailure"}
_COUNTS = ("kind", "ready", "done", "dead")
_provider = click.option("--provider", help="Only this provider's: its name or id, or the id of a removed one.")


@click.group()
def outbox() -> None:
    """Manage deliveries of all tenants; `dead` ones had too many attempts, or a permanent failure."""


@outbox.command("list")
@click.option("--dead", "only_dead", is_flag=True, help="Only dead ones.")
@click.option("--kind", type=click.Choice(KINDS), help="Only this kind.")
@_provider
@page_options
@any_tenant_option
@json_option
@click.pass_context
def list_(
    context: click.Context,
    only_dead: bool,
    kind: str | None,
    provider: str | None,
    limit: int,
    cursor: str | None,
    tenant: Tenant | None,
    as_json: bool,
) -> None:
    """List undelivered rows, with the reason of the last failure; with --kind or --provider those of --tenant."""
    from connector.api.shapes.delivery import DeliveryPageSchema, deliveries_body  # noqa: PLC0415  see `services`

    criteria = DeliveryFilter(("dead",) if only_dead else ("ready", "dead"), kind=kind)
    if tenant is None and (kind or provider):
        raise click.UsageError("--kind and --provider filter the deliveries of one tenant: name it with --tenant.")
    with services(context) as opened:
        if tenant is not None and provider is not None:
            criteria = replace(criteria, provider_id=delivering_provider(opened, tenant, provider))
        page = opened.deliveries.page(tenant, criteria, limit=limit, cursor=cursor)
    body = DeliveryPageSchema().dump(deliveries_body(page))
    rows = [labelled(each, _LABELS) for each in body["deliveries"]]
    print_page(body, rows, tuple(_LABELS), empty="The outbox is empty.", as_json=as_json)


@outbox.command()
@_provider
@view_options
def counts(context: click.Context, /, provider: str | None, tenant: Tenant, as_json: bool) -> None:
    """Count a tenant's deliveries by kind and state, each up to 1000."""
    from connector.api.shapes.delivery import kind_counts_body  # noqa: PLC0415  loads the use cases: see `services`

    with services(context) as opened:
        of_provider = delivering_provider(opened, tenant, provider) if provider else None
        body = kind_counts_body(opened.deliveries.count_by_kind(tenant, of_provider))
    if as_json:
        print_json(body)
    else:
        print_table(body["kinds"], _COUNTS, empty="The outbox is empty.")


@outbox.command()
@click.argument("delivery_id", type=ID)
@any_tenant_option
@click.pass_context
def retry(context: click.Context, delivery_id: str, tenant: Tenant | None) -> None:
    """Deliver again now, with the full number of attempts."""
    with services(context) as opened:
        opened.deliveries.retry(tenant, delivery_id, actor())
    click.echo(f"{delivery_id} is due now.")


@outbox.command()
@click.argument("delivery_id", type=ID)
@any_tenant_option
@click.confirmation_option(prompt="Drop it undelivered?")
@click.pass_context
def drop(context: click.Context, delivery_id: str, tenant: Tenant | None) -> None:
    """Drop a delivery: it is not attempted any more."""
    with services(context) as opened:
        opened.deliveries.drop(tenant, delivery_id, actor())
    click.echo(f"Dropped {delivery_id}.")
