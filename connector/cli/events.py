"""`connector events`: the events that Onfido posted, and their state."""

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
    """Show events from Onfido: applied, parked until the run is known, or noted without meaning for the connector."""


@events.command("list")
@click.option("--provider", help="Only this provider's, by its id or name.")
@click.option("--run", "runId", type=ID, help="Only this run's.")
@click.option("--verification", "verificationId", type=ID, help="Only this verification's.")
@click.option("--state", type=click.Choice(EVENT_STATES), help="Only in this state.")
@click.option("--kind", help="Only this kind, such as workflow_run.completed.")
@click.option("--from", "from", metavar="TIME", help="Not before: a date or date-time in UTC.")
@click.option("--to", "to", metavar="TIME", help="Before this time; a date includes that day.")
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
    from connector.api.shapes.event import EventPageSchema, event_filter, events_body  # noqa: PLC0415

    with services(context) as opened:
        of_provider = provider_id(opened, tenant, provider) if provider else None
        criteria = event_filter({**query, "providerId": of_provider})
        if is_watching:
            watch(_news(opened, tenant, criteria), _COLUMNS, as_json=as_json)
            return
        page = opened.event_lookup.page(tenant, criteria, limit=limit, cursor=cursor)
    body = EventPageSchema().dump(events_body(page))
    print_page(body, body["events"], _COLUMNS, empty="No event matches.", as_json=as_json)


@events.command()
@click.argument("event_id", type=ID)
@click.option("--body", "has_body", is_flag=True, help="Also print the body, which is personal; this is audited.")
@view_options
def show(context: click.Context, event_id: str, has_body: bool, tenant: Tenant, as_json: bool) -> None:
    """Show one event."""
    from connector.api.shapes.event import event_body  # noqa: PLC0415

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
    """Apply an event again; results that were already applied do not change."""
    from connector.api.shapes.event import event_body  # noqa: PLC0415

    with services(context) as opened:
        state = opened.event_lookup.replay(tenant, event_id, actor())
        view = event_body(opened.event_lookup.get(tenant, event_id))
    if as_json:
        print_json(view)
    else:
        click.echo(f"Replayed {event_id}: {state}.")


@events.command()
@click.option("--provider", help="Only this provider's, by its id or name.")
@view_options
def refused(context: click.Context, provider: str | None, tenant: Tenant, as_json: bool) -> None:
    """Report the number of refused posts, by provider and cause."""
    from connector.api.shapes.event import RefusedPageSchema, refused_body  # noqa: PLC0415

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
    """Yield the new events of each check, the oldest first."""
    from connector.api.shapes.event import event_body  # noqa: PLC0415

    seen: dict[str, str] = {}
    while True:
        latest = opened.event_lookup.page(tenant, criteria, limit=1000).rows
        fresh = [each for each in reversed(latest) if seen.get(each.event_id) != each.state]
        seen |= {each.event_id: each.state for each in fresh}
        yield [event_body(each) for each in fresh]
