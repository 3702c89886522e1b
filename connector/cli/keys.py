"""`connector keys`: the keys that sign verified claims, and their rotation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click

from connector.cli.output import actor, json_option, print_json, print_table, services
from connector.domain.signing import SigningKey
from connector.domain.utc import timestamp

_COLUMNS = ("id", "role", "createdAt", "expiresAt")


@click.group()
def keys() -> None:
    """List and rotate the keys that sign verified claims."""


@keys.command("list")
@json_option
@click.pass_context
def list_(context: click.Context, *, as_json: bool) -> None:
    """List the published keys: the current one, the next one, and former ones until they expire."""
    with services(context) as opened:
        _print(opened.signing_keys.published(), as_json=as_json)


@keys.command()
@click.option("--force", is_flag=True, help="Rotate even if the next key was published less than an hour ago.")
@json_option
@click.pass_context
def rotate(context: click.Context, *, force: bool, as_json: bool) -> None:
    """Sign with the next key from now on; the current one stays published for `signing_key_overlap`."""
    with services(context) as opened:
        _print(opened.signing_keys.rotate(actor(), is_forced=force), as_json=as_json)


@keys.command()
@click.confirmation_option(prompt="Existing signatures can no longer be verified. Replace all keys?")
@json_option
@click.pass_context
def revoke(context: click.Context, *, as_json: bool) -> None:
    """Replace all keys at once, because they may have leaked: their signatures can no longer be verified."""
    with services(context) as opened:
        _print(opened.signing_keys.revoke(actor()), as_json=as_json)


def _print(published: Iterable[SigningKey], *, as_json: bool) -> None:
    views = [_view(each) for each in published]
    if as_json:
        print_json({"keys": views})
    else:
        print_table(views, _COLUMNS, empty="")


def _view(key: SigningKey) -> Mapping[str, Any]:
    return {
        "id": key.key_id,
        "role": key.role,
        "createdAt": timestamp(key.created_at),
        "expiresAt": timestamp(key.expires_at),
    }
