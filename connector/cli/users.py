"""`connector user`: keep the embedded user directory."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from connector.cli.output import actor, json_option, print_json, print_record, print_table, services, tenant_option
from connector.domain.text import is_usable

ID_COLUMN = "id"
MAX_LENGTH = 255


class Attribute(click.ParamType[tuple[str, str]]):
    """`claim=value`; an empty value removes it."""

    name = "claim=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split at the first equals sign."""
        uri, separator, attribute = str(value).partition("=")
        if not (separator and uri):
            self.fail(f"{value} is not of the form claim=value.", param, ctx)
        return uri, attribute


_attribute = click.option("--attribute", "-a", "attributes", multiple=True, type=Attribute(), help="One claim=value.")


@click.group()
def user() -> None:
    """Keep the embedded user directory."""


@user.command()
@click.argument("user_id")
@_attribute
@tenant_option
@click.pass_context
def add(context: click.Context, user_id: str, attributes: tuple[tuple[str, str], ...], tenant: str) -> None:
    """Add a user; the id is what the user's access tokens have as `sub`."""
    _check(user_id, dict(attributes), "the command line")
    with services(context) as opened:
        opened.users.add(tenant, user_id, dict(attributes), actor())
    click.echo(f"Added {user_id}.")


@user.command("set")
@click.argument("user_id")
@_attribute
@tenant_option
@click.pass_context
def set_(context: click.Context, user_id: str, attributes: tuple[tuple[str, str], ...], tenant: str) -> None:
    """Change some of a user's attributes; what was verified for another value is verified no longer."""
    _check(user_id, dict(attributes), "the command line")
    with services(context) as opened:
        opened.users.change(tenant, user_id, dict(attributes), actor())
    click.echo(f"Changed {user_id}.")


@user.command("list")
@tenant_option
@json_option
@click.pass_context
def list_(context: click.Context, tenant: str, as_json: bool) -> None:
    """List the ids of the tenant's users."""
    with services(context) as opened:
        ids = list(opened.users.ids(tenant))
    if as_json:
        print_json(ids)
    else:
        print_table([{"user": each} for each in ids], ("user",), empty="There is no user.")


@user.command()
@click.argument("user_id")
@tenant_option
@json_option
@click.pass_context
def show(context: click.Context, user_id: str, tenant: str, as_json: bool) -> None:
    """Show a user's attributes and what is verified of them."""
    with services(context) as opened:
        values = dict(opened.users.values(tenant, user_id))
        verified = {claim.uri for claim in opened.claims.all(tenant, user_id) if claim.is_verified}
    if as_json:
        print_json({"id": user_id, "attributes": values, "verified": sorted(verified)})
        return
    print_record({"user": user_id})
    rows = [{"claim": uri, "value": value, "verified": uri in verified} for uri, value in values.items()]
    print_table(rows, ("claim", "value", "verified"), empty="No attributes.")


@user.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@tenant_option
@click.pass_context
def import_(context: click.Context, path: Path, tenant: str) -> None:
    """Add or change users from a file.

    CSV: a column `id`, and one for each claim. JSON: a list of objects with `id` and a member for each claim.
    An empty cell removes the value, and with it what was verified for it.
    The whole file is checked before the first user is written; the same file may be imported again.
    """
    users = list(_read(path))
    counted = Counter(user_id for user_id, _ in users)
    if twice := [user_id for user_id, number in counted.items() if number > 1]:
        raise click.ClickException(f"{path.name}: the user {twice[0]} is in it more than once.")
    with services(context) as opened:
        added = sum(opened.users.put(tenant, user_id, attributes, actor()) for user_id, attributes in users)
    click.echo(f"Added {added}, changed {len(users) - added}.")


@user.command()
@click.argument("user_id")
@click.confirmation_option(prompt="Remove the user, all that was verified, and the applicant at Onfido?")
@tenant_option
@click.pass_context
def remove(context: click.Context, user_id: str, tenant: str) -> None:
    """Remove everything personal of a user, here and, through the outbox, at Onfido."""
    with services(context) as opened:
        number = opened.users.remove(tenant, user_id, actor())
    click.echo(
        f"Removed {user_id}; the applicant at Onfido goes with the next delivery."
        if number
        else f"Removed {user_id}. Nothing is to be deleted at Onfido that is known here; applicants of providers that "
        "were removed stay there."
    )


def _read(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for at, row in enumerate(_rows(path), start=1):
        where = f"{path.name}, entry {at}"
        user_id = row.pop(ID_COLUMN, None)
        if not isinstance(user_id, str) or not user_id:
            raise click.ClickException(f"{where}: it has no `{ID_COLUMN}`.")
        if not all(isinstance(key, str) and isinstance(value, str) for key, value in row.items()):
            raise click.ClickException(f"{where}: every claim and value has to be text.")
        _check(user_id, row, where)
        yield user_id, row


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = json.loads(text) if path.suffix.lower() == ".json" else _csv_rows(text, path.name)
    except (ValueError, RecursionError, csv.Error) as error:
        raise click.ClickException(f"{path.name} is neither UTF-8 CSV nor JSON (by its ending).") from error
    if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise click.ClickException(f"{path.name} has to be a list of objects.")
    return rows


def _csv_rows(text: str, file_name: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if twice := [name for name, number in Counter(reader.fieldnames or ()).items() if number > 1]:
        raise click.ClickException(f"{file_name}: the column {twice[0]} is there twice.")
    return list(reader)


def _check(user_id: str, attributes: dict[str, str], where: str) -> None:
    for name in (user_id, *attributes):
        if not 0 < len(name) <= MAX_LENGTH or not name.isprintable():
            raise click.ClickException(f"{where}: {name[:40]!r} is empty, too long or holds unprintable characters.")
    if not all(map(is_usable, attributes.values())):
        raise click.ClickException(f"{where}: a value holds a control character, or is not Unicode.")
