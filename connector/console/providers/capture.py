"""Capture of a provider: how users go through it, and the effect of a later watchlist match."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import BooleanField, IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, NumberRange, Optional

from connector.console.forms import Form
from connector.console.ground import use_cases
from connector.console.notices import notify
from connector.console.providers import page
from connector.console.story import Story
from connector.domain.providers.provider import Provider
from connector.domain.studio.capture import LANGUAGES, LINK, SDK, SdkOptions
from connector.domain.studio.studio import LinkDefaults, Studio
from connector.domain.studio.watchlist import AML, STANDARD
from connector.errors import InvalidField
from connector.services.lookup.match_impact import Impact, MatchImpact

HOUR = timedelta(hours=1).total_seconds()
NAMES = {
    "de_DE": "Deutsch",
    "en_US": "English",
    "es_ES": "Español",
    "fr_FR": "Français",
    "it_IT": "Italiano",
    "nl_NL": "Nederlands",
    "pt_PT": "Português",
}
FIELDS = {
    "studio.link.redirectUrls": "redirects",
    "studio.link.completedRedirectUrl": "completed",
    "studio.link.expiredRedirectUrl": "expired",
    "studio.link.lifetime": "hours",
    "studio.link.language": "language",
    "studio.sdk.referrer": "referrer",
    "studio.sdk.applicationId": "application_id",
    "studio.sdk.crossDeviceUrl": "cross_device",
}


class CaptureForm(Form):
    """How users go through capture."""

    capture = RadioField(
        _l("Users go through capture"),
        choices=[
            SelectChoice(SDK, _l("in the application, with Onfido's SDK")),
            SelectChoice(LINK, _l("on Onfido's page, at a link")),
        ],
    )
    redirects = TextAreaField(
        _l("Addresses that the application may send users back to"),
        description=_l("One in each line. An application chooses one of them for a link."),
    )
    completed = StringField(_l("Where users go when they have finished"), [Length(max=2048)])
    expired = StringField(_l("Where users go when the link has expired"), [Length(max=2048)])
    hours = IntegerField(
        _l("A link is valid for, in hours"),
        [Optional(), NumberRange(min=1, max=24 * 365)],
        description=_l("Empty: Onfido's default."),
    )
    language = SelectField(
        _l("Language"),
        choices=[
            SelectChoice("", _l("The browser's language")),
            *(SelectChoice(each, NAMES[each]) for each in sorted(LANGUAGES, key=NAMES.__getitem__)),
        ],
    )
    referrer = StringField(
        _l("Web pages on which the SDK's token is valid"),
        [Length(max=2048)],
        description=_l("A pattern such as https://*.example.com/*. Empty: on any page."),
    )
    application_id = StringField(_l("Mobile application in which the token is valid"), [Length(max=255)])
    cross_device = StringField(_l("Page on which users continue on their phone"), [Length(max=2048)])
    withdraws = BooleanField(
        _l("Withdraw what is verified when a watchlist matches"),
        description=_l("Everything that is verified of the user then has to be verified again."),
    )
    monitor = SelectField(
        _l("Watchlist monitor"),
        choices=[
            SelectChoice("", _l("None")),
            SelectChoice(STANDARD, _l("Standard watchlists")),
            SelectChoice(AML, _l("Watchlists against money laundering (AML)")),
        ],
        description=_l("Onfido watches each user from the moment the user is verified, and until no longer."),
    )


def install(story: Story) -> None:
    """Add the tab to the story of providers."""
    story.page("/<provider_id>/capture", scope=page.VIEW)(show_capture)
    story.action("/<provider_id>/capture", scope=page.UPDATE, is_shown_again=True)(edit_capture)


def show_capture(provider_id: str) -> str:
    """Show how users go through capture."""
    provider = page.find(provider_id)
    return _page(provider, CaptureForm(formdata=None, data=_stored(provider.studio)))


def edit_capture(provider_id: str) -> str | Response:
    """Save how users go through capture."""
    provider, form = page.find(provider_id), CaptureForm(request.form)
    if form.validate():
        try:
            page.change(provider, studio=_studio(provider.studio, form))
        except InvalidField as error:
            form.reject(error, FIELDS)
        else:
            notify(_("Capture is saved. Verifications that start from now on use it."))
            return redirect(url_for(".show_capture", provider_id=provider_id))
    return _page(provider, form)


def _page(provider: Provider, form: CaptureForm) -> str:
    is_link = provider.studio.capture == LINK
    sentence = _("Users go to Onfido's page.") if is_link else _("Users stay in the application, with Onfido's SDK.")
    return page.show_tab(
        "console/providers/capture.html", provider, "capture", sentence, form=form, impact=_impact(provider)
    )


def _impact(provider: Provider) -> Impact:
    impact: MatchImpact = use_cases().match_impact
    return impact.estimate(g.tenant, provider.provider_id)


def _stored(studio: Studio) -> dict[str, Any]:
    link, sdk = studio.link, studio.sdk
    return {
        "capture": studio.capture,
        "redirects": "\n".join(link.redirect_urls),
        "completed": link.completed_redirect_url,
        "expired": link.expired_redirect_url,
        "hours": None if link.lifetime is None else max(1, round(link.lifetime / HOUR)),
        "language": link.language or "",
        "referrer": sdk.referrer,
        "application_id": sdk.application_id,
        "cross_device": sdk.cross_device_url,
        "withdraws": studio.unverifies_on_match,
        "monitor": studio.watchlist_monitor or "",
    }


def _studio(before: Studio, form: CaptureForm) -> Studio:
    hours = form.hours.data
    is_same = hours is not None and before.link.lifetime is not None and hours == round(before.link.lifetime / HOUR)
    return replace(
        before,
        capture=form.capture.data,
        link=LinkDefaults(
            redirect_urls=tuple(url.strip() for url in (form.redirects.data or "").splitlines() if url.strip()),
            completed_redirect_url=_text(form.completed),
            expired_redirect_url=_text(form.expired),
            lifetime=before.link.lifetime if is_same else None if hours is None else int(hours * HOUR),
            language=form.language.data or None,
        ),
        sdk=SdkOptions(_text(form.referrer), _text(form.application_id), _text(form.cross_device)),
        unverifies_on_match=form.withdraws.data,
        watchlist_monitor=form.monitor.data or None,
    )


def _text(field: StringField) -> str | None:
    return (field.data or "").strip() or None
