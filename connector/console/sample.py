"""A page that shows every component of pages, for developers; under --dev only."""

from __future__ import annotations

from datetime import timedelta

from flask import redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response
from wtforms import BooleanField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from connector.console.confirm import confirm, is_typed
from connector.console.filters import Choice, Filters
from connector.console.forms import Form, SecretField
from connector.console.ground import now, settings
from connector.console.live import live_part, part
from connector.console.notices import notify
from connector.console.story import Story

story = Story("sample")

SCOPE = "internal_idvp_view"


class SampleForm(Form):
    """Every kind of field."""

    name = StringField(_l("Name"), [InputRequired(_l("must not be empty")), Length(max=40)])
    region = RadioField(
        _l("Region"),
        choices=[SelectChoice("eu", "EU"), SelectChoice("us", "US"), SelectChoice("ca", "Canada")],
        default="eu",
    )
    dialect = SelectField(_l("Claims"), choices=[SelectChoice("wso2", "WSO2"), SelectChoice("oidc", "OpenID Connect")])
    token = SecretField(_l("API token"), is_set=True, description=_l("It is stored encrypted and never shown."))
    note = TextAreaField(_l("Description"))
    is_enabled = BooleanField(_l("Enabled"), description=_l("Users can start verifications."))


@story.page(scope=SCOPE)
def show() -> str:
    """Show all components."""
    _require_dev()
    filters = Filters(
        Choice("status", _("Status"), {"review": _("In review"), "approved": _("Approved")}, is_several=True),
        Choice("environment", _("Environment"), {"live": _("Live"), "sandbox": _("Sandbox")}),
        text={"user": _("User")},
    )
    return render_template("console/sample.html", form=SampleForm(), filters=filters, **_examples())


@story.action("/form", scope=SCOPE, is_shown_again=True)
def save() -> str | Response:
    """Save the form."""
    _require_dev()
    form = SampleForm()
    if not form.validate():
        return render_template("console/sample.html", form=form, filters=Filters(), **_examples())
    notify(_("Saved %(name)s.", name=form.name.data), undo_url=url_for(".undo"), undo={"name": form.name.data or ""})
    return redirect(url_for(".show"))


@story.action("/undo", scope=SCOPE)
def undo() -> Response:
    """Undo it."""
    _require_dev()
    notify(_("Undone."))
    return redirect(url_for(".show"))


@story.page("/remove", scope=SCOPE)
def ask() -> str:
    """Ask before removing."""
    _require_dev()
    return confirm(
        _("Remove Onfido EU?"),
        _("Removes 41,203 verifications and what they verified for 38,951 users. This cannot be undone."),
        verb=_("Remove"),
        action=url_for(".remove"),
        back=url_for(".show"),
        type_to_confirm="onfido-eu",
        reason_label=_("Reason"),
    )


@story.action("/remove", scope=SCOPE)
def remove() -> Response:
    """Remove it if the id was typed."""
    _require_dev()
    is_confirmed = is_typed("onfido-eu")
    notify(
        _("Removed.") if is_confirmed else _("Nothing was removed: the id did not match."),
        kind="good" if is_confirmed else "bad",
    )
    return redirect(url_for(".show"))


@story.page("/live", scope=SCOPE, is_polled=True)
def show_live() -> Response:
    """Show the part that is polled."""
    return live_part("console/sample_live.html", "1", now=now())


@story.page("/later", scope=SCOPE)
def show_later() -> str:
    """Show the panel that is loaded later."""
    return part("console/sample_later.html", _("Comes later"), url_for(".show"))


@story.page("/broken", scope=SCOPE)
def show_broken() -> str:
    """Fail, as a panel may without its page."""
    _require_dev()
    raise RuntimeError("a sample of an error")


@story.page("/control", scope=SCOPE)
def show_control() -> str:
    """Show a page with an inline handler, which the policy blocks: the tests make sure that they would notice one."""
    _require_dev()
    return render_template("console/sample_control.html")


def _require_dev() -> None:
    if not settings().dev:
        raise NotFound


def _examples() -> dict[str, object]:
    return {
        "now": now(),
        "times": [now() - timedelta(seconds=each) for each in (2, 90, 4000, 90_000, 9_000_000)],
        "column_days": [(f"{at + 9} Nov", (90 + at * 9, at % 4, 9 + at % 5, 20, at % 3)) for at in range(14)],
        "points": [66, 68, 67, 70, 69, 71, 70, 69, 72, 73],
        "outcomes": [("good", 94, _("Verified")), ("bad", 4, _("Differs")), ("none", 2, _("Not compared"))],
    }
