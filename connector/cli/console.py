"""`connector console`: sign-in links and sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from connector.cli.output import actor, load_settings, services, tenant_options, view_options
from connector.cli.pages import page_options, print_page
from connector.domain.tenancy import Tenant

_COLUMNS = ("id", "userId", "name", "browser", "address", "createdAt", "seenAt", "expiresAt")


@click.group()
def console() -> None:
    """Sign in to the console for development, and end sessions."""


@console.command()
@click.option("--user", "user_id", default="admin", show_default=True, help="The user to sign in.")
@tenant_options
def link(context: click.Context, user_id: str, tenant: Tenant) -> None:
    """Print a link that signs in once, within 15 minutes; only `serve --dev` accepts it."""
    from contextlib import closing  # noqa: PLC0415

    from connector.bootstrap import create_services  # noqa: PLC0415
    from connector.process.startup import console_link  # noqa: PLC0415

    with closing(create_services(load_settings(context, dev=True))) as opened:
        url = console_link(opened, tenant, user_id, actor())
    if url is None:
        raise click.ClickException("The console is disabled: set `console_enabled` to true.")
    click.echo(url)


@console.command()
@click.option("--user", "user_id", help="Only this person's sessions.")
@page_options
@view_options
def sessions(
    context: click.Context, /, limit: int, cursor: str | None, tenant: Tenant, as_json: bool, user_id: str | None
) -> None:
    """List the sessions, the latest first."""
    from connector.api.shapes.console_session import SessionPageSchema, sessions_body  # noqa: PLC0415

    with services(context) as opened:
        page = opened.console_sessions.search(tenant, user_id=user_id, limit=limit, cursor=cursor)
    body: Mapping[str, Any] = SessionPageSchema().dump(sessions_body(page))
    print_page(body, body["sessions"], _COLUMNS, empty="There is no session.", as_json=as_json)


@console.command("sign-out")
@click.option("--session", "session_id", help="Only this session, by its id.")
@click.option("--user", "user_id", help="Only this person.")
@tenant_options
def sign_out(context: click.Context, session_id: str | None, user_id: str | None, tenant: Tenant) -> None:
    """End a session, a person's sessions, or all of the tenant's."""
    with services(context) as opened:
        if session_id is None:
            number = opened.console_sessions.end_of_tenant(tenant, actor(), user_id)
        else:
            number = int(opened.console_sessions.end(tenant, session_id, actor()))
    click.echo(f"{number} signed out.")
