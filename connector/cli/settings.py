"""`connector settings`: the settings in force, each with its source, and the running processes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from connector.cli.output import json_option, load_settings, print_json, print_table, services
from connector.settings.shown import shown


@click.command("settings")
@click.option("--changed", "only_changed", is_flag=True, help="Only those that are not the default.")
@json_option
@click.pass_context
def settings(context: click.Context, only_changed: bool, as_json: bool) -> None:
    """Show the settings as a process would read them now, and the processes that run."""
    from connector.api.shapes.operator import SettingsInForceSchema, settings_body  # noqa: PLC0415

    read = load_settings(context)
    known = [each for each in shown(read) if not only_changed or each.source != "default"]
    with services(context) as opened:
        processes = opened.processes.running()
    body = SettingsInForceSchema().dump(settings_body(datetime.now(UTC), known, processes, read.warnings()))
    if as_json:
        print_json(body)
    else:
        _print(body)


def _print(body: dict[str, Any]) -> None:
    print_table(body["settings"], ("name", "value", "source"), empty="Every setting has its default.")
    click.echo("\nProcesses:")
    print_table(body["processes"], ("role", "host", "number", "startedAt", "seenAt"), empty="No process is running.")
    for warning in body["warnings"]:
        click.echo(f"Warning: {warning}", err=True)
