"""`connector events`: what Onfido posted, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from connector.cli.output import ID, actor, print_json, print_record, print_table, provider_id, services, view_options
from connector.cli.pages import page_options, print_page
from connector.cli.watching import watch, watch_option
from connector.domain.events import EVENT_STATES, EventFilter
from connector.domain.tenancy import Tenant

if TYPE_CHECKING:  # the use cases load when a command opens them: `serve` has to set up its metrics first
    from connector.bootstrap import Services

_COLUMNS = ("receivedAt", "kind", "state", "delaySeconds", "runId", "id")


@click.group()
def events() -> None:
    """Look at what Onfido posted: applied, parked until its run is known, or noted as meaning nothing here."""


@events.command("list")
@click.option("--provider", help="Of this provider only, by its id or name.")
@click.option("--run", "runId", type=ID, help="Of this run only.")
@click.option("--verification", "verificationId", type=ID, help="Of this verification only.")
@click.option("--state", type=click.Choice(EVENT_STATES), help="In this state only.")
@click.option("--kind", help="Of this kind only, such as workflow_run.completed.")
@click.option("--from", "from", metavar="TIME", help="Then or later: a date or date-time, UTC's.")
@click.option("--to", "to", metavar="TIME", help="Before then; of a date, that day included.")
@page_options
@watch_option
@view_options
def list_(
    context: click.Context,
    /,
    provider: str | None,
    limit: int,
    cursor: str | None,
    is_watching: bool,
    tenant: Tenant,
    as_json: bool,
    **query: str | None,
) -> None:
    """List events, the latest first."""
    from connector.api.event_shapes import EventPageSchema, event_filter, events_body  # noqa: PLC0415

    with services(context) as opened:
        of_provider = provider_id(opened, tenant, provider) if provider else None
        criteria = event_filter({**query, "providerId": of_provider})
        if is_watching:
            watch(_news(opened, tenant, criteria), _COLUMNS, as_json=as_json)
            return
        page = opened.event_lookup.page(tenant, criteria, limit=limit, cursor=cursor)
    body = EventPageSchema().dump(events_body(page))
    print_page(body, body["events"], _COLUMNS, empty="Onfido has posted nothing that matches.", as_json=as_json)


@events.command()
@click.argument("event_id", type=ID)
@click.option("--body", "has_body", is_flag=True, help="Print the body as well, which is personal: that is audited.")
@view_options
def show(context: click.Context, event_id: str, has_body: bool, tenant: Tenant, as_json: bool) -> None:
    """Show one event."""
    from connector.api.event_shapes import event_body  # noqa: PLC0415

    with services(context) as opened:
        view = event_body(opened.event_lookup.get(tenant, event_id))
        body = json.loads(opened.event_lookup.body(tenant, event_id, actor())) if has_body else None
    if as_json:
        print_json(view | ({"body": body} if has_body else {}))
        return
    print_record(view)
    if has_body:
        click.echo()
        print_json(body)


@events.command()
@click.argument("event_id", type=ID)
@view_options
def replay(context: click.Context, event_id: str, tenant: Tenant, as_json: bool) -> None:
    """Apply an event again; what was applied already stays as it is."""
    from connector.api.event_shapes import event_body  # noqa: PLC0415

    with services(context) as opened:
        state = opened.event_lookup.replay(tenant, event_id, actor())
        view = event_body(opened.event_lookup.get(tenant, event_id))
    if as_json:
        print_json(view)
    else:
        click.echo(f"Replayed {event_id}: {state}.")


@events.command()
@click.option("--provider", help="Of this provider only, by its id or name.")
@view_options
def refused(context: click.Context, provider: str | None, tenant: Tenant, as_json: bool) -> None:
    """Report how many posts were refused, by provider and cause."""
    from connector.api.event_shapes import RefusedPageSchema, refused_body  # noqa: PLC0415

    with services(context) as opened:
        of_provider = provider_id(opened, tenant, provider) if provider else None
        counts = opened.event_lookup.refused(tenant, of_provider)
    body = RefusedPageSchema().dump(refused_body(counts))
    if as_json:
        print_json(body)
    else:
        columns = ("providerName", "cause", "number", "firstAt", "lastAt")
        print_table(body["refused"], columns, empty="No post was refused.")


def _news(opened: Services, tenant: Tenant, criteria: EventFilter) -> Iterator[list[Mapping[str, Any]]]:
    """Return, again and again, the events that have come since, the first first."""
    from connector.api.event_shapes import event_body  # noqa: PLC0415

    seen: dict[str, str] = {}
    while True:
        latest = opened.event_lookup.page(tenant, criteria, limit=1000).rows
        fresh = [each for each in reversed(latest) if seen.get(each.event_id) != each.state]
        seen |= {each.event_id: each.state for each in fresh}
        yield [event_body(each) for each in fresh]
