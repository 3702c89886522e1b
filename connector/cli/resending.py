"""What is printed before deliveries are made again."""

from __future__ import annotations

import click

from connector.cli.output import print_json


def print_preview(count: int | None, *, as_json: bool) -> None:
    """Print how many deliveries would be made again; None if they are very many."""
    from connector.api.delivery_shapes import preview_body  # noqa: PLC0415  loads the use cases

    body = preview_body(count)
    if as_json:
        print_json(body)
    elif count is None:
        click.echo(f"Very many would be made again: more than {body['atMost']} have to be looked at.")
    else:
        click.echo(f"{count} would be made again. Nothing was changed.")
