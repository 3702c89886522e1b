"""Limits: the number of attempts of a user, and the substitute for a missing name."""

from __future__ import annotations

from flask import redirect, url_for
from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import DecimalField, IntegerField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from connector.console.forms import Form
from connector.console.notices import notify
from connector.console.providers import page
from connector.console.story import Story
from connector.domain.providers.provider import LONGEST_WINDOW, Provider
from connector.errors import InvalidField

HOUR = 3600
FIELDS = {
    "configProperties.max_attempts": "max_attempts",
    "configProperties.attempt_window": "attempt_hours",
    "configProperties.missing_name": "missing_name",
}


class LimitsForm(Form):
    """The limits of a provider."""

    max_attempts = IntegerField(_l("Verifications a user may start"), [InputRequired(_l("must be a whole number"))])
    attempt_hours = DecimalField(
        _l("Within this number of hours"),
        [InputRequired(_l("must be a number")), NumberRange(0, LONGEST_WINDOW, _l("must be a number"))],
        places=None,
    )
    missing_name = StringField(
        _l("For a person with only one name"),
        [Optional(), Length(max=255)],
        description=_l(
            "What is sent as the other name: repeat (the same one), or a placeholder. Empty: such a person cannot be "
            "verified."
        ),
    )


def install(story: Story) -> None:
    """Add the tab to the story of providers."""
    story.page("/<provider_id>/limits", scope=page.VIEW)(show_limits)
    story.action("/<provider_id>/limits", scope=page.UPDATE, is_shown_again=True)(save_limits)


def show_limits(provider_id: str) -> str:
    """Show the form."""
    provider = page.find(provider_id)
    return _page(provider, LimitsForm(obj=provider, attempt_hours=_hours(provider)))


def save_limits(provider_id: str) -> str | Response:
    """Save the form."""
    provider, form = page.find(provider_id), LimitsForm()
    if not form.validate():
        return _page(provider, form)
    before = {"max_attempts": provider.max_attempts, "attempt_window": provider.attempt_window}
    try:
        page.change(
            provider,
            max_attempts=form.max_attempts.data,
            attempt_window=_window(provider, form),
            missing_name=(form.missing_name.data or "").strip() or None,
        )
    except InvalidField as error:
        form.reject(error, FIELDS)
        return _page(provider, form)
    notify(
        _(
            "Saved. It was %(n)s within %(hours)s hours.",
            n=before["max_attempts"],
            hours=before["attempt_window"] // HOUR,
        )
    )
    return redirect(url_for(".show_limits", provider_id=provider_id))


def _hours(provider: Provider) -> float:
    hours = provider.attempt_window / HOUR
    return int(hours) if hours.is_integer() else round(hours, 2)


def _window(provider: Provider, form: LimitsForm) -> int:
    """Return the window in seconds; unchanged hours keep the exact window, although the form shows them rounded."""
    hours = float(form.attempt_hours.data)
    return provider.attempt_window if hours == _hours(provider) else int(hours * HOUR)


def _page(provider: Provider, form: LimitsForm) -> str:
    sentence = ngettext(
        "A user may start %(num)s verification within %(hours)s hours.",
        "A user may start %(num)s verifications within %(hours)s hours.",
        provider.max_attempts,
        hours=format_decimal(_hours(provider)),
    )
    return page.show_tab("console/providers/limits.html", provider, "limits", sentence, form=form)
