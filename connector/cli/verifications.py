"""`connector verification`: look at what was started and what came of it."""

from __future__ import annotations

from typing import Any

import click

from connector.cli.output import json_option, print_json, print_record, print_table, services, tenant_option
from connector.domain.verification import RunFilter


@click.group()
def verification() -> None:
    """Look at verifications."""


@verification.command("list")
@click.option("--user", "user_id", help="Of this user only.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
@tenant_option
@json_option
@click.pass_context
def list_(context: click.Context, user_id: str | None, limit: int, tenant: str, as_json: bool) -> None:
    """List verifications, the latest first."""
    with services(context) as opened:
        found, _ = opened.runs.page(tenant, RunFilter(user_id=user_id), limit=limit)
        rows = [_record(each.verification) for each in found]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, ("created", "user", "status", "run", "verification"), empty="No verification was started.")


@verification.command()
@click.argument("run_id")
@tenant_option
@json_option
@click.pass_context
def show(context: click.Context, run_id: str, tenant: str, as_json: bool) -> None:
    """Show a verification, by its run's id or its own, and how its claims stand."""
    with services(context) as opened:
        details = opened.runs.get(tenant, run_id)
    found, about = details.run.verification, details.about
    changes = [_change(each) for each in details.history]
    stand = {claim.uri: claim for claim in details.claims}
    rows = [
        {
            "claim": each.uri,
            "sent as": each.applicant_field,
            "verified": bool((claim := stand.get(each.uri)) and claim.is_verified),
            "comparison": claim.verification_status if claim else None,
            "value changed since": each.is_stale,
        }
        for each in about
    ]
    if as_json:
        print_json(_record(found) | {"claims": rows, "history": changes})
        return
    print_record(_record(found))
    click.echo()
    print_table(rows, ("claim", "sent as", "verified", "comparison", "value changed since"), empty="No claims.")
    click.echo()
    print_table(changes, ("at", "what", "from", "to", "cause", "by"), empty="Nothing has happened yet.")


def _change(each: Any) -> dict[str, Any]:
    return {
        "at": _time(each.at),
        "what": each.name if each.subject == "claim" else each.subject,
        "from": each.previous,
        "to": each.current,
        "cause": each.cause,
        "by": each.actor,
    }


def _record(found: Any) -> dict[str, Any]:
    return {
        "verification": found.verification_id,
        "run": found.run_id,
        "status": found.status,
        "user": found.user_id,
        "provider": found.provider_id,
        "applicant": found.applicant_id,
        "created": _time(found.created_at),
        "completed": _time(found.completed_at),
        "closed": _time(found.closed_at),
        "failure": found.failure,
    }


def _time(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
