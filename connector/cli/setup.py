"""`connector provider test|add-webhook|remove-webhook`: set up a provider at Onfido."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from connector.cli.output import (
    actor,
    labelled,
    load_settings,
    print_json,
    print_marked,
    print_record,
    print_table,
    provider_argument,
    provider_id,
    services,
    tenant_options,
    view_options,
)
from connector.domain.providers.provider import Provider
from connector.domain.providers.readiness import TOKEN, WEBHOOK, Check, Readiness, not_checked
from connector.domain.tenancy import Tenant
from connector.errors import OnfidoError, RequestError

if TYPE_CHECKING:
    from connector.bootstrap import Services

# The labels, and the members of the API's view.
_WEBHOOK = {
    "webhook": "webhookId",
    "webhook url": "webhookUrl",
    "events": "events",
    "environments": "environments",
    "new": "isNew",
}


@click.command()
@provider_argument
@view_options
def test(context: click.Context, provider: str, tenant: Tenant, as_json: bool) -> None:
    """Check a provider's token, workflow and webhook at Onfido, and list which claims can be verified."""
    with services(context) as opened:
        readiness = opened.setup.test(tenant, provider_id(opened, tenant, provider), load_settings(context).public_url)
    if as_json:
        print_json(readiness_view(readiness))
    else:
        print_checks(readiness)
    if not readiness.passed:
        raise click.ClickException(f"Not ready: {', '.join(readiness.failed)}.")


@click.command()
@view_options
def health(context: click.Context, tenant: Tenant, as_json: bool) -> None:
    """Report the last check of each provider, without calling Onfido."""
    from connector.api.shapes.health import HealthListSchema, health_list_body  # noqa: PLC0415

    with services(context) as opened:
        records = opened.health_records
        view = HealthListSchema().dump(health_list_body(records.all(tenant), records.now()))
    if as_json:
        print_json(view)
        return
    rows = [each | {"health": health_words(each)} for each in view["providers"]]
    print_table(rows, ("providerName", "health", "checkedAt", "goodAt"), empty="No provider is registered.")


@click.command()
@provider_argument
@view_options
def progress(context: click.Context, provider: str, tenant: Tenant, as_json: bool) -> None:
    """Report a provider's setup progress, without calling Onfido."""
    from connector.api.shapes.progress import ProgressSchema, progress_body  # noqa: PLC0415

    with services(context) as opened:
        known = opened.setup_progress.of(tenant, provider_id(opened, tenant, provider))
        view = ProgressSchema().dump(progress_body(known, opened.health_records.now()))
    if as_json:
        print_json(view)
        return
    print_marked([(_mark(step["state"]), step["title"], step["text"]) for step in view["steps"]])
    click.echo(f"\n{view['headline']}")


def _mark(state: str) -> bool | None:
    return {"done": True, "failed": False}.get(state)


@click.command("add-webhook")
@provider_argument
@view_options
def add_webhook(context: click.Context, provider: str, tenant: Tenant, as_json: bool) -> None:
    """Register the webhook at Onfido, or repair the existing one, and register its token."""
    from connector.api.shapes.setup import WebhookSchema  # noqa: PLC0415

    with services(context) as opened:
        added = opened.setup.add_webhook(
            tenant, provider_id(opened, tenant, provider), load_settings(context).public_url, actor()
        )
    view = WebhookSchema().dump(added)
    if as_json:
        print_json(view)
    else:
        print_record(labelled(view, _WEBHOOK))


@click.command("remove-webhook")
@provider_argument
@tenant_options
def remove_webhook(context: click.Context, provider: str, tenant: Tenant) -> None:
    """Delete the webhook at Onfido and remove its token here, at once."""
    with services(context) as opened:
        opened.setup.remove_webhook(
            tenant, provider_id(opened, tenant, provider), load_settings(context).public_url, actor()
        )
    click.echo(f"Removed the webhook of {provider}.")


def health_view(opened: Services, tenant: Tenant, provider_id: str) -> dict[str, Any]:
    """Return the API's view of a provider's last check."""
    from connector.api.shapes.health import HealthSchema, health_body  # noqa: PLC0415

    records = opened.health_records
    view: dict[str, Any] = HealthSchema().dump(health_body(records.of(tenant, provider_id), records.now()))
    return view


def health_words(view: Mapping[str, Any]) -> str:
    """Return a provider's health in words: its state, the failed checks, and their time."""
    words = ": ".join(filter(None, (view["state"], ", ".join(view["failed"]))))
    if view["ageSeconds"] is None:
        return words
    minutes = view["ageSeconds"] // 60
    age = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"  # noqa: PLR2004  two hours
    before = f"{view['knownState']} when Onfido last answered, " if view["state"] != view["knownState"] else ""
    changed = ", changed since" if view["isOutdated"] else ""
    return f"{words} ({before}{age} ago{changed})"


def set_up(opened: Services, added: Provider, public_url: str, *, has_webhook: bool) -> Readiness:
    """Test a new provider and, if Onfido accepts its token, register its webhook, if requested.

    It is then tested once more, because the recorded health would otherwise be that without the webhook.
    """
    tenant = opened.tenants.named(added.tenant)
    readiness: Readiness = opened.setup.test(tenant, added.provider_id, public_url, probes_delivery=False)
    if not has_webhook:
        return _replaced(readiness, not_checked(WEBHOOK, "--no-webhook"))
    if not any(check.passed for check in readiness.checks if check.name == TOKEN):
        return readiness
    refused = _register(opened, added, public_url)
    if refused is not None:
        return _replaced(readiness, refused)
    return opened.setup.test(tenant, added.provider_id, public_url, probes_delivery=False)


def print_trial(readiness: Readiness, *, as_json: bool) -> None:
    """Print the results of testing a configuration; raise `ClickException` if a check failed."""
    if as_json:
        print_json(readiness_view(readiness))
    else:
        print_checks(readiness)
    if not readiness.passed:
        raise click.ClickException(
            f"The configuration would not work: {', '.join(readiness.failed)}. Nothing was saved."
        )


def print_checks(readiness: Readiness) -> None:
    """Print a line for each check."""
    print_marked([(check.passed, check.name, check.detail) for check in readiness.checks])


def readiness_view(readiness: Readiness) -> dict[str, Any]:
    """Return the API's view of the checks."""
    from connector.api.shapes.setup import ReadinessSchema  # noqa: PLC0415

    view: dict[str, Any] = ReadinessSchema().dump(readiness)
    return view


def _register(opened: Services, added: Provider, public_url: str) -> Check | None:
    """Register the webhook; return the failed check if that was refused."""
    try:
        opened.setup.add_webhook(opened.tenants.named(added.tenant), added.provider_id, public_url, actor())
    except (RequestError, OnfidoError) as error:
        return Check(WEBHOOK, False, error.description)
    return None


def _replaced(readiness: Readiness, check: Check) -> Readiness:
    return replace(readiness, checks=tuple(check if each.name == check.name else each for each in readiness.checks))
