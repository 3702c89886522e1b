"""The preview before deliveries are repeated."""

from __future__ import annotations

import click

from connector.cli.output import print_json


def print_preview(count: int | None, *, as_json: bool) -> None:
    """Print how many deliveries would be repeated; None if there are very many."""
    from connector.api.shapes.delivery import preview_body  # noqa: PLC0415  loads the use cases

    body = preview_body(count)
    if as_json:
        print_json(body)
    elif count is None:
        click.echo(f"Very many would be repeated: more than {body['atMost']} would have to be examined.")
    else:
        click.echo(f"{count} would be repeated. Nothing was changed.")
