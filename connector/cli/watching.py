"""`--watch`: prints new entries, line by line, until it is interrupted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from connector.cli.refusals import plain

PAUSE = 1.0  # seconds between two checks

watch_option = click.option(
    "--watch", "is_watching", is_flag=True, help="Keep printing new entries until Ctrl-C; with --json, one per line."
)


def watch(news: Iterator[list[Mapping[str, Any]]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print the result of each check; the first one contains the existing entries."""
    try:
        for views in news:
            for view in views:
                print_line(view, columns, as_json=as_json)
            time.sleep(PAUSE)
    except KeyboardInterrupt:  # the intended end
        return


def print_line(view: Mapping[str, Any], columns: Sequence[str], *, as_json: bool) -> None:
    """Print one entry on one line, immediately."""
    if as_json:
        click.echo(json.dumps(view))
    else:
        click.echo("  ".join("-" if view[name] is None else plain(str(view[name])) for name in columns))
