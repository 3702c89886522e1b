"""The first page: whether verification works, the administrator's open tasks, and the figures of a period.

Each part is looked up separately: if one fails, it shows its error and the others remain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from flask import Response, g, render_template, request

from connector.console.ground import use_cases
from connector.console.home import figures, situation
from connector.console.home.needs import VALUES, VIEW, find_needs, provider_url
from connector.console.home.parts import attempt, link
from connector.console.live import live_part
from connector.console.story import Story
from connector.domain.providers.health import Health
from connector.domain.providers.provider import Provider
from connector.errors import message_of
from connector.services.providers.health import HealthRecords
from connector.services.providers.registry import Providers

story = Story("home")


@story.page(scope=None)
def show_home() -> str:
    """Show the first page."""
    providers = attempt("providers", _providers)
    filters = figures.filters_of(providers.value or ())
    return render_template(
        "console/home/home.html",
        providers=providers,
        health=attempt("health", _health) if g.viewer.may(VIEW) else None,
        is_first_start=providers.value == [],
        filters=filters,
        leaves_out_sandbox=filters.value("environment") is None and figures.has_sandbox(providers.value or ()),
        periods=figures.periods_of(filters),
        numbers=attempt("numbers", lambda: figures.numbers_of(filters)) if g.viewer.may(VALUES) else None,
        fields=_fields(providers.value or ()),
        may_add=g.viewer.may("internal_idvp_add"),
        first_url=link("providers.show_new") or link("providers.create"),
        provider_url=provider_url,
        refusal_text=message_of,
        **_top(),
    )


@story.page("/needs", scope=None, is_polled=True)
def show_needs() -> Response:
    """Show the head of the first page again if it has changed."""
    top = _top()
    return live_part("console/home/top.html", top.pop("version"), **top)


def _top() -> dict[str, Any]:
    """Return the sentence and the viewer's open tasks, with a version that changes when these do."""
    needs = find_needs()
    head = attempt("situation", lambda: situation.describe(len(needs.items)))
    text = repr((head.value, needs))
    return {"head": head, "needs": needs, "version": hashlib.sha256(text.encode()).hexdigest()[:16]}


def _providers() -> list[Provider]:
    registry: Providers = use_cases().providers
    return registry.all(g.tenant)


def _health() -> list[Health]:
    records: HealthRecords = use_cases().health_records
    return records.all(g.tenant)


def _fields(providers: Sequence[Provider]) -> dict[str, str]:
    """Return the Onfido fields of the claims, for the provider that the page is about or for all."""
    chosen = request.args.get("provider")
    return {
        uri: name for each in providers if chosen in (None, "", each.provider_id) for uri, name in each.claims.items()
    }
