"""`connector example`: the example files that come with the connector."""

from __future__ import annotations

import click

from connector.shipped import example_files


@click.command()
@click.argument("name", type=click.Choice(sorted(example_files())))
def example(name: str) -> None:
    """Print an example: settings, a dialect of claims or of a directory, or what a provider may use of Studio."""
    click.echo(example_files()[name].read_text(encoding="utf-8"), nl=False)
