"""`connector user`: manage the embedded user directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from connector.cli import user_status
from connector.cli.output import Command, actor, services, tenant_options, view_options
from connector.cli.pages import page_options, print_page
from connector.cli.user_import.command import import_users
from connector.cli.user_import.entries import value_objection
from connector.domain.people.user_ids import id_objection, name_objection
from connector.domain.tenancy import Tenant


class Attribute(click.ParamType[tuple[str, str]]):
    """`claim=value`; an empty value removes it."""

    name = "claim=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split at the first equals sign."""
        uri, separator, attribute = str(value).partition("=")
        if not (separator and uri):
            self.fail(f"{value} must be of the form claim=value.", param, ctx)
        return uri, attribute


_attribute = click.option("--attribute", "-a", "attributes", multiple=True, type=Attribute(), help="One claim=value.")


@click.group()
def user() -> None:
    """Manage the embedded user directory."""


for command in (import_users, user_status.show, user_status.unlock):
    user.add_command(command)


def _value_options(command: Command) -> Command:
    return click.argument("user_id")(_attribute(tenant_options(command)))


@user.command()
@_value_options
def add(context: click.Context, user_id: str, attributes: tuple[tuple[str, str], ...], tenant: Tenant) -> None:
    """Add a user; the id is the `sub` of the user's access tokens."""
    _check(user_id, dict(attributes))
    with services(context) as opened:
        opened.users.add(tenant, user_id, dict(attributes), actor())
    click.echo(f"Added {user_id}.")


@user.command("set")
@_value_options
def set_(context: click.Context, user_id: str, attributes: tuple[tuple[str, str], ...], tenant: Tenant) -> None:
    """Change some of a user's attributes; a claim verified for another value is no longer verified."""
    _check(user_id, dict(attributes))
    with services(context) as opened:
        is_changed = opened.users.change(tenant, user_id, dict(attributes), actor())
    click.echo(f"Changed {user_id}." if is_changed else f"{user_id} has these values already: nothing was changed.")


@user.command("list")
@click.option("--search", "prefix", default="", help="Only users whose id begins with this.")
@page_options
@view_options
def list_(context: click.Context, prefix: str, limit: int, cursor: str | None, tenant: Tenant, as_json: bool) -> None:
    """List the tenant's users, ordered by id, with their verification state, and when the next attempt is possible."""
    from connector.api.shapes.user_list import UserPageSchema, users_body  # noqa: PLC0415

    with services(context) as opened:
        page = opened.user_list.describe(tenant, opened.users.page(tenant, limit=limit, cursor=cursor, prefix=prefix))
    body = UserPageSchema().dump(users_body(page))
    empty = f"No user's id begins with {prefix}." if prefix else "There is no user."
    print_page(body, [_listed(each) for each in body["users"]], _COLUMNS, empty=empty, as_json=as_json)


_COLUMNS = ("user", "verified", "last verification", "next attempt")


def _listed(view: Mapping[str, Any]) -> dict[str, Any]:
    last = view["lastVerification"]
    return {
        "user": view["userId"],
        "verified": f"{view['verified']} of {view['verifiable']}",
        "last verification": None if last is None else f"{last['status']}, started at {last['createdAt']}",
        "next attempt": view["nextAttemptAt"] or "now",
    }


@user.command()
@click.argument("user_id")
@click.confirmation_option(prompt="Remove the user, all verifications, and the applicant at Onfido?")
@tenant_options
def remove(context: click.Context, user_id: str, tenant: Tenant) -> None:
    """Remove all personal data of a user, here and, through the outbox, at Onfido."""
    with services(context) as opened:
        number = opened.users.remove(tenant, user_id, actor())
    click.echo(
        f"Removed {user_id}; the applicant at Onfido is deleted with the next delivery."
        if number
        else f"Removed {user_id}. Nothing is to be deleted at Onfido that is known here; applicants of providers that "
        "were removed stay there."
    )


def _check(user_id: str, attributes: dict[str, str]) -> None:
    if objection := id_objection(user_id):
        raise click.ClickException(f"The id of a user {objection}.")
    for name, value in attributes.items():
        if objection := name_objection(name):
            raise click.ClickException(f"The name of the claim {name[:40]!r} {objection}.")
        if objection := value_objection(value):
            raise click.ClickException(f"The value of {name} {objection}.")
