"""`connector example`: the included example files."""

from __future__ import annotations

import click

from connector.shipped import example_files


@click.command()
@click.argument("name", type=click.Choice(sorted(example_files())))
def example(name: str) -> None:
    """Print an example: settings, a dialect of claims or of a directory, or a provider's `studio`."""
    click.echo(example_files()[name].read_text(encoding="utf-8"), nl=False)
