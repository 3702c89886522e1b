"""Notices: the endpoints that are notified of a provider, whether they accept the notices, and the actions on them.

The pages of `deliveries/endpoints.py` act on an endpoint, and lead back here.
"""

from __future__ import annotations

from flask import g
from flask_babel import gettext as _
from flask_babel import ngettext

from connector.console.deliveries.endpoints import state_of
from connector.console.deliveries.rows import EVENTS
from connector.console.ground import use_cases
from connector.console.providers import page
from connector.console.story import Story
from connector.domain.notices import Endpoint
from connector.services.application.endpoints import Endpoints


def install(story: Story) -> None:
    """Add the tab to the story of providers."""
    story.page("/<provider_id>/notices", scope=page.VIEW)(show_notices)


def show_notices(provider_id: str) -> str:
    """Show the endpoints that are notified of a provider."""
    provider = page.find(provider_id)
    endpoints: Endpoints = use_cases().endpoints
    known = endpoints.all(g.tenant, provider_id)
    return page.show_tab(
        "console/providers/notices.html",
        provider,
        "notices",
        _sentence(known),
        endpoints=known,
        events=EVENTS,
        state_of=state_of,
    )


def _sentence(known: list[Endpoint]) -> str:
    if not known:
        return str(_("No application is notified of events of this provider."))
    return str(ngettext("%(num)s endpoint is notified.", "%(num)s endpoints are notified.", len(known)))
