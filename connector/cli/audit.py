"""`connector audit`: the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from connector.cli.files import check_target, force_option, reporting_interruption, write
from connector.cli.options import with_options
from connector.cli.output import actor, services, view_options
from connector.cli.pages import page_options, print_page
from connector.domain.audit.audit_filter import SUBJECTS, read_audit_filter
from connector.domain.audit.history import OUTCOMES
from connector.domain.tenancy import Tenant

if TYPE_CHECKING:
    from connector.bootstrap import Services
    from connector.domain.audit.history import AuditFilter

_filter_options = with_options(
    click.option("--user", "userId", help="Only entries about this user."),
    click.option("--actor", "actor_", help="Only entries of this actor, named as in the list."),
    click.option("--subject", type=click.Choice(SUBJECTS), help="Only entries about objects of this kind."),
    click.option("--object", "object", help="Only entries about this object: a name or id."),
    click.option("--action", help="Only entries with this action, as in TO: changed, removed."),
    click.option("--outcome", type=click.Choice(tuple(OUTCOMES)), help="Only completed actions, or only refusals."),
    click.option("--channel", help="Only entries of this channel: api, console, cli, onfido or worker."),
    click.option("--from", "from", metavar="TIME", help="Not before: a date or date-time in UTC."),
    click.option("--to", "to", metavar="TIME", help="Before this time; a date includes that day."),
)
_COLUMNS = ("at", "actor", "subject", "name", "from", "to", "userId", "cause")
_SENTENCES = ("at", "channel", "sentence")


@click.command()
@_filter_options
@click.option("--sentences", "has_sentences", is_flag=True, help="Print each entry as a sentence.")
@click.option("--csv", "output", metavar="FILE", help="Write all matching entries as CSV, to a file or to `-`.")
@force_option
@page_options
@view_options
def audit(
    context: click.Context,
    /,
    limit: int,
    cursor: str | None,
    tenant: Tenant,
    as_json: bool,
    has_sentences: bool,
    output: str | None,
    force: bool,
    actor_: str | None,
    **query: str | None,
) -> None:
    """List requests of people, and refusals, the latest first."""
    criteria = read_audit_filter({**query, "actor": actor_})
    if output is not None:
        check_target(output, is_forced=force)
        with services(context) as opened:
            _export(opened, tenant, criteria, output, is_forced=force)
        return
    with services(context) as opened:
        body = _page(opened, tenant, criteria, limit, cursor)
    columns = _SENTENCES if has_sentences else _COLUMNS
    print_page(body, body["entries"], columns, empty="No entry matches.", as_json=as_json)


def _page(opened: Services, tenant: Tenant, criteria: AuditFilter, limit: int, cursor: str | None) -> Mapping[str, Any]:
    from connector.api.shapes.audit import AuditPageSchema, audit_body  # noqa: PLC0415

    page = opened.audit.page(tenant, criteria, limit=limit, cursor=cursor)
    body: Mapping[str, Any] = AuditPageSchema().dump(audit_body(page))
    return body


def _export(opened: Services, tenant: Tenant, criteria: AuditFilter, output: str, *, is_forced: bool) -> None:
    from connector.api.audit_csv import audit_pieces  # noqa: PLC0415

    opened.readings.record_audit_export(tenant, criteria, actor())
    pieces = audit_pieces(opened.audit.export(tenant, criteria))
    with reporting_interruption(output):
        write(output, (piece.encode() for piece in pieces), is_forced=is_forced)
