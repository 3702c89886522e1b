"""The options of `connector provider add` and `update`, and the files that some of them name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
import marshmallow as ma
from click.core import ParameterSource

from connector.api.shapes.studio import StudioSchema, read_studio
from connector.cli.options import WholeNumber, with_options
from connector.cli.output import json_option, tenant_option
from connector.domain.studio.studio import Studio
from connector.shipped import dialect_files

_TOKEN, _CLIENT = ("api_token",), ("client_id", "client_secret")  # either kind of credentials
REGIONS = {name: f"https://api.{name}.onfido.com/v3.6" for name in ("eu", "us", "ca")}


class ClaimMapping(click.ParamType[tuple[str, str]]):
    """`local claim=applicant field`."""

    name = "claim=field"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split at the last equals sign: a claim's URI may contain one."""
        uri, separator, applicant_field = str(value).rpartition("=")
        if not (separator and uri and applicant_field):
            self.fail(f"must be claim=field, such as givenname=first_name, not {value}.", param, ctx)
        return uri, applicant_field


def read_dialect(_context: click.Context, parameter: click.Parameter, name: str | None) -> dict[str, str]:
    """Read a claim dialect, by its name or from a file: a JSON object from local claims to applicant fields."""
    known = dialect_files()
    path = known.get(name or "", Path(name or ""))
    if name and name not in known and not path.is_file():
        raise click.BadParameter(f"{name} must be a file, or one of {', '.join(known)}.", param=parameter)
    claims = _read_json(path, parameter) if name else {}
    if not (isinstance(claims, dict) and all(isinstance(value, str) for value in claims.values())):
        raise click.BadParameter(f"{path} must be an object from claims to applicant fields.", param=parameter)
    return claims


def read_studio_file(_context: click.Context, parameter: click.Parameter, path: Path | None) -> Studio | None:
    """Read the used features of Onfido Studio: a JSON object as in the HTTP API (see `config/studio.json`)."""
    if path is None:
        return None
    try:
        return read_studio(StudioSchema().load(_read_json(path, parameter)))
    except ma.ValidationError as error:
        complaints = "; ".join(_complaints(error.messages))
        raise click.BadParameter(f"{path}: {complaints}", param=parameter) from error


def _read_json(path: Path, parameter: click.Parameter) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise click.BadParameter(f"{path} must be a readable file of JSON.", param=parameter) from error


def _complaints(messages: Any, *path: str) -> Iterator[str]:
    if isinstance(messages, dict):
        for name, nested in messages.items():
            yield from _complaints(nested, *path, *([] if name == "_schema" else [str(name)]))
    else:
        yield ": ".join(filter(None, (".".join(path), ", ".join(messages))))


configuration = with_options(  # of `add` and `update`
    click.option("--name", help="Its name, unique in the tenant."),
    click.option("--description", help="Its purpose."),
    click.option("--workflow-id", help="The workflow's id, from Onfido Studio."),
    click.option(
        "--region", type=click.Choice(sorted(REGIONS), case_sensitive=False), help="Onfido's region (default eu)."
    ),
    click.option("--base-url", help="The API's address, instead of --region."),
    click.option("--api-token", envvar="ONFIDO_API_TOKEN", help="The API token; better: ONFIDO_API_TOKEN."),
    click.option("--client-id", envvar="ONFIDO_CLIENT_ID", help="An OAuth 2 client, not a token; ONFIDO_CLIENT_ID."),
    click.option("--client-secret", envvar="ONFIDO_CLIENT_SECRET", help="The client's secret; ONFIDO_CLIENT_SECRET."),
    click.option("--webhook-token", envvar="ONFIDO_WEBHOOK_TOKEN", help="The webhook's token; ONFIDO_WEBHOOK_TOKEN."),
    click.option("--notice-secret", envvar="NOTICE_SECRET", help="The signing secret of notices; NOTICE_SECRET."),
    click.option(
        "--claims",
        "dialect",
        metavar="NAME|FILE",
        callback=read_dialect,
        help=f"A claim dialect: {', '.join(dialect_files())}, or a JSON file.",
    ),
    click.option(
        "--claim",
        "mappings",
        multiple=True,
        type=ClaimMapping(),
        help="One additional claim.",
    ),
    click.option(
        "--studio",
        type=click.Path(path_type=Path),
        callback=read_studio_file,
        help="The used features of Studio: a JSON file.",
    ),
    click.option(
        "--max-attempts", type=WholeNumber(), help="Verifications a user may start within the window (default 5)."
    ),
    click.option("--attempt-window", type=WholeNumber(), help="The window in seconds (default 86400)."),
    click.option("--missing-name", help="For a person with only one name: repeat, or a placeholder; empty: none."),
    click.option("--image", help="The logo of the user's page: an https URL or a path."),
    click.option("--accent-color", help="The colour of the user's page, such as #2450c8; empty: none."),
    tenant_option,
    json_option,
)


def configured(
    context: click.Context, given: Mapping[str, Any], known_claims: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the fields of a `ProviderConfig` for a command's options.

    Credentials on the command line take precedence over those of the other kind in the environment. A dialect replaces
    the known claims; single claims are added to them or removed from them.
    """
    fields = dict(given)
    for mine, others in (_TOKEN, _CLIENT), (_CLIENT, _TOKEN):
        if any(_is_typed(context, name) for name in mine):
            fields |= {name: None for name in others if not _is_typed(context, name)}
    region, dialect, mappings = (fields.pop(name) for name in ("region", "dialect", "mappings"))
    removed = fields.pop("removed_claims", ())
    fields["claims"] = _claims(dialect, dict(mappings), removed, known_claims)
    if fields["base_url"] is None:
        fields["base_url"] = REGIONS.get(region)
    named = {name: value for name, value in fields.items() if value is not None}
    return named | {name: None for name in ("missing_name", "accent_color") if named.get(name) == ""}


def _claims(
    dialect: Mapping[str, str], mappings: Mapping[str, str], removed: Sequence[str], known: Mapping[str, str]
) -> dict[str, str] | None:
    """Return the claims after applying a command's options; None if it changes none."""
    if not (dialect or mappings or removed):
        return None
    claims = {**(dialect or known), **mappings}
    if missing := [uri for uri in removed if uri not in claims]:
        raise click.BadParameter(f"{missing[0]} must be a claim that the provider maps.", param_hint="--remove-claim")
    return {uri: applicant_field for uri, applicant_field in claims.items() if uri not in removed}


def _is_typed(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE
