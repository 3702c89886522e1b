"""Registering a provider in one form, which is tested before it is saved.

With JavaScript the form is posted in the background, so that the token remains in its field: the server never sends
it back.
"""

from __future__ import annotations

from flask import Response, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as BaseResponse
from wtforms import RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional, StopValidation

from connector.api.middleware.shares import Lasting
from connector.console.confirm import is_part_wanted
from connector.console.forms import Form, SecretField, UuidField
from connector.console.ground import use_cases
from connector.console.notices import notify
from connector.console.providers import health_words, page
from connector.console.providers.listing import REGIONS
from connector.console.story import Story
from connector.console.viewer import actor
from connector.domain.claims import MAX_CLAIM, REQUIRED_FIELDS
from connector.domain.providers.provider import Provider, ProviderConfig
from connector.domain.providers.readiness import Readiness
from connector.errors import InvalidField, RequestError
from connector.services.providers.trial import Trials
from connector.shipped import dialects

ADD = "internal_idvp_add"
NO_DIALECT = "none"
FIELDS = {
    "configProperties.token": "token",
    "configProperties.client_id": "client_id",
    "configProperties.client_secret": "client_secret",
    "configProperties.workflow_id": "workflow_id",
    "configProperties.base_url": "base_url",
}


def _check_named(form: CreateForm, claim: StringField) -> None:
    """Require the claims of the names without a dialect; with one, ignore what the fields contain."""
    if form.dialect.data != NO_DIALECT:
        raise StopValidation
    if not (claim.data or "").strip():
        raise StopValidation(str(_("must not be empty")))


class CreateForm(Form):
    """The fields that a new provider needs."""

    name = StringField(
        _l("Name"),
        [InputRequired(_l("must not be empty")), Length(max=255)],
        description=_l("Distinguishes it from other providers."),
        default="Onfido",
    )
    region = RadioField(
        _l("Region"),
        choices=[SelectChoice(url, label) for url, label in REGIONS.items()],
        default=next(iter(REGIONS)),
        validators=[Optional()],
    )
    token = SecretField(
        _l("API token"), description=_l("From Onfido's dashboard. It is stored encrypted and never shown.")
    )
    workflow_id = UuidField(
        _l("Workflow id"),
        [InputRequired(_l("must not be empty"))],
        description=_l("From Onfido Studio: a UUID, or the address that contains it."),
    )
    dialect = SelectField(
        _l("Attributes"),
        choices=[
            SelectChoice("wso2", _l("WSO2 claims")),
            SelectChoice("oidc", _l("OpenID Connect claims")),
            SelectChoice(NO_DIALECT, _l("Neither: I name the two claims of the name below")),
        ],
        description=_l("How your identity provider names them: fills the mapping, which can be changed later."),
    )
    first_name = StringField(_l("Claim with the first name"), [_check_named, Length(max=MAX_CLAIM)])
    last_name = StringField(
        _l("Claim with the last name"),
        [_check_named, Length(max=MAX_CLAIM)],
        description=_l("Onfido requires both names. The others are mapped afterwards."),
    )
    client_id = StringField(_l("Client id"), [Optional()], description=_l("With its secret, instead of a token."))
    client_secret = SecretField(_l("Client secret"))
    base_url = StringField(_l("Base URL"), [Optional()], description=_l("Instead of the region."))


def install(story: Story) -> None:
    """Add the form to the story of providers."""
    story.form("/new", scope=ADD, lasting=Lasting.ONFIDO)(create)


def create() -> str | BaseResponse:
    """Show the form; test its values, and register the provider."""
    form = CreateForm()
    if request.method == "GET":
        return render_template("console/providers/new.html", form=form, readiness=None)
    readiness = None
    try:
        if not form.validate():
            return _again(form, None)
        config = _config(form)
        if request.form.get("do") != "save":
            readiness = _trials().of_new(g.tenant, config)
            if not readiness.passed:
                return _again(form, readiness)
        return _saved(page.registry().add(g.tenant, config, actor()))
    except InvalidField as error:
        form.reject(error, FIELDS)
    except RequestError as error:
        form.name.errors = [*form.name.errors, page.objection_of(error)]
    return _again(form, readiness)


def _config(form: CreateForm) -> ProviderConfig:
    return ProviderConfig(
        name=(form.name.data or "").strip(),
        is_enabled=True,
        claims=_claims(form),
        workflow_id=(form.workflow_id.data or "").strip(),
        base_url=(form.base_url.data or "").strip() or form.region.data or next(iter(REGIONS)),
        api_token=form.token.data or None,
        client_id=(form.client_id.data or "").strip() or None,
        client_secret=form.client_secret.data or None,
    )


def _claims(form: CreateForm) -> dict[str, str]:
    """Return the mapping: that of a dialect, or of the two names that Onfido requires."""
    if form.dialect.data != NO_DIALECT:
        return dialects()[form.dialect.data]
    return {(form[name].data or "").strip(): name for name in REQUIRED_FIELDS}


def _again(form: CreateForm, readiness: Readiness | None) -> str:
    template = "console/providers/new_result.html" if is_part_wanted() else "console/providers/new.html"
    return render_template(
        template, form=form, readiness=readiness, states=health_words.CHECKS, names=health_words.check_names()
    )


def _saved(provider: Provider) -> BaseResponse:
    notify(_("%(name)s is registered. These steps remain.", name=provider.name))
    url = url_for(".show_setup", provider_id=provider.provider_id)
    if not is_part_wanted():
        return redirect(url)
    response: Response = make_response("", 204)
    response.headers["HX-Redirect"] = url
    return response


def _trials() -> Trials:
    trials: Trials = use_cases().trials
    return trials
