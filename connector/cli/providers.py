"""`connector provider`: register identity verification providers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from connector.cli.output import (
    actor,
    json_option,
    load_settings,
    print_json,
    print_record,
    print_table,
    services,
    tenant_option,
)
from connector.domain.provider import (
    DEFAULT_ATTEMPT_WINDOW,
    DEFAULT_BASE_URL,
    DEFAULT_MAX_ATTEMPTS,
    Provider,
    ProviderConfig,
    setup_guide,
)

_REGIONS = {name: f"https://api.{name}.onfido.com/v3.6" for name in ("eu", "us", "ca")}


class ClaimMapping(click.ParamType[tuple[str, str]]):
    """`local claim=applicant field`."""

    name = "claim=field"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split at the last equals sign: a claim's URI may hold one."""
        uri, separator, applicant_field = str(value).rpartition("=")
        if not (separator and uri and applicant_field):
            self.fail(f"{value} is not of the form claim=field, such as givenname=first_name.", param, ctx)
        return uri, applicant_field


def _dialect(_context: click.Context, parameter: click.Parameter, path: Path | None) -> dict[str, str]:
    """Read a claim dialect: a JSON object from local claims to applicant fields (see `config/claims`)."""
    if path is None:
        return {}
    try:
        claims = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{path} cannot be read as JSON.", param=parameter) from error
    if not (isinstance(claims, dict) and all(isinstance(value, str) for value in claims.values())):
        raise click.BadParameter(f"{path} has to be an object from claims to applicant fields.", param=parameter)
    return claims


def _common(command: Any) -> Any:
    for option in reversed(
        (
            click.option("--name", help="Its name, unique in the tenant."),
            click.option("--description", help="What it is for."),
            click.option("--workflow-id", help="The workflow's id, from Onfido Studio."),
            click.option("--region", type=click.Choice(sorted(_REGIONS)), help="Onfido's region (default eu)."),
            click.option("--base-url", help="The API's address, in place of --region."),
            click.option("--api-token", envvar="ONFIDO_API_TOKEN", help="The API token; better: ONFIDO_API_TOKEN."),
            click.option(
                "--webhook-token", envvar="ONFIDO_WEBHOOK_TOKEN", help="The webhook's token; ONFIDO_WEBHOOK_TOKEN."
            ),
            click.option(
                "--claims", "dialect", type=click.Path(path_type=Path), callback=_dialect, help="A JSON file."
            ),
            click.option("--claim", "mappings", multiple=True, type=ClaimMapping(), help="One claim; repeatable."),
            click.option("--max-attempts", type=int, help="Runs a user may start within the window (default 5)."),
            click.option("--attempt-window", type=int, help="The window in seconds (default 86400)."),
            tenant_option,
            json_option,
        )
    ):
        command = option(command)
    return command


@click.group()
def provider() -> None:
    """Register identity verification providers."""


@provider.command()
@_common
@click.pass_context
def add(context: click.Context, /, tenant: str, as_json: bool, **given: Any) -> None:
    """Register a provider and tell how to set up its webhook."""
    config = ProviderConfig(
        name=given["name"] or "Onfido",
        is_enabled=True,
        claims=given["dialect"] | dict(given["mappings"]),
        workflow_id=given["workflow_id"] or "",
        base_url=_base_url(given) or DEFAULT_BASE_URL,
        description=given["description"] or "",
        max_attempts=DEFAULT_MAX_ATTEMPTS if given["max_attempts"] is None else given["max_attempts"],
        attempt_window=DEFAULT_ATTEMPT_WINDOW if given["attempt_window"] is None else given["attempt_window"],
        api_token=given["api_token"],
        webhook_token=given["webhook_token"],
    )
    with services(context) as opened:
        _show(context, opened.providers.add(tenant, config, actor()), as_json)


@provider.command("list")
@tenant_option
@json_option
@click.pass_context
def list_(context: click.Context, tenant: str, as_json: bool) -> None:
    """List the tenant's providers."""
    with services(context) as opened:
        rows = [_record(each) for each in opened.providers.all(tenant)]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, ("id", "name", "enabled", "workflow id", "webhook token"), empty="No provider is registered.")


@provider.command()
@click.argument("provider_id")
@tenant_option
@json_option
@click.pass_context
def show(context: click.Context, provider_id: str, tenant: str, as_json: bool) -> None:
    """Show a provider and how to set up its webhook."""
    with services(context) as opened:
        _show(context, opened.providers.get(tenant, provider_id), as_json)


@provider.command()
@click.argument("provider_id")
@click.option("--enable/--disable", "is_enabled", default=None, help="Whether new verifications may be started.")
@_common
@click.pass_context
def update(context: click.Context, /, provider_id: str, tenant: str, as_json: bool, **given: Any) -> None:
    """Change some of a provider's configuration; what is not named stays."""
    with services(context) as opened:
        known = opened.providers.get(tenant, provider_id)
        claims = given["dialect"] | dict(given["mappings"])
        config = ProviderConfig(
            name=given["name"] or known.name,
            is_enabled=known.is_enabled if given["is_enabled"] is None else given["is_enabled"],
            claims=claims or known.claims,
            workflow_id=given["workflow_id"] or known.workflow_id,
            base_url=_base_url(given) or known.base_url,
            description=known.description if given["description"] is None else given["description"],
            image=known.image,
            max_attempts=given["max_attempts"] or known.max_attempts,
            attempt_window=given["attempt_window"] or known.attempt_window,
            api_token=given["api_token"],
            webhook_token=given["webhook_token"],
        )
        _show(context, opened.providers.change(tenant, provider_id, config, actor()), as_json)


@provider.command("end-overlap")
@click.argument("provider_id")
@tenant_option
@json_option
@click.pass_context
def end_overlap(context: click.Context, provider_id: str, tenant: str, as_json: bool) -> None:
    """Let the webhook token that was replaced be good no longer, from now on."""
    with services(context) as opened:
        _show(context, opened.providers.end_overlap(tenant, provider_id, actor()), as_json)


@provider.command()
@click.argument("provider_id")
@click.confirmation_option(prompt="Remove the provider and all that was verified through it?")
@tenant_option
@click.pass_context
def remove(context: click.Context, provider_id: str, tenant: str) -> None:
    """Remove a provider with all that was verified through it."""
    with services(context) as opened:
        opened.providers.remove(tenant, provider_id, actor())
    click.echo(f"Removed {provider_id}.")


def _base_url(given: dict[str, Any]) -> str | None:
    base_url: str | None = given["base_url"]
    return base_url or _REGIONS.get(given["region"])


def _show(context: click.Context, shown: Provider, as_json: bool) -> None:
    guide = setup_guide(shown, load_settings(context).public_url)
    record = _record(shown) | {"webhook url": guide.webhook_url}
    if as_json:
        print_json(record | {"claims": dict(shown.claims)})
        return
    print_record(record)
    for uri, applicant_field in shown.claims.items():
        click.echo(f"  {uri} -> {applicant_field}")
    if not shown.has_webhook_token:
        click.echo("\nNext:")
        for at, step in enumerate(guide.steps, start=1):
            click.echo(f"  {at}. {step}")


def _record(shown: Provider) -> dict[str, Any]:
    expiry = shown.previous_webhook_token_expires_at
    return {
        "id": shown.provider_id,
        "name": shown.name,
        "enabled": shown.is_enabled,
        "workflow id": shown.workflow_id,
        "base url": shown.base_url,
        "webhook token": "registered" if shown.has_webhook_token else None,
        "previous token": f"good until {expiry.isoformat(timespec='seconds')}" if expiry else None,
        "attempts": f"{shown.max_attempts} within {shown.attempt_window} seconds",
    }
