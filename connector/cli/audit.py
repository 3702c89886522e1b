"""`connector audit`: who did what, when, to what and whom it concerns."""

from __future__ import annotations

from typing import Any

import click
import marshmallow as ma

from connector.api.cursors import Cursor
from connector.cli.output import print_json, print_table, services, view_options
from connector.domain.audit_filter import SUBJECTS, read_audit_filter
from connector.domain.tenancy import Tenant


class PageCursor(click.ParamType[int]):
    """The position of a page, as returned by the previous page."""

    name = "cursor"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the `nextCursor` of the previous page."""
        try:
            number: int = Cursor().deserialize(value)
        except ma.ValidationError:
            self.fail(f"{value} must be the nextCursor of an earlier page.", param, ctx)
        return number


@click.command()
@click.option("--user", "userId", help="Only what concerns this user.")
@click.option("--actor", help="Only what this actor did, named as in the list.")
@click.option("--subject", type=click.Choice(SUBJECTS), help="Only what was done to objects of this kind.")
@click.option("--object", "object", help="Only what was done to this one: a name or id.")
@click.option("--from", "from", metavar="TIME", help="Then or later: a date or date-time, UTC's.")
@click.option("--to", "to", metavar="TIME", help="Before then; of a date, that day included.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
@click.option("--cursor", type=PageCursor(), help="Go on behind an earlier page: its nextCursor.")
@view_options
def audit(
    context: click.Context,
    /,
    limit: int,
    cursor: int | None,
    tenant: Tenant,
    as_json: bool,
    **query: str | None,
) -> None:
    """List requests of people, and refusals, the latest first."""
    from connector.api.audit_shapes import AuditPageSchema, audit_body  # noqa: PLC0415

    criteria = read_audit_filter(query)
    with services(context) as opened:
        page = opened.audit.page(tenant, criteria, limit=limit, before=cursor)
    body = AuditPageSchema().dump(audit_body(page))
    if as_json:
        print_json(body)
        return
    columns = ("at", "actor", "subject", "name", "from", "to", "userId", "cause")
    print_table(body["entries"], columns, empty="Nothing matches.")
    if body["nextCursor"]:
        click.echo(f"… and more: see --limit, or --cursor {body['nextCursor']}", err=True)
