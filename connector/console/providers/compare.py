"""Two providers side by side, such as the one of the sandbox and the one for live: where their settings differ.

What one has can be copied to the other: its configuration without secrets, which the page of the import shows first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import g, request
from flask_babel import gettext as _
from flask_babel import ngettext

from connector.api.provider_file import changes_by, file_of
from connector.console.ground import use_cases
from connector.console.providers import health_words, page
from connector.console.story import Story
from connector.domain.providers.provider import Provider
from connector.services.providers.health import HealthRecords

OWN = ("name", "isEnabled")  # members of a file that stay those of the provider to which the others are copied


def install(story: Story) -> None:
    """Add the page to the story of providers."""
    story.page("/<provider_id>/compare", scope=page.VIEW)(show_comparison)


def show_comparison(provider_id: str) -> str:
    """Show where the settings of a provider differ from those of another one."""
    provider = page.find(provider_id)
    others = [each for each in page.registry().all(g.tenant) if each.provider_id != provider_id]
    other = next((each for each in others if each.provider_id == request.args.get("with")), None)
    differing = {} if other is None else changes_by(provider, copied(other, provider))
    return page.show_tab(
        "console/providers/compare.html",
        provider,
        "general",
        _sentence(others, other, len(differing)),
        others=others,
        other=other,
        differences=differing,
        sides=[] if other is None else [(each, _health(each)) for each in (provider, other)],
        health_states=health_words.HEALTH,
        failed=health_words.failed_words,
        copied="" if other is None else json.dumps(copied(provider, other)),
    )


def copied(source: Provider, target: Provider) -> Mapping[str, Any]:
    """Return a file with the configuration of one provider, for another one."""
    return file_of(source) | {name: file_of(target)[name] for name in OWN}


def _sentence(others: list[Provider], other: Provider | None, number: int) -> str:
    if not others:
        return str(_("There is no other provider to compare it with."))
    if other is None:
        return str(_("Choose the provider to compare it with."))
    if not number:
        return str(_("Both have the same settings."))
    return str(ngettext("%(num)s setting differs.", "%(num)s settings differ.", number))


def _health(provider: Provider) -> Any:
    records: HealthRecords = use_cases().health_records
    return records.of(g.tenant, provider.provider_id)
