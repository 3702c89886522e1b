"""The list of clients, one client, and the form."""

from __future__ import annotations

from flask import g, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from connector.console.clients import actions
from connector.console.clients.actions import ADD, CHANGE, DELETE, ONE, VIEW, clients, show_one, state_of
from connector.console.clients.forms import FIELDS, ClientForm, data_of
from connector.console.ground import provider_names, use_cases
from connector.console.meanwhile import merged, until_saved
from connector.console.notices import notify
from connector.console.story import Story
from connector.console.viewer import actor
from connector.console.words import STREAM_STATES
from connector.domain.openid.clients import ClientConfig
from connector.domain.signals import COUNTED, StreamReport
from connector.errors import InvalidField
from connector.services.signals.streams import Streams

story = Story("clients")


@story.page(scope=VIEW)
def show_list() -> str:
    """Show the tenant's clients, and the streams by which other systems are notified."""
    streams: Streams = use_cases().signal_streams
    return render_template(
        "console/clients/list.html",
        clients=clients().all(g.tenant),
        names=provider_names(),
        state_of=state_of,
        streams=streams.reports(g.tenant),
        states=STREAM_STATES,
        event_names=_event_names,
        most_counted=COUNTED,
    )


@story.form("/new", scope=ADD)
def add() -> str | Response:
    """Add a client; its secret is shown once."""
    form = _form(ClientForm())
    if form.validate_on_submit():
        try:
            client, secret = clients().add(g.tenant, form.config(is_enabled=True), actor())
        except InvalidField as error:
            form.reject(error, FIELDS)
        else:
            return show_one(client, secret=None if client.config.keys else secret)
    return render_template("console/clients/form.html", form=form, client=None)


@story.page(ONE, scope=VIEW)
def show(client_id: str) -> str:
    """Show one client."""
    return show_one(clients().get(g.tenant, client_id))


@story.form(f"{ONE}/edit", scope=CHANGE)
def edit(client_id: str) -> str | Response:
    """Change a client; its secret stays."""
    client = clients().get(g.tenant, client_id)
    form = _form(ClientForm(data=data_of(client.config)))
    if form.validate_on_submit():
        try:
            changed = form.config(is_enabled=client.config.is_enabled)
            until_saved(lambda: _save(client_id, changed))
        except InvalidField as error:
            form.reject(error, FIELDS)
        else:
            notify(_("The client was changed."))
            return redirect(url_for(".show", client_id=client_id))
    return render_template("console/clients/form.html", form=form, client=client)


def _event_names(report: StreamReport) -> str:
    """Return the names of the events that a stream delivers, without the framework's URLs."""
    return ", ".join(uri.rpartition("/")[2] for uri in report.stream.delivered(g.tenant.signals))


def _save(client_id: str, changed: ClientConfig) -> None:
    now = clients().get(g.tenant, client_id).config
    clients().change(g.tenant, client_id, merged(client_id, now, changed, now), actor(), seen=now)


def _form(form: ClientForm) -> ClientForm:
    names: dict[str, str] = use_cases().openid_names
    form.offer(provider_names().items(), sorted(set(names.values())))
    return form


story.action(f"{ONE}/enable", scope=CHANGE)(actions.enable)
for _name, _scope, _ask, _action in (
    ("disable", CHANGE, actions.ask_disable, actions.disable),
    ("rotate", CHANGE, actions.ask_rotate, actions.rotate),
    ("remove", DELETE, actions.ask_remove, actions.remove),
):
    story.page(f"{ONE}/{_name}", scope=_scope)(_ask)
    story.action(f"{ONE}/{_name}", scope=_scope)(_action)
