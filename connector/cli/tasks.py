"""`connector verification task`: the tasks of a run that wait for the application."""

from __future__ import annotations

import json
from typing import TextIO

import click

from connector.cli.output import ID, actor, labelled, print_json, print_table, services, tenant_options, view_options
from connector.domain.tenancy import Tenant

# The labels, and the members of the API's view.
TASK = {"started": "createdAt", "task": "id", "definition": "taskDefId", "version": "taskDefVersion"}


@click.group()
def task() -> None:
    """List the tasks of a run, and complete them."""


@task.command("list")
@click.argument("run_id", type=ID)
@view_options
def list_(context: click.Context, run_id: str, tenant: Tenant, as_json: bool) -> None:
    """List the started tasks of a run, as Onfido has them now."""
    from connector.api.shapes.verification import TaskSchema  # noqa: PLC0415

    with services(context) as opened:
        views = TaskSchema(many=True).dump(opened.tasks.all(tenant, run_id))
    if as_json:
        print_json(views)
    else:
        print_table([labelled(each, TASK) for each in views], tuple(TASK), empty="No task has started.")


@task.command()
@click.argument("run_id", type=ID)
@click.argument("task_id", type=ID)
@click.option(
    "--data", "source", type=click.File(encoding="utf-8"), default="-", help="A JSON file; by default standard input."
)
@tenant_options
def complete(context: click.Context, run_id: str, task_id: str, source: TextIO, tenant: Tenant) -> None:
    """Complete a task with data: a JSON object or array, as its definition in Onfido Studio requires."""
    try:
        data = json.load(source)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter("must be JSON.", param_hint="--data") from error
    with services(context) as opened:
        opened.tasks.complete(tenant, run_id, task_id, data, actor=actor())
    click.echo(f"Completed {task_id}.")
