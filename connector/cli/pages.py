"""Options and output of paged lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from connector.cli.output import print_json, print_table

_OPTIONS = (
    click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The maximum number."),
    click.option("--cursor", help="Continue after an earlier page: its nextCursor."),
)


def page_options(command: Any) -> Any:
    """Add the options that select a page: `limit` and `cursor`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def print_page(
    body: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, empty: str, as_json: bool
) -> None:
    """Print a page's body as JSON, or its rows as a table, and the cursor of the next page."""
    if as_json:
        print_json(body)
        return
    print_table(rows, columns, empty=empty)
    print_next(body["nextCursor"])


def print_next(next_cursor: str | None) -> None:
    """Print the cursor of the next page, if there is one."""
    if next_cursor is not None:
        click.echo(f"… and more: use --limit, or --cursor {next_cursor}", err=True)
