"""`connector outbox`: queued and failed deliveries."""

from __future__ import annotations

from typing import Any

import click

from connector.cli.output import ID, actor, json_option, labelled, print_json, print_table, services
from connector.cli.pages import page_options, print_next

_LABELS = {name: name for name in ("id", "kind", "state", "attempts")} | {"due": "dueAt", "last failure": "lastFailure"}


@click.group()
def outbox() -> None:
    """Manage deliveries; `dead` ones were tried too often, or can never succeed."""


@outbox.command("list")
@click.option("--dead", "only_dead", is_flag=True, help="Only those that are dead.")
@page_options
@json_option
@click.pass_context
def list_(context: click.Context, only_dead: bool, limit: int, cursor: str | None, as_json: bool) -> None:
    """List undelivered rows, with the reason of the last failure."""
    with services(context) as opened:
        page = opened.delivery_lookup.page(("dead",) if only_dead else ("ready", "dead"), limit=limit, cursor=cursor)
    rows = [_record(each) for each in page.rows]
    if as_json:
        print_json(rows)
    else:
        print_table([labelled(each, _LABELS) for each in rows], tuple(_LABELS), empty="The outbox is empty.")
    print_next(page.next_cursor)


@outbox.command()
@click.argument("delivery_id", type=ID)
@click.pass_context
def retry(context: click.Context, delivery_id: str) -> None:
    """Deliver again, now, with the full number of attempts."""
    with services(context) as opened:
        opened.outbox.retry(delivery_id, actor())
    click.echo(f"{delivery_id} is due now.")


@outbox.command()
@click.argument("delivery_id", type=ID)
@click.confirmation_option(prompt="Drop it undelivered?")
@click.pass_context
def drop(context: click.Context, delivery_id: str) -> None:
    """Remove a delivery without making it."""
    with services(context) as opened:
        opened.outbox.drop(delivery_id, actor())
    click.echo(f"Dropped {delivery_id}.")


def _record(row: Any) -> dict[str, Any]:
    return {
        "id": row.delivery_id,
        "kind": row.kind,
        "state": row.state,
        "attempts": row.attempts,
        "dueAt": f"{row.due_at:%Y-%m-%dT%H:%M:%SZ}",
        "lastFailure": row.history[-1]["reason"] if row.history else None,
        "payload": {_camel(name): value for name, value in row.payload.items()},
        "history": list(row.history),
    }


def _camel(name: str) -> str:
    """Return the name that the API gives to a field."""
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))
