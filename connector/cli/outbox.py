"""`connector outbox`: queued and failed deliveries."""

from __future__ import annotations

from typing import Any

import click

from connector.cli.output import ID, actor, json_option, print_json, print_table, services


@click.group()
def outbox() -> None:
    """Manage deliveries; `dead` ones were tried too often, or can never succeed."""


@outbox.command("list")
@click.option("--dead", "only_dead", is_flag=True, help="Only those that are dead.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
@json_option
@click.pass_context
def list_(context: click.Context, only_dead: bool, limit: int, as_json: bool) -> None:
    """List undelivered rows, with the reason of the last failure."""
    with services(context) as opened:
        page = opened.outbox.page(("dead",) if only_dead else ("ready", "dead"), limit)
    rows = [_record(each) for each in page]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, ("id", "kind", "state", "attempts", "due", "last failure"), empty="The outbox is empty.")


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
        "due": row.due_at.isoformat(timespec="seconds"),
        "last failure": row.history[-1]["reason"] if row.history else None,
        "payload": dict(row.payload),
        "history": list(row.history),
    }
