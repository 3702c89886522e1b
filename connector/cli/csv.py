"""`connector verification export`: verifications as CSV."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from connector.cli.files import STDOUT, check_target, force_option, reporting_interruption, write
from connector.cli.options import with_options
from connector.cli.output import actor, services, tenant_options
from connector.cli.progress import counted, progress
from connector.domain.tenancy import Tenant
from connector.domain.verifications.verification_filter import read_filter

if TYPE_CHECKING:  # the use cases are imported when a command opens them: `serve` has to set up its metrics first
    from connector.services.lookup.verifications import ListedVerification

EVERY_ONE = 2**31 - 1  # an export reads all verifications, so it may also count them
filter_options = with_options(  # by their names in `read_filter`
    click.option("--status", help="Only these statuses, separated by commas."),
    click.option("--user", "userId", help="Only this user's."),
    click.option("--tag", help="Only with this tag."),
    click.option("--environment", help="Only this environment: sandbox or live."),
    click.option("--claim", help="Only with --result for the claim with this URI."),
    click.option("--result", help="The result for --claim, such as consider or not_compared."),
    click.option(
        "--needs-review", "needsReview", is_flag=True, flag_value="true", help="Only those that wait for a decision."
    ),
    click.option("--decision", help="approved, declined, none, or awaited: in Onfido's dashboard."),
    click.option("--capture", help="Only those captured with the sdk, or by a link."),
    click.option("--from", "from", metavar="TIME", help="Not started before: a date or date-time in UTC."),
    click.option("--to", "to", metavar="TIME", help="Started before this time; a date includes that day."),
)


@click.command()
@filter_options
@click.option("--output", "-o", default=STDOUT, help="The file to write; by default standard output.")
@force_option
@tenant_options
def export(context: click.Context, /, output: str, force: bool, tenant: Tenant, **query: str | None) -> None:
    """Write verifications as CSV, the oldest first.

    A file is written completely or not at all, and replaces an existing one only with --force. The audit trail
    records the export.
    """
    check_target(output, is_forced=force)
    from connector.api.csv_lines import csv_pieces  # noqa: PLC0415

    criteria = read_filter(query)
    is_shown = output == STDOUT and sys.stdout.isatty()  # a progress bar would be mixed with the output
    with services(context) as opened, reporting_interruption(output), ExitStack() as stack:
        opened.readings.record_export(tenant, criteria, actor())
        verifications: Iterator[ListedVerification] = opened.lookup.export(tenant, criteria)
        if not is_shown:
            number = opened.lookup.count(tenant, criteria, most=EVERY_ONE)
            advance = stack.enter_context(progress(number, "verifications"))
            verifications = counted(verifications, advance)
        write(output, (piece.encode() for piece in csv_pieces(verifications)), is_forced=force)
