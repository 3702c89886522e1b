"""`connector provider`: register identity verification providers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from connector.api.shapes.provider import facts_body, guide_body, page_body, provider_body
from connector.api.shapes.studio import studio_body
from connector.cli import setup
from connector.cli.output import (
    actor,
    labelled,
    load_settings,
    print_json,
    print_record,
    print_table,
    provider_argument,
    provider_id,
    services,
    tenant_options,
    view_options,
)
from connector.cli.provider_options import configuration, configured
from connector.cli.refusals import plain
from connector.cli.what_if import match_impact, remapping_impact
from connector.domain.providers.provider import Provider, ProviderConfig, setup_guide, webhook_command
from connector.domain.providers.readiness import Readiness, sandbox_note
from connector.domain.studio.studio import Studio
from connector.domain.tenancy import Tenant
from connector.domain.utc import timestamp

if TYPE_CHECKING:  # the use cases load when a command opens them
    from connector.bootstrap import Services

_FIRST: dict[str, Any] = {"name": "Onfido", "is_enabled": True, "claims": {}, "workflow_id": ""}
# Kept by an update; secrets and `studio` are kept if they are None.
_KEPT = (
    *("name", "description", "image", "is_enabled", "claims"),
    *("workflow_id", "base_url", "max_attempts", "attempt_window", "missing_name", "accent_color"),
)


# The labels, and the members of the API's view.
_FACTS = {"environment": "environment", "credentials since": "credentialsSetAt", "last webhook": "lastEventAt"}


test_only_option = click.option("--test-only", is_flag=True, help="Test it at Onfido, and save nothing.")


@click.group()
def provider() -> None:
    """Register identity verification providers."""


_PARTS = (
    setup.test,
    setup.health,
    setup.progress,
    setup.add_webhook,
    setup.remove_webhook,
    match_impact,
    remapping_impact,
)
for command in _PARTS:
    provider.add_command(command)


@provider.command()
@configuration
@click.option("--no-webhook", is_flag=True, help="Do not register a webhook at Onfido.")
@test_only_option
@click.option("--offline", is_flag=True, help="Do not call Onfido: neither test the provider nor register a webhook.")
@click.pass_context
def add(
    context: click.Context,
    /,
    tenant: Tenant,
    as_json: bool,
    no_webhook: bool,
    offline: bool,
    test_only: bool,
    **given: Any,
) -> None:
    """Register a provider, test it, and register its webhook at Onfido."""
    config = ProviderConfig(**_FIRST | configured(context, given))
    readiness = None
    with services(context) as opened:
        if test_only:
            setup.print_trial(opened.trials.of_new(tenant, config), as_json=as_json)
            return
        added = opened.providers.add(tenant, config, actor())
        if not offline:
            public_url = load_settings(context).public_url
            readiness = setup.set_up(opened, added, public_url, has_webhook=not no_webhook)
        _show(context, opened, opened.providers.get(tenant, added.provider_id), as_json, readiness)
    if readiness is not None and not readiness.passed:
        raise click.ClickException(
            f"The provider is registered, but not ready: {', '.join(readiness.failed)}. "
            f"Correct what these checks report, then run: connector provider test {added.provider_id}"
        )


@provider.command("list")
@view_options
def list_(context: click.Context, tenant: Tenant, as_json: bool) -> None:
    """List the tenant's providers."""
    with services(context) as opened:
        providers = opened.providers.all(tenant)
        states = {each.provider_id: each.state for each in opened.health_records.all(tenant)}
    if as_json:
        print_json(page_body(providers, len(providers)))
    else:
        print_table(
            [_record(each) | {"health": states.get(each.provider_id)} for each in providers],
            ("id", "name", "enabled", "health", "workflow id", "webhook token"),
            empty="No provider is registered.",
        )


@provider.command()
@provider_argument
@view_options
def show(context: click.Context, provider: str, tenant: Tenant, as_json: bool) -> None:
    """Show a provider and how to set up its webhook."""
    with services(context) as opened:
        _show(context, opened, opened.providers.named(tenant, provider), as_json)


@provider.command()
@provider_argument
@click.option("--enable/--disable", "is_enabled", default=None, help="Whether new verifications may be started.")
@click.option("--remove-claim", "removed_claims", multiple=True, help="Remove the mapping of this claim; repeatable.")
@test_only_option
@click.option("--no-test", is_flag=True, help="Save new credentials or another base URL without testing them first.")
@configuration
@click.pass_context
def update(
    context: click.Context,
    /,
    provider: str,
    tenant: Tenant,
    as_json: bool,
    no_test: bool,
    test_only: bool,
    **given: Any,
) -> None:
    """Change some of a provider's configuration; options that are not given are unchanged.

    New credentials are tested first: if Onfido refuses them, or the workflow with them, nothing is changed.
    """
    with services(context) as opened:
        known = opened.providers.named(tenant, provider)
        kept = {name: getattr(known, name) for name in _KEPT}
        config = ProviderConfig(**kept | configured(context, given, known.claims))
        if test_only:
            setup.print_trial(opened.trials.of_change(tenant, known.provider_id, config), as_json=as_json)
            return
        if not no_test:
            _check_change(opened, known, config)
        changed = opened.providers.change(tenant, known.provider_id, config, actor())
        _show(context, opened, changed, as_json)
    if changed.environment != known.environment and changed.has_webhook_token:
        environment = changed.environment or "another environment"
        advice = f"to receive its events, run `{webhook_command(changed)}`"
        click.echo(f"The credentials are for {environment} now: {advice}.", err=True)


def _check_change(opened: Services, known: Provider, config: ProviderConfig) -> None:
    tenant = opened.tenants.named(known.tenant)
    if not opened.trials.has_other_access(tenant, known.provider_id, config):
        return
    checks = opened.trials.of_change(tenant, known.provider_id, config).checks
    if failed := [check for check in checks if check.passed is False]:
        raise click.ClickException(
            f"Nothing was changed: {failed[0].name}: {failed[0].detail} To change it anyway, use --no-test."
        )


@provider.command("end-overlap")
@provider_argument
@view_options
def end_overlap(context: click.Context, provider: str, tenant: Tenant, as_json: bool) -> None:
    """End the validity of the replaced webhook token."""
    with services(context) as opened:
        _show(
            context,
            opened,
            opened.providers.end_overlap(tenant, provider_id(opened, tenant, provider), actor()),
            as_json,
        )


@provider.command()
@provider_argument
@click.confirmation_option(prompt="Remove the provider and its verifications?")
@tenant_options
def remove(context: click.Context, provider: str, tenant: Tenant) -> None:
    """Remove a provider with its verifications.

    They are gone at once; the worker deletes their rows afterwards.
    """
    with services(context) as opened:
        opened.providers.remove(tenant, provider_id(opened, tenant, provider), actor())
    click.echo(f"Removed {provider}.")


def _show(
    context: click.Context, opened: Services, shown: Provider, as_json: bool, readiness: Readiness | None = None
) -> None:
    public_url, facts = load_settings(context).public_url, opened.setup.facts(shown)
    health = setup.health_view(opened, opened.tenants.named(shown.tenant), shown.provider_id)
    guide, studio = setup_guide(shown, public_url), _studio_used(shown)
    if as_json:
        checks = {"readiness": setup.readiness_view(readiness)} if readiness else {}
        print_json(
            provider_body(shown)
            | facts_body(facts)
            | {"health": health}
            | {"setupGuide": guide_body(shown, public_url)}
            | checks
        )
        return
    note = sandbox_note(facts.ignored_sandbox_results)
    ignored = {"sandbox results": note} if note else {}
    known = labelled(facts_body(facts), _FACTS)
    of_health = {"health": setup.health_words(health)}
    print_record(_record(shown) | {"webhook url": guide.webhook_url} | known | of_health | ignored)
    for uri, applicant_field in shown.claims.items():
        click.echo(f"  {plain(uri)} -> {applicant_field}")
    if studio:
        click.echo("\nStudio:")
        print_record({f"  {name}": json.dumps(value, ensure_ascii=False) for name, value in studio.items()})
    if readiness:
        click.echo()
        setup.print_checks(readiness)
        click.echo(f"\nNext:\n  {guide.steps[-1]}")
    elif not shown.has_webhook_token:
        click.echo(f"\nNext (`{webhook_command(shown)}` does all except the last):")
        for at, step in enumerate(guide.steps, start=1):
            click.echo(f"  {at}. {step}")


def _studio_used(shown: Provider) -> dict[str, Any]:
    """Return a provider's Studio features in the HTTP API's format, without default values."""
    defaults = studio_body(Studio())
    return {name: value for name, value in studio_body(shown.studio).items() if value != defaults[name]}


def _record(shown: Provider) -> dict[str, Any]:
    expiry = shown.previous_webhook_token_expires_at
    return {
        "id": shown.provider_id,
        "name": shown.name,
        "enabled": shown.is_enabled,
        "workflow id": shown.workflow_id,
        "base url": shown.base_url,
        "credentials": "an API token" if shown.client_id is None else f"the client {shown.client_id}",
        "webhook token": "registered" if shown.has_webhook_token else None,
        "notice secret": "registered" if shown.has_notice_secret else None,
        "previous token": f"valid until {timestamp(expiry)}" if expiry else None,
        "missing name": shown.missing_name,
        "accent color": shown.accent_color,
        "attempts": f"{shown.max_attempts} within {shown.attempt_window} seconds",
    }
