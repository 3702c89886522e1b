"""The list of providers, with the health of each."""

from __future__ import annotations

from collections.abc import Mapping

from flask import g, render_template
from flask_babel import gettext as _

from connector.console.filters import Choice, Filters
from connector.console.ground import use_cases
from connector.console.providers import health_words, page
from connector.console.story import Story
from connector.console.verify.policy import loadable, page_policy
from connector.domain.frozen import frozen
from connector.domain.providers.health import STATES, Health
from connector.domain.providers.provider import Provider
from connector.domain.providers.readiness import never_verified
from connector.services.lookup.statistics import StatisticsLookup
from connector.services.providers.health import HealthRecords

REGIONS = {
    "https://api.eu.onfido.com/v3.6": "EU",
    "https://api.us.onfido.com/v3.6": "US",
    "https://api.ca.onfido.com/v3.6": "Canada",
}


@frozen
class Line:
    """A provider in the list: `compared` of its `attributes` can be verified, `results` ended in the last 24 hours."""

    provider: Provider
    health: Health
    region: str
    attributes: int
    compared: int
    results: int | None


def install(story: Story) -> None:
    """Add the list to the story of providers."""
    story.page(scope=page.VIEW)(show_list)


def show_list() -> str:
    """Show all providers with the last check of each."""
    records: HealthRecords = use_cases().health_records
    health = records.all(g.tenant)
    filters = _filters()
    by_id = {each.provider_id: each for each in health}
    results = _results()
    lines = [
        _line(provider, by_id[provider.provider_id], None if results is None else results.get(provider.provider_id, 0))
        for provider in page.registry().all(g.tenant)
        if provider.provider_id in by_id
    ]
    shown = [line for line in lines if _matches(line, filters)]
    images = loadable([line.provider.image for line in shown])
    g.content_policy = page_policy(*sorted(images))
    return render_template(
        "console/providers/list.html",
        lines=shown,
        images=images,
        has_any=bool(lines),
        to_drop=[] if shown else filters.to_drop(lambda others: any(_matches(line, others) for line in lines)),
        filters=filters,
        sentence=health_words.list_sentence(health),
        states=health_words.HEALTH,
        failed=health_words.failed_words,
    )


def _results() -> Mapping[str, int] | None:
    """Return how many verifications of each provider had a result; None for people who may not see results."""
    statistics: StatisticsLookup = use_cases().statistics
    return statistics.results_of_a_day(g.tenant) if g.viewer.may(page.RESULTS) else None


def _line(provider: Provider, health: Health, results: int | None) -> Line:
    attributes = len({*provider.claims, *provider.studio.by_claim})
    compared = attributes - len(never_verified(provider))
    return Line(provider, health, region_of(provider), attributes, compared, results)


def region_of(provider: Provider) -> str:
    """Return the region of a provider, or the host of its base URL."""
    return REGIONS.get(provider.base_url) or provider.base_url.partition("://")[2].partition("/")[0]


def _filters() -> Filters:
    states: Mapping[str, str] = {name: str(health_words.HEALTH[name].text) for name in STATES}
    return Filters(
        Choice("health", _("Health"), states),
        Choice("environment", _("Environment"), {"live": _("Live"), "sandbox": _("Sandbox")}),
        Choice("enabled", _("Enabled"), {"yes": _("Yes"), "no": _("No")}),
    )


def _matches(line: Line, filters: Filters) -> bool:
    chosen = {
        "health": line.health.state,
        "environment": line.provider.environment,
        "enabled": "yes" if line.provider.is_enabled else "no",
    }
    return all(filters.value(name) in (None, value) for name, value in chosen.items())
