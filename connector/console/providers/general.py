"""General: the name, the region and the workflow of a provider."""

from __future__ import annotations

from flask import redirect as redirect_to
from flask import request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from connector.api.middleware.shares import Lasting
from connector.console.forms import Form, UuidField
from connector.console.notices import notify
from connector.console.providers import page
from connector.console.providers.trying import refused_by_onfido
from connector.console.story import Story
from connector.errors import InvalidField, RequestError

_EMPTY = _l("must not be empty")
FIELDS = {f"configProperties.{name}": name for name in ("workflow_id", "base_url", "accent_color")}


class GeneralForm(Form):
    """The name of a provider, its region and its workflow."""

    name = StringField(_l("Name"), [InputRequired(_EMPTY), Length(max=255)])
    description = TextAreaField(_l("Description"), [Optional(), Length(max=2048)])
    image = StringField(_l("Picture"), [Optional(), Length(max=2048)], description=_l("An https address."))
    base_url = StringField(
        _l("Base URL"), [InputRequired(_EMPTY)], description=_l("Of the region of the account at Onfido.")
    )
    accent_color = StringField(
        _l("Accent colour"),
        [Optional(), Length(max=7)],
        description=_l("Of the user's page, such as #2450c8. It must be dark enough to be read on white."),
    )
    workflow_id = UuidField(
        _l("Workflow id"),
        [InputRequired(_EMPTY)],
        description=_l("From Onfido Studio. Open runs keep the old workflow."),
    )


def install(story: Story) -> None:
    """Add the tab to the story of providers."""
    story.page("/<provider_id>/general", scope=page.VIEW)(show_general)
    story.action("/<provider_id>/general", scope=page.UPDATE, lasting=Lasting.ONFIDO, is_shown_again=True)(save_general)


def show_general(provider_id: str) -> str:
    """Show the form."""
    provider = page.find(provider_id)
    return _page(provider_id, GeneralForm(obj=provider))


def save_general(provider_id: str) -> str | Response:
    """Save the form; another workflow or region is tried at Onfido first."""
    provider, form = page.find(provider_id), GeneralForm()
    if not form.validate():
        return _page(provider_id, form)
    changes = {name: (form[name].data or "").strip() for name in form.data}
    changes["accent_color"] = changes["accent_color"] or None
    try:
        if request.form.get("do") != "save" and (why := refused_by_onfido(provider, **changes)):
            form.form_errors.append(why)
            return _page(provider_id, form, has_failed=True)
        page.change(provider, **changes)
    except InvalidField as error:
        form.reject(error, FIELDS)
        return _page(provider_id, form)
    except RequestError as error:
        form.name.errors = [*form.name.errors, page.objection_of(error)]
        return _page(provider_id, form)
    notify(_("Saved."))
    return redirect_to(url_for(".show_general", provider_id=provider_id))


def _page(provider_id: str, form: GeneralForm, *, has_failed: bool = False) -> str:
    provider = page.find(provider_id)
    sentence = _("Changes apply to verifications that start from now on.")
    return page.show_tab(
        "console/providers/general.html", provider, "general", sentence, form=form, has_failed=has_failed
    )
