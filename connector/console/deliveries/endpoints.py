"""The endpoints at which applications are notified: add, change, test, rotate the secret, disable, remove.

A provider's tab of notices leads to the same pages, with `?from=` its id: they lead back there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from connector.api.middleware.shares import Lasting
from connector.console.confirm import confirm
from connector.console.deliveries.pages import Share, endpoints
from connector.console.deliveries.rows import EVENTS
from connector.console.forms import Form
from connector.console.ground import now, provider_names
from connector.console.meanwhile import Overtaken, merged, replaced_meanwhile, replaced_once, shown_secret, until_saved
from connector.console.notices import notify
from connector.console.story import Story
from connector.console.viewer import actor
from connector.console.words import DISABLED, State
from connector.domain.notices import GONE, Endpoint, EndpointConfig
from connector.errors import InvalidField

VIEW, ADD, CHANGE, DELETE = (f"internal_idvp_{name}" for name in ("view", "add", "update", "delete"))
MAX_URL = 2048
DAY = timedelta(hours=24)
ONE = "/endpoints/<endpoint_id>"
FROM, TAB = "from", "tab"  # the provider on whose page an action was begun, and its tab if it is not that of notices
SETUP = "setup"


class SelectMultipleCheckboxes(SelectMultipleField):  # type: ignore[misc]  # WTForms is untyped
    """A choice of several values, as checkboxes."""

    widget = ListWidget()
    option_widget = CheckboxInput()


class EndpointForm(Form):
    """A notice endpoint."""

    url = StringField(
        _l("URL"),
        [InputRequired(_l("must not be empty")), Length(max=MAX_URL)],
        description=_l("The operator allows the hosts that may receive notices."),
    )
    events = SelectMultipleCheckboxes(
        _l("Events"),
        [InputRequired(_l("choose at least one"))],
        choices=[SelectChoice(*each) for each in EVENTS.items()],
    )
    provider = SelectField(_l("Provider"), description=_l("Choose one to send the events of this provider only."))


def install(story: Story) -> None:
    """Add these pages to the story."""
    story.page("/endpoints", scope=VIEW)(show_endpoints)
    story.form("/endpoints/new", scope=ADD)(add_endpoint)
    story.page(ONE, scope=VIEW)(show_endpoint)
    story.form(f"{ONE}/edit", scope=CHANGE)(edit_endpoint)
    story.action(f"{ONE}/test", scope=CHANGE, lasting=Lasting.ONFIDO)(test_endpoint)
    story.action(f"{ONE}/enable", scope=CHANGE)(enable_endpoint)
    for name, scope, ask, action in (
        ("disable", CHANGE, ask_disable_endpoint, disable_endpoint),
        ("rotate", CHANGE, ask_rotate_endpoint, rotate_endpoint),
        ("remove", DELETE, ask_remove_endpoint, remove_endpoint),
    ):
        story.page(f"{ONE}/{name}", scope=scope)(ask)
        lasting = Lasting.ONFIDO if action is remove_endpoint else None  # it waits for a notice that is being sent
        story.action(f"{ONE}/{name}", scope=scope, lasting=lasting)(action)


def show_endpoints() -> str:
    """Show all endpoints with the share of notices that each accepted within a day."""
    known = endpoints().all(g.tenant)
    shares = [Share(each, endpoints().rate(each, now() - DAY)) for each in known]
    return render_template(
        "console/deliveries/endpoints.html", shares=shares, state_of=state_of, events=EVENTS, names=provider_names()
    )


def show_endpoint(endpoint_id: str) -> str:
    """Show one endpoint."""
    return _page(endpoints().get(g.tenant, endpoint_id))


def add_endpoint() -> str | Response:
    """Add an endpoint; its secret is shown once."""
    form = _form(provider=request.args.get(FROM, ""))
    if form.validate_on_submit():
        try:
            endpoint, secret = endpoints().add(g.tenant, _config(form), actor=actor())
        except InvalidField as error:
            form.reject(error, {"providerId": "provider"})
        else:
            return _page(endpoint, secret=secret)
    return render_template("console/deliveries/endpoint_form.html", form=form, endpoint=None, back=back_to(None))


def edit_endpoint(endpoint_id: str) -> str | Response:
    """Change an endpoint; its secret is unchanged."""
    endpoint = endpoints().get(g.tenant, endpoint_id)
    config = endpoint.config
    form = _form(url=config.url, events=list(config.events), provider=config.provider_id or "")
    if form.validate_on_submit():
        changed = replace(_config(form), tasks=config.tasks, is_enabled=endpoint.disabled_because is None)
        try:
            until_saved(lambda: _save(endpoint_id, changed))
        except InvalidField as error:
            form.reject(error, {"providerId": "provider"})
        else:
            notify(_("The endpoint was changed."))
            return redirect(back_to(endpoint_id))
    return render_template(
        "console/deliveries/endpoint_form.html", form=form, endpoint=endpoint, back=back_to(endpoint_id)
    )


def _save(endpoint_id: str, changed: EndpointConfig) -> None:
    now = endpoints().get(g.tenant, endpoint_id).config
    endpoints().change(g.tenant, endpoint_id, merged(endpoint_id, now, changed, now), actor(), seen=now)


def test_endpoint(endpoint_id: str) -> Response:
    """Send a test notice now."""
    answered, wrong = endpoints().test(g.tenant, endpoint_id, actor())
    milliseconds = round(answered.seconds * 1000)
    if wrong is None:
        notify(_("It answered %(status)s in %(number)s ms.", status=answered.status, number=milliseconds))
    else:
        notify(_("The test notice was not accepted: %(reason)s", reason=wrong), kind="bad")
    return redirect(back_to(endpoint_id))


def ask_rotate_endpoint(endpoint_id: str) -> str:
    """Ask before the secret is replaced."""
    consequence = _(
        "A new secret is created and shown once. Notices are also signed with the current one until the overlap ends."
    )
    fields = shown_secret(endpoints().get(g.tenant, endpoint_id))
    title = _("Replace the secret?")
    return _ask(endpoint_id, "rotate_endpoint", title, consequence, _("Replace"), is_harmless=True, fields=fields)


def rotate_endpoint(endpoint_id: str) -> str | Response:
    """Replace the secret, and show the new one once; not one that another person has replaced meanwhile."""
    try:
        replaced = replaced_once(
            endpoint_id,
            lambda: endpoints().get(g.tenant, endpoint_id),
            lambda endpoint: endpoints().rotate_secret(g.tenant, endpoint_id, actor=actor(), seen=endpoint),
        )
    except Overtaken:
        return replaced_meanwhile(back_to(endpoint_id))
    return _page(*replaced)


def ask_disable_endpoint(endpoint_id: str) -> str:
    """Ask before an endpoint is disabled."""
    consequence = _("Nothing is sent to it until it is enabled again. Notices are not queued meanwhile.")
    return _ask(endpoint_id, "disable_endpoint", _("Disable this endpoint?"), consequence, _("Disable"))


def disable_endpoint(endpoint_id: str) -> Response:
    """Disable an endpoint."""
    undo = _address("enable_endpoint", endpoint_id)
    return _set_enabled(endpoint_id, _("The endpoint is disabled."), undo, is_enabled=False)


def enable_endpoint(endpoint_id: str) -> Response:
    """Enable an endpoint."""
    return _set_enabled(endpoint_id, _("The endpoint is enabled."), "", is_enabled=True)


def ask_remove_endpoint(endpoint_id: str) -> str:
    """Ask before an endpoint is removed."""
    consequence = _("Its secret and all of its notices are removed. Nothing is sent to it any more. Cannot be undone.")
    return _ask(endpoint_id, "remove_endpoint", _("Remove this endpoint?"), consequence, _("Remove"))


def remove_endpoint(endpoint_id: str) -> Response:
    """Remove an endpoint."""
    endpoints().remove(g.tenant, endpoint_id, actor())
    notify(_("The endpoint was removed."))
    return redirect(back_to(None))


def state_of(endpoint: Endpoint) -> State:
    """Return the badge for the state of an endpoint."""
    if endpoint.disabled_because == GONE:
        return State("bad", "x-lg", _("Gone"))
    if endpoint.disabled_because:
        return DISABLED
    if endpoint.failures:
        return State("wait", "exclamation-triangle", _("Does not answer"))
    return State("good", "check-lg", _("Enabled"))


def _page(endpoint: Endpoint, secret: str | None = None) -> str:
    return render_template(
        "console/deliveries/endpoint.html",
        endpoint=endpoint,
        shown_state=state_of(endpoint),
        share=Share(endpoint, endpoints().rate(endpoint, now() - DAY)),
        secret=secret,
        events=EVENTS,
        provider_name=provider_names().get(endpoint.config.provider_id or ""),
        from_url=back_to(None) if request.args.get(FROM) else None,
    )


def _ask(
    endpoint_id: str,
    name: str,
    title: str,
    consequence: str,
    verb: str,
    *,
    is_harmless: bool = False,
    fields: Mapping[str, str] | None = None,
) -> str:
    endpoints().get(g.tenant, endpoint_id)
    action, back = _address(name, endpoint_id), back_to(endpoint_id)
    return confirm(title, consequence, verb=verb, action=action, back=back, is_harmless=is_harmless, fields=fields)


def _set_enabled(endpoint_id: str, text: str, undo_url: str, *, is_enabled: bool) -> Response:
    def save() -> None:
        now = endpoints().get(g.tenant, endpoint_id).config
        endpoints().change(g.tenant, endpoint_id, replace(now, is_enabled=is_enabled), actor(), seen=now)

    until_saved(save)
    notify(text, undo_url=undo_url)
    return redirect(back_to(endpoint_id))


def _address(view: str, endpoint_id: str) -> str:
    """Return the address of an action, which leads back to where this one was begun."""
    query: dict[str, Any] = {FROM: request.args.get(FROM)}
    return url_for(f".{view}", endpoint_id=endpoint_id, **query)


def back_to(endpoint_id: str | None) -> str:
    """Return where an action leads: the tab of the provider that it was begun on, the endpoint, or the list."""
    if provider_id := request.args.get(FROM):
        tab = "show_setup" if request.args.get(TAB) == SETUP else "show_notices"
        return url_for(f"console.providers.{tab}", provider_id=provider_id)
    return url_for(".show_endpoint", endpoint_id=endpoint_id) if endpoint_id else url_for(".show_endpoints")


def _form(**data: Any) -> EndpointForm:
    form = EndpointForm(data=data)
    names = {"": _("All providers"), **provider_names()}
    form.provider.choices = [SelectChoice(value, label) for value, label in names.items()]
    return form


def _config(form: EndpointForm) -> EndpointConfig:
    return EndpointConfig(str(form.url.data).strip(), tuple(form.events.data), form.provider.data or None)
