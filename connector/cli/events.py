"""`connector events`: what Onfido posted, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from connector.cli.output import ID, actor, print_json, print_record, provider_id, services, view_options
from connector.cli.pages import page_options, print_page
from connector.cli.watching import watch, watch_option
from connector.domain.events import EVENT_STATES, EventFilter, StoredEvent
from connector.domain.tenancy import Tenant

if TYPE_CHECKING:  # the use cases load when a command opens them: `serve` has to set up its metrics first
    from connector.bootstrap import Services

_COLUMNS = ("receivedAt", "kind", "state", "runId", "id")


@click.group()
def events() -> None:
    """Look at what Onfido posted: applied, parked until its run is known, or noted as meaning nothing here."""


@events.command("list")
@click.option("--provider", help="Of this provider only, by its id or name.")
@click.option("--run", "run_id", type=ID, help="Of this run only.")
@click.option("--state", type=click.Choice(EVENT_STATES), help="In this state only.")
@page_options
@watch_option
@view_options
def list_(
    context: click.Context,
    /,
    provider: str | None,
    run_id: str | None,
    state: str | None,
    limit: int,
    cursor: str | None,
    is_watching: bool,
    tenant: Tenant,
    as_json: bool,
) -> None:
    """List events, the latest first."""
    with services(context) as opened:
        of_provider = provider_id(opened, tenant, provider) if provider else None
        criteria = EventFilter(of_provider, run_id, state)
        if is_watching:
            watch(_news(opened, tenant, criteria), _COLUMNS, as_json=as_json)
            return
        page = opened.event_lookup.page(tenant, criteria, limit=limit, cursor=cursor)
    views = [_view(each) for each in page.rows]
    body = {"count": len(views), "events": views, "nextCursor": page.next_cursor}
    print_page(body, views, _COLUMNS, empty="Onfido has posted nothing that matches.", as_json=as_json)


@events.command()
@click.argument("event_id", type=ID)
@click.option("--body", "has_body", is_flag=True, help="Print the body as well, which is personal: that is audited.")
@view_options
def show(context: click.Context, event_id: str, has_body: bool, tenant: Tenant, as_json: bool) -> None:
    """Show one event."""
    with services(context) as opened:
        view = _view(opened.event_lookup.get(tenant, event_id))
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
    with services(context) as opened:
        state = opened.event_lookup.replay(tenant, event_id, actor())
        view = _view(opened.event_lookup.get(tenant, event_id))
    if as_json:
        print_json(view)
    else:
        click.echo(f"Replayed {event_id}: {state}.")


def _news(opened: Services, tenant: Tenant, criteria: EventFilter) -> Iterator[list[Mapping[str, Any]]]:
    """Return, again and again, the events that have come since, the first first."""
    seen: dict[str, str] = {}
    while True:
        latest = opened.event_lookup.page(tenant, criteria, limit=1000).rows
        fresh = [each for each in reversed(latest) if seen.get(each.event_id) != each.state]
        seen |= {each.event_id: each.state for each in fresh}
        yield [_view(each) for each in fresh]


def _view(event: StoredEvent) -> dict[str, Any]:
    return {
        "id": event.event_id,
        "providerId": event.provider_id,
        "kind": event.kind,
        "runId": event.run_id,
        "state": event.state,
        "receivedAt": f"{event.received_at:%Y-%m-%dT%H:%M:%SZ}",
        "hasBody": event.sealed_body is not None,
    }
