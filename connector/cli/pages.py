"""Options and output of lists: whole ones, and pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from connector.cli.options import WholeNumber, with_options
from connector.cli.output import print_json, print_table

page_options = with_options(  # `limit` and `cursor`
    click.option("--limit", default=50, show_default=True, type=WholeNumber(1, 10_000), help="The maximum number."),
    click.option("--cursor", help="Continue after an earlier page: its nextCursor."),
)


def print_all(
    name: str, views: Sequence[Mapping[str, Any]], columns: Sequence[str], *, empty: str, as_json: bool
) -> None:
    """Print a whole list: as JSON with its number, or as a table in which the items of a list are joined."""
    if as_json:
        print_json({"count": len(views), name: views})
    else:
        print_table([{column: _joined(each[column]) for column in columns} for each in views], columns, empty=empty)


def _joined(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


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
