"""Set up: the steps, each detected as complete or shown with its instructions."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from flask import g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from connector.api.middleware.shares import Lasting
from connector.console.confirm import confirm, is_part_wanted
from connector.console.descriptions import description_of
from connector.console.ground import now, public_url, use_cases
from connector.console.live import live_part
from connector.console.meanwhile import Overtaken, replaced_meanwhile
from connector.console.notices import notify
from connector.console.providers import health_words, page
from connector.console.providers.example import example_of
from connector.console.story import Story
from connector.console.translations import say
from connector.console.viewer import actor
from connector.domain.notices import Endpoint
from connector.domain.providers.provider import Provider, setup_guide
from connector.domain.providers.setup_steps import CHECKING
from connector.errors import Code, InvalidField, RequestError
from connector.services.application.endpoints import Endpoints
from connector.services.providers.progress import Progress
from connector.services.providers.setup import Setup

FRESH = timedelta(seconds=60)  # a check that is younger is not made again when the page opens
OFTEN, SELDOM = 3, 15  # seconds between two requests of the page: while a check is in progress, and otherwise


def install(story: Story) -> None:
    """Add the tab to the story of providers."""
    story.page("/<provider_id>", scope=page.VIEW)(show_provider)
    story.page("/<provider_id>/setup", scope=page.VIEW)(show_setup)
    story.page("/<provider_id>/setup/steps", scope=page.VIEW, is_polled=True)(show_steps)
    story.action("/<provider_id>/setup/check", scope=page.UPDATE, lasting=Lasting.ONFIDO)(check)
    story.action("/<provider_id>/setup/webhook", scope=page.UPDATE, lasting=Lasting.ONFIDO)(register_webhook)
    story.action("/<provider_id>/setup/webhook-token", scope=page.UPDATE, lasting=Lasting.ONFIDO)(set_webhook_token)
    story.page("/<provider_id>/setup/webhook/remove", scope=page.UPDATE)(ask_remove_webhook)
    story.action("/<provider_id>/setup/webhook/remove", scope=page.UPDATE, lasting=Lasting.ONFIDO)(remove_webhook)


def show_provider(provider_id: str) -> Response:
    """Redirect to the first tab of a provider."""
    is_set_up = page.progress_of(provider_id).is_done
    return redirect(page.tabs_of(provider_id, is_set_up=is_set_up)[0][1])


def show_setup(provider_id: str) -> str:
    """Show how far a provider is set up, and check it if the last check is old."""
    provider = page.find(provider_id)
    progress = page.progress_of(provider_id)
    return page.show_tab(
        "console/providers/setup.html",
        provider,
        "setup",
        _("Steps are detected automatically."),
        is_old=_is_old(progress),
        **_context(provider, progress),
    )


def show_steps(provider_id: str) -> Response:
    """Show the steps only, in their current state."""
    provider = page.find(provider_id)
    progress = page.progress_of(provider_id)
    context = _context(provider, progress)
    return live_part("console/providers/steps.html", **_alone(provider), **context)


def check(provider_id: str) -> str | Response:
    """Check a provider at Onfido now."""
    provider = page.find(provider_id)
    _setup().test(g.tenant, provider_id, public_url())
    if not is_part_wanted():
        return redirect(url_for(".show_setup", provider_id=provider_id))
    context = _context(provider, page.progress_of(provider_id))
    return render_template("console/providers/steps.html", **_alone(provider), **context)


def register_webhook(provider_id: str) -> Response:
    """Register the webhook at Onfido, or repair it; the guide itself shows that our address cannot be used."""
    try:
        webhook = _setup().add_webhook(g.tenant, provider_id, public_url(), actor())
    except RequestError as error:
        if error.code is not Code.CONFIGURATION_INVALID:
            raise
        notify(_("The webhook was not registered. %(why)s", why=description_of(error)), kind="bad")
        return redirect(url_for(".show_setup", provider_id=provider_id))
    notify(_("The webhook is registered at Onfido.") if webhook.is_new else _("The webhook at Onfido is repaired."))
    return _checked(provider_id)


def set_webhook_token(provider_id: str) -> Response:
    """Register the token of a webhook that was created in Onfido's dashboard."""
    provider, token = page.find(provider_id), request.form.get("webhook_token", "").strip()
    if not token:
        notify(_("Nothing was changed: paste the token that Onfido shows."), kind="wait")
        return redirect(url_for(".show_setup", provider_id=provider_id))
    try:
        page.change(provider, webhook_token=token)
    except Overtaken:
        return replaced_meanwhile(url_for(".show_setup", provider_id=provider_id))
    except InvalidField as error:
        notify(_("The token was not saved: it %(why)s.", why=say(error.why)), kind="bad")
        return redirect(url_for(".show_setup", provider_id=provider_id))
    notify(_("The webhook's token is saved."))
    return _checked(provider_id)


def ask_remove_webhook(provider_id: str) -> str:
    """Ask before the webhook is removed."""
    provider = page.find(provider_id)
    return confirm(
        _("Remove the webhook of %(name)s?", name=provider.name),
        _("It is deleted at Onfido and its token here. Results then arrive later, because each is read from Onfido."),
        verb=_("Remove"),
        action=url_for(".remove_webhook", provider_id=provider_id),
        back=url_for(".show_setup", provider_id=provider_id),
    )


def remove_webhook(provider_id: str) -> Response:
    """Remove the webhook at Onfido and its token here."""
    _setup().remove_webhook(g.tenant, provider_id, public_url(), actor())
    notify(_("The webhook is removed."))
    return _checked(provider_id)


def _checked(provider_id: str) -> Response:
    _setup().test(g.tenant, provider_id, public_url())
    return redirect(url_for(".show_setup", provider_id=provider_id))


def _context(provider: Provider, progress: Progress) -> dict[str, Any]:
    guide = setup_guide(provider, public_url())
    is_checking = any(step.state == CHECKING for step in progress.steps)
    states = [(step.name, step.state, step.text) for step in progress.steps]
    are_shown = not progress.is_done or request.args.get("steps") == "all"
    return {
        "progress": progress,
        "are_shown": are_shown,
        "step_states": health_words.STEPS,
        "webhook_url": guide.webhook_url,
        "events": provider.events,
        "endpoints": _endpoints(provider),
        "example": example_of(provider),
        "tab_urls": dict(_tab_urls(provider.provider_id)),
        "seconds": OFTEN if is_checking else SELDOM,
        "version": hashlib.sha256(repr((states, progress.health.tried_at, are_shown)).encode()).hexdigest()[:16],
    }


def _endpoints(provider: Provider) -> list[Endpoint]:
    """Return the endpoints to which a test notice can be sent."""
    endpoints: Endpoints = use_cases().endpoints
    return [each for each in endpoints.all(g.tenant, provider.provider_id) if each.disabled_because is None]


def _alone(provider: Provider) -> dict[str, Any]:
    """Return the context of the steps outside their tab."""
    return {"provider": provider, "may_change": g.viewer.may(page.UPDATE)}


def _tab_urls(provider_id: str) -> list[tuple[str, str]]:
    shown = page.tabs_of(provider_id)
    return [(url.rpartition("/")[2], url) for _text, url, _here in shown]


def _is_old(progress: Progress) -> bool:
    health = progress.health
    return not health.is_checking and (health.tried_at is None or health.is_outdated or now() - health.tried_at > FRESH)


def _setup() -> Setup:
    setup: Setup = use_cases().setup
    return setup
