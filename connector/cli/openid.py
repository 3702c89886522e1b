"""`connector openid`: the clients of the OpenID provider."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from connector.cli.output import (
    ID,
    actor,
    print_json,
    print_record,
    provider_id,
    services,
    tenant_options,
    view_options,
)
from connector.cli.pages import print_all
from connector.domain.openid.clients import PROFILES, ClientConfig
from connector.domain.openid.keys import read_keys
from connector.domain.tenancy import Tenant
from connector.errors import InvalidField

_COLUMNS = ("clientId", "name", "profile", "idVProviderId", "isEnabled")

_client = click.argument("client_id", metavar="CLIENT", type=ID)
_name = click.option("--name", help="The name that users see before they consent.")
_uris = click.option("--redirect-uri", "uris", multiple=True, help="A redirect URI; repeatable.")
_claims = click.option(
    "--claim", "claims", multiple=True, help="A claim that it may request (by default all); repeatable."
)
_keys = click.option("--keys", "keys_file", type=click.File("rb"), help="A JWK Set with its public keys.")
_sandbox = click.option(
    "--allow-sandbox/--refuse-sandbox", default=None, help="Whether it gets results of Onfido's sandbox."
)


@click.group()
def openid() -> None:
    """Manage the clients of the OpenID provider, which send people to be verified."""


@openid.command("add-client")
@click.option("--name", required=True, help="The name that users see before they consent.")
@click.option("--profile", required=True, type=click.Choice(PROFILES), help="The format of results.")
@click.option("--provider", required=True, help="The provider that verifies, by its id or name.")
@click.option("--redirect-uri", "uris", multiple=True, required=True, help="A redirect URI; repeatable.")
@_claims
@_keys
@_sandbox
@view_options
def add_client(
    context: click.Context,
    /,
    name: str,
    profile: str,
    provider: str,
    uris: tuple[str, ...],
    claims: tuple[str, ...],
    keys_file: Any,
    allow_sandbox: bool | None,
    tenant: Tenant,
    as_json: bool,
) -> None:
    """Register a client, and print its secret, which is not shown again."""
    from connector.api.shapes.openid import client_body  # noqa: PLC0415  loads the use cases: see `services`

    with services(context) as opened:
        config = ClientConfig(
            name,
            profile,
            provider_id(opened, tenant, provider),
            redirect_uris=uris,
            claims=claims,
            keys=_read(keys_file),
            allows_sandbox=bool(allow_sandbox),
        )
        client, secret = opened.openid_clients.add(tenant, config, actor())
    _print(client_body(client, secret), as_json=as_json)


@openid.command("list")
@view_options
def list_(context: click.Context, /, tenant: Tenant, as_json: bool) -> None:
    """List the clients."""
    from connector.api.shapes.openid import client_body  # noqa: PLC0415

    with services(context) as opened:
        views = [client_body(each) for each in opened.openid_clients.all(tenant)]
    print_all("clients", views, _COLUMNS, empty="No client is registered.", as_json=as_json)


@openid.command("update-client")
@_client
@_name
@_uris
@_claims
@_keys
@click.option("--enable/--disable", "is_enabled", default=None, help="Whether it may send requests.")
@_sandbox
@view_options
def update_client(
    context: click.Context,
    /,
    client_id: str,
    name: str | None,
    uris: tuple[str, ...],
    claims: tuple[str, ...],
    keys_file: Any,
    is_enabled: bool | None,
    allow_sandbox: bool | None,
    tenant: Tenant,
    as_json: bool,
) -> None:
    """Change a client; options that are not given are unchanged."""
    from connector.api.shapes.openid import client_body  # noqa: PLC0415

    given: dict[str, Any] = {
        "name": name,
        "redirect_uris": uris or None,
        "claims": claims or None,
        "is_enabled": is_enabled,
        "allows_sandbox": allow_sandbox,
    }
    given["keys"] = _read(keys_file) or None
    with services(context) as opened:
        known = opened.openid_clients.get(tenant, client_id).config
        changes: Any = {field: value for field, value in given.items() if value is not None}
        client = opened.openid_clients.change(tenant, client_id, replace(known, **changes), actor())
    _print(client_body(client), as_json=as_json)


@openid.command("rotate-secret")
@_client
@view_options
def rotate_secret(context: click.Context, /, client_id: str, tenant: Tenant, as_json: bool) -> None:
    """Replace a client's secret and print it; the previous one stays valid until the overlap ends."""
    from connector.api.shapes.openid import client_body  # noqa: PLC0415

    with services(context) as opened:
        client, secret = opened.openid_clients.rotate_secret(tenant, client_id, actor())
    _print(client_body(client, secret), as_json=as_json)


@openid.command("remove-client")
@_client
@click.confirmation_option(prompt="Remove it, with its requests in progress?")
@tenant_options
def remove_client(context: click.Context, /, client_id: str, tenant: Tenant) -> None:
    """Remove a client; its users can no longer be verified here."""
    with services(context) as opened:
        opened.openid_clients.remove(tenant, client_id, actor())
    click.echo(f"Removed {client_id}.")


def _read(keys_file: Any) -> tuple[dict[str, Any], ...]:
    """Read a JWK Set, if one is given."""
    try:
        return () if keys_file is None else read_keys(keys_file.read(65_536))
    except InvalidField as error:
        raise click.BadParameter(str(error.why), param_hint="--keys") from error


def _print(view: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(view)
    else:
        print_record({name: _text(value) for name, value in view.items()})


def _text(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
