"""`connector audit`: who did what, when, to what and whom it concerns."""

from __future__ import annotations

import click

from connector.cli.output import services, view_options
from connector.cli.pages import page_options, print_page
from connector.domain.audit_filter import SUBJECTS, read_audit_filter
from connector.domain.tenancy import Tenant


@click.command()
@click.option("--user", "userId", help="Only what concerns this user.")
@click.option("--actor", help="Only what this actor did, named as in the list.")
@click.option("--subject", type=click.Choice(SUBJECTS), help="Only what was done to objects of this kind.")
@click.option("--object", "object", help="Only what was done to this one: a name or id.")
@click.option("--from", "from", metavar="TIME", help="Then or later: a date or date-time, UTC's.")
@click.option("--to", "to", metavar="TIME", help="Before then; of a date, that day included.")
@page_options
@view_options
def audit(
    context: click.Context,
    /,
    limit: int,
    cursor: str | None,
    tenant: Tenant,
    as_json: bool,
    **query: str | None,
) -> None:
    """List requests of people, and refusals, the latest first."""
    from connector.api.audit_shapes import AuditPageSchema, audit_body  # noqa: PLC0415

    criteria = read_audit_filter(query)
    with services(context) as opened:
        page = opened.audit.page(tenant, criteria, limit=limit, cursor=cursor)
    body = AuditPageSchema().dump(audit_body(page))
    columns = ("at", "actor", "subject", "name", "from", "to", "userId", "cause")
    print_page(body, body["entries"], columns, empty="Nothing matches.", as_json=as_json)
