"""The output of the command line: errors as one line, results as a table for people or JSON for scripts."""

from __future__ import annotations

import getpass
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import structlog
from sqlalchemy.exc import SQLAlchemyError

from connector import settings
from connector.cli.refusals import JsonError, Refused, of_database, plain
from connector.domain.ids import UUID, normal_id
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.domain.text import json_text
from connector.errors import ConnectorError
from connector.settings import Settings
from connector.settings.tenancy import read_tenants

if TYPE_CHECKING:
    from connector.bootstrap import Services

_NO_TEXT = "An argument, or a variable of the environment, has bytes that are no text: it must be in UTF-8."
_MARKS = {True: "ok", False: "failed", None: "-"}


class Group(click.Group):
    """A group of commands whose errors are one line, or with `--json` one object, and an exit status."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Record `--json` before a command is found, so that an unknown command is also reported as JSON."""
        context.meta[_JSON] = "--json" in args
        return super().parse_args(context, args)

    def invoke(self, context: click.Context) -> Any:
        """Run a command."""
        _replace_unencodable()
        try:
            return self._invoke(context)
        except click.ClickException as error:
            if context.meta.get(_JSON):
                raise JsonError(error) from error
            raise

    def _invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except ConnectorError as error:
            raise Refused(error, context.meta.get(_CALLED, context)) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            raise click.ClickException(f"{error.filename or 'The system'}: {error.strerror or error}.") from error
        except UnicodeEncodeError as error:  # Python keeps bytes that are no text as lone surrogates
            raise click.ClickException(_NO_TEXT) from error
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0].rstrip(".")
            raise click.ClickException(of_database(error, reason)) from error


class _Id(click.ParamType[str]):
    """An id; a UUID is accepted in upper and lower case."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id in its stored form."""
        return normal_id(str(value))


ID = _Id()


def _replace_unencodable() -> None:
    """Print characters that the terminal's encoding lacks as question marks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


Command = Callable[..., Any]


def _read_tenant(context: click.Context, _option: click.Parameter, name: str) -> Tenant:
    if not name:
        raise click.BadParameter("must not be empty: name a tenant, or leave the option out.")
    return read_tenants(load_settings(context)).named(name)


def _read_any_tenant(context: click.Context, option: click.Parameter, name: str | None) -> Tenant | None:
    return None if name is None else _read_tenant(context, option, name)


tenant_option = click.option(
    "--tenant", default=DEFAULT_TENANT, show_default=True, callback=_read_tenant, help="The tenant."
)
any_tenant_option = click.option("--tenant", callback=_read_any_tenant, help="Only this tenant's.")
_JSON = "connector.cli.json"  # in a context's `meta`: errors are also printed as JSON
_CALLED = "connector.cli.called"  # in the same: the context of the command that has opened the use cases


def _note_json(context: click.Context, _option: click.Parameter, is_given: bool) -> bool:
    context.meta[_JSON] = is_given
    return is_given


json_option = click.option(
    "--json", "as_json", is_flag=True, is_eager=True, callback=_note_json, help="Print JSON, including errors."
)


provider_argument = click.argument("provider", metavar="PROVIDER")  # by its id or its name


def tenant_options(command: Command) -> Command:
    """Add the tenant's option to a command that also gets the context."""
    return tenant_option(click.pass_context(command))


def view_options(command: Command) -> Command:
    """Add the options of a command that prints a tenant's records and also gets the context."""
    return tenant_option(json_option(click.pass_context(command)))


def provider_id(opened: Services, tenant: Tenant, id_or_name: str) -> str:
    """Return the id of the provider that a command names."""
    provider_id: str = opened.providers.named(tenant, id_or_name).provider_id
    return provider_id


def delivering_provider(opened: Services, tenant: Tenant, id_or_name: str) -> str:
    """Return the id of the provider whose deliveries a command selects; they outlive it, so any UUID is accepted."""
    return normal_id(id_or_name) if UUID.fullmatch(id_or_name) else provider_id(opened, tenant, id_or_name)


def actor() -> str:
    """Return the name of the operator, for the history."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user may have no name
        return f"cli:{os.getuid()}"


def load_settings(context: click.Context, **overrides: Any) -> Settings:
    """Read the settings from `--config` and the environment."""
    config: Path | None = context.find_root().obj
    return settings.load(config, os.environ, **overrides)


@contextmanager
def services(context: click.Context) -> Iterator[Services]:
    """Open the use cases on the configured database."""
    from connector.bootstrap import create_services  # noqa: PLC0415  the commands that need no database start at once
    from connector.services import origin  # noqa: PLC0415

    context.meta[_CALLED] = context
    with (
        logs_to_stderr(),
        origin.through(origin.COMMAND_LINE),
        closing(create_services(load_settings(context))) as opened,
    ):
        yield opened


@contextmanager
def logs_to_stderr() -> Iterator[None]:
    """Keep stdout for the output: warnings go to stderr; everything below is dropped."""
    before = structlog.get_config()
    structlog.reset_defaults()  # the processors of a server's log need its loggers
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def print_json(value: Any) -> None:
    """Print one JSON document; in ASCII if the terminal's encoding lacks characters."""
    is_utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
    click.echo(json_text(value, indent=2) if is_utf8 else json.dumps(value, indent=2))


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, empty: str) -> None:
    """Print rows under a heading, or `empty` if there are none."""
    if not rows:
        click.echo(empty)
        return
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(row[at]) for row in [list(columns), *cells]) for at in range(len(columns))]
    for row in [[column.upper() for column in columns], *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_record(record: Mapping[str, Any]) -> None:
    """Print one object, a line for each of its fields."""
    width = max(len(name) for name in record)
    for name, value in record.items():
        click.echo(f"{name.ljust(width)}  {_cell(value)}")


def labelled(view: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """Return members of an API view under labels for people; a list becomes one text."""
    values = ((label, view[name]) for label, name in labels.items())
    return {label: ", ".join(value) or None if isinstance(value, list) else value for label, value in values}


def print_marked(rows: Sequence[tuple[bool | str | None, str, str]]) -> None:
    """Print a line for each check: its result in a word, its name, and its details."""
    width = max(len(name) for _, name, _ in rows)
    for passed, name, detail in rows:
        mark = passed if isinstance(passed, str) else _MARKS[passed]
        click.echo(f"{mark:7} {name.ljust(width)}  {plain(detail)}")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(str(value))
