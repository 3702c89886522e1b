"""Refusals on the command line: one line that names what was typed, or one object as the API's."""

from __future__ import annotations

import re
from typing import IO, Any

import click
from click.core import ParameterSource
from sqlalchemy.exc import SQLAlchemyError

from connector.domain.text import is_label, json_text
from connector.errors import Code, ConnectorError, DatabaseUnavailable, InvalidField, InvalidQuery

_OPTIONS = {"idVProviderId": "provider", "outputClaims": "studio"}  # the options that have other names than the fields


def of_database(error: SQLAlchemyError, reason: str) -> str:
    """Return what an error of the database means, and what to do."""
    if isinstance(error, DatabaseUnavailable):
        return f"The database is unavailable: {reason}. Check `database_url`, the server and its disk, then try again."
    return f"The database refused: {reason}"


class Refused(click.ClickException):
    """An error of a use case."""

    def __init__(self, error: ConnectorError, context: click.Context) -> None:
        super().__init__(plain(_description(error, context)))
        self.code = _code_of(error, context.command_path)


def _description(error: ConnectorError, context: click.Context) -> str:
    """Return the description; it names the option that was typed, if one of the called command sets the field."""
    if isinstance(error, InvalidField):
        field, _, member = error.where.removeprefix("configProperties.").partition(".")
        if option := _option_of(field, context):
            return f"{': '.join(filter(None, (option, member, error.why)))}."
    return error.description


def _option_of(field: str, context: click.Context) -> str | None:
    """Return the option of the called command that sets a field of the API, if possible one that was typed."""
    name = _OPTIONS.get(field) or re.sub("[A-Z]", lambda capital: f"-{capital[0].lower()}", field).replace("_", "-")
    options = {f"--{each}" for each in (name, f"api-{name}", name.removesuffix("s"))}
    setting = [each for each in context.command.params if options.intersection(each.opts)]
    setting.sort(key=lambda each: context.get_parameter_source(str(each.name)) is not ParameterSource.COMMANDLINE)
    return setting[0].opts[0] if setting else None


def _code_of(error: ConnectorError, command_path: str) -> Code | None:
    """Return the code with which the API answers such an error; None if it has none."""
    if not isinstance(error, InvalidField):
        return getattr(error, "code", None)
    if "user" in command_path.split():
        return Code.CLAIM_INVALID
    return Code.PROVIDER_LIST_INVALID if isinstance(error, InvalidQuery) else Code.PROVIDER_INVALID


class JsonError(click.ClickException):
    """An error in the API's format: its code, the code's meaning, and the cause.

    An error that the API does not have, such as wrong usage, has the code `CLI-<exit status>`.
    """

    def __init__(self, error: click.ClickException) -> None:
        super().__init__(error.format_message())
        self.exit_code = error.exit_code  # type: ignore[misc]  # as each of click's own has it
        known: Code | None = getattr(error, "code", None)
        own = f"CLI-{self.exit_code}", "Wrong usage" if isinstance(error, click.UsageError) else "The command failed"
        self._code, self._meaning = own if known is None else (known, known.message)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print one object on standard error."""
        view = {"code": self._code, "message": self._meaning, "description": self.message}
        click.echo(json_text(view, indent=2), file=file, err=file is None)


def plain(text: str) -> str:
    """Escape characters that would forge lines or control the terminal."""
    return text if is_label(text) else "".join(each if is_label(each) else _code(each) for each in text)


def _code(character: str) -> str:
    return ascii(character)[1:-1]
