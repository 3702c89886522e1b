"""Options and output of the lists that come page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from connector.cli.output import print_json, print_table

_OPTIONS = (
    click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many."),
    click.option("--cursor", help="Go on behind an earlier page: its nextCursor."),
)


def page_options(command: Any) -> Any:
    """Add the options that choose a page: `limit` and `cursor`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def print_page(
    body: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, empty: str, as_json: bool
) -> None:
    """Print a page's body as JSON, or its rows as a table, and how to go on."""
    if as_json:
        print_json(body)
        return
    print_table(rows, columns, empty=empty)
    print_next(body["nextCursor"])


def print_next(next_cursor: str | None) -> None:
    """Print how to go on, where there are more."""
    if next_cursor is not None:
        click.echo(f"… and more: see --limit, or --cursor {next_cursor}", err=True)
