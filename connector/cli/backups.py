"""`connector backup` and `connector restore`: the whole database, as one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connector.cli.output import load_settings
from connector.private_file import make_data_dir

if TYPE_CHECKING:  # the use cases are imported when a command opens them
    from connector.services.backup import Backups

_file = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@_file
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@click.pass_context
def backup(context: click.Context, file: Path, overwrite: bool) -> None:
    """Copy the database, which may be in use, to FILE.

    The encryption keys are not included: the command names those that the copy needs; store them separately. For
    PostgreSQL it prints the command that does this, and copies nothing. A backup has no sessions of the console, and no
    requests, codes or tokens of OpenID clients: none that has ended since can come back.
    """
    backups = _backups(context)
    database = backups.database or _point_to_tools(backups.commands(file)[0])
    content = backups.write(database, file, overwrite=overwrite)
    click.echo(f"Copied {database} to {file} ({file.stat().st_size:,} bytes).")
    sources = backups.key_sources()
    if content.key_ids:
        click.echo("It can only be read with these encryption keys. Keep them in another place:")
    for key_id in content.key_ids:
        click.echo(f"  {key_id}  {sources.get(key_id, 'not configured here: its data cannot be read')}")


@click.command()
@_file
@click.option("--overwrite", is_flag=True, help="Replace a database that has data, or is in use.")
@click.pass_context
def restore(context: click.Context, file: Path, overwrite: bool) -> None:
    """Restore the database from FILE, which `connector backup` wrote.

    Its encryption keys must exist: no new one is created. Stop every process of the connector first, and start them
    afterwards. For PostgreSQL it prints the commands that do this, and restores nothing.
    """
    backups = _backups(context)
    database = backups.database or _point_to_tools(backups.commands(file)[1])
    if not (settings := load_settings(context)).database_url:
        make_data_dir(settings.data_dir)
    content = backups.restore(file, database, overwrite=overwrite)
    click.echo(f"Restored {database} from {file}; its last change: {content.changed_at or 'none'}.")
    click.echo("All console sessions have ended, and open requests of OpenID clients have to be made again.")


def _backups(context: click.Context) -> Backups:
    from connector.services.backup import Backups  # noqa: PLC0415  the commands that need no database start at once

    settings = load_settings(context)
    return Backups(settings.database, settings.encryption_keys, settings.data_dir)


def _point_to_tools(commands: Sequence[str]) -> Path:
    for command in commands:
        click.echo(command)
    raise click.ClickException("For PostgreSQL, use its own tools: run the commands printed above.")
