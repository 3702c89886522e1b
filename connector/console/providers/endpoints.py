"""Notices: the endpoints that are notified of a provider, and whether they accept the notices."""

from __future__ import annotations

from flask import g, redirect, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from connector.api.shares import Lasting
from connector.console.ground import use_cases
from connector.console.notices import notify
from connector.console.providers import page
from connector.console.story import Story
from connector.console.viewer import actor
from connector.domain.notices import Endpoint
from connector.services.application.endpoints import Endpoints


def install(story: Story) -> None:
    """Add the tab to the story of providers."""
    story.page("/<provider_id>/notices", scope=page.VIEW)(show_notices)
    story.act("/<provider_id>/notices/<endpoint_id>/test", scope=page.UPDATE, lasting=Lasting.ONFIDO)(send_test)


def show_notices(provider_id: str) -> str:
    """Show the endpoints that are notified of a provider."""
    provider = page.find(provider_id)
    known = _endpoints().all(g.tenant, provider_id)
    return page.show_tab("console/providers/notices.html", provider, "notices", _sentence(known), endpoints=known)


def send_test(provider_id: str, endpoint_id: str) -> Response:
    """Send a test notice to an endpoint."""
    page.find(provider_id)
    answered, problem = _endpoints().test(g.tenant, endpoint_id, actor())
    if problem is None:
        notify(_("The application accepted the test notice: it answered %(status)s.", status=answered.status))
    else:
        notify(_("The application did not accept the test notice: %(why)s", why=problem), kind="bad")
    return redirect(url_for(".show_notices", provider_id=provider_id))


def _sentence(known: list[Endpoint]) -> str:
    if not known:
        return str(_("No application is notified of events of this provider."))
    return str(ngettext("%(num)s endpoint is notified.", "%(num)s endpoints are notified.", len(known)))


def _endpoints() -> Endpoints:
    endpoints: Endpoints = use_cases().endpoints
    return endpoints
