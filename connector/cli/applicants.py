"""`connector applicant`: manage the applicants at Onfido."""

from __future__ import annotations

import click

from connector.cli.output import ID, Command, actor, provider_argument, provider_id, services, tenant_options
from connector.domain.tenancy import Tenant


@click.group()
def applicant() -> None:
    """Manage the applicants at Onfido."""


def applicant_options(command: Command) -> Command:
    """Name an applicant of a provider."""
    named = click.argument("applicant_id", type=ID, metavar="APPLICANT")
    return provider_argument(named(tenant_options(command)))


@applicant.command()
@applicant_options
def update(context: click.Context, provider: str, applicant_id: str, tenant: Tenant) -> None:
    """Send the user's current values, so that an open run uses them."""
    with services(context) as opened:
        opened.applicants.update(tenant, provider_id(opened, tenant, provider), applicant_id, actor())
    click.echo(f"Updated {applicant_id}.")


@applicant.command()
@click.confirmation_option(prompt="Delete the applicant at Onfido, and end the open run?")
@applicant_options
def delete(context: click.Context, provider: str, applicant_id: str, tenant: Tenant) -> None:
    """Ask Onfido to delete an applicant, which happens some days later."""
    with services(context) as opened:
        opened.applicants.delete(tenant, provider_id(opened, tenant, provider), applicant_id, actor())
    click.echo(f"Onfido will delete {applicant_id}; until then it can be restored.")


@applicant.command()
@applicant_options
def restore(context: click.Context, provider: str, applicant_id: str, tenant: Tenant) -> None:
    """Cancel a deletion that Onfido has not completed yet."""
    with services(context) as opened:
        opened.applicants.restore(tenant, provider_id(opened, tenant, provider), applicant_id, actor())
    click.echo(f"Restored {applicant_id}.")
