"""Options and words of the lists that come page by page."""

from __future__ import annotations

from typing import Any

import click

_OPTIONS = (
    click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many."),
    click.option("--cursor", help="Go on behind an earlier page: its nextCursor."),
)


def page_options(command: Any) -> Any:
    """Add the options that choose a page: `limit` and `cursor`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def print_next(next_cursor: str | None) -> None:
    """Print how to go on, where there are more."""
    if next_cursor is not None:
        click.echo(f"… and more: see --limit, or --cursor {next_cursor}", err=True)
