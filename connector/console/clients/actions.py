"""Actions on a client: replacing its secret, disabling, enabling and removing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from flask import g, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from connector.console.confirm import confirm, is_typed
from connector.console.ground import public_url, use_cases
from connector.console.meanwhile import Overtaken, replaced_meanwhile, replaced_once, shown_secret, until_saved
from connector.console.notices import notify
from connector.console.viewer import actor
from connector.console.words import DISABLED, State
from connector.domain.environment import SANDBOX
from connector.domain.openid.clients import Client
from connector.services.openid.clients import Clients

VIEW, ADD, CHANGE, DELETE = (f"internal_idvp_{name}" for name in ("view", "add", "update", "delete"))
ONE = "/<client_id>"


def clients() -> Clients:
    """Return the use case for clients."""
    known: Clients = use_cases().openid_clients
    return known


def show_one(client: Client, secret: str | None = None) -> str:
    """Show a client; its secret if it was made just now."""
    provider = use_cases().providers.get(g.tenant, client.config.provider_id)
    issuer = public_url() + g.tenant.path
    return render_template(
        "console/clients/client.html",
        client=client,
        provider=provider,
        is_sandbox=provider.environment == SANDBOX,
        state_of_client=state_of(client),
        secret=secret,
        addresses=_addresses(issuer),
    )


def state_of(client: Client) -> State:
    """Return how the state of a client is shown."""
    return State("good", "check-lg", _("Enabled")) if client.config.is_enabled else DISABLED


def ask_rotate(client_id: str) -> str:
    """Ask before the secret is replaced."""
    consequence = _(
        "A new secret is created and shown once. The current one stays valid until the overlap ends: "
        "give it the new one before."
    )
    fields = shown_secret(clients().get(g.tenant, client_id))
    title = _("Replace the secret?")
    return _ask(client_id, "rotate", title, consequence, _("Replace"), is_harmless=True, fields=fields)


def rotate(client_id: str) -> str | Response:
    """Replace the secret, and show the new one once; not one that another person has replaced meanwhile."""
    try:
        replaced = replaced_once(
            client_id,
            lambda: clients().get(g.tenant, client_id),
            lambda client: clients().rotate_secret(g.tenant, client_id, actor(), seen=client),
        )
    except Overtaken:
        return replaced_meanwhile(url_for(".show", client_id=client_id))
    return show_one(*replaced)


def ask_disable(client_id: str) -> str:
    """Confirm that a client may no longer send users."""
    return _ask(client_id, "disable", _("Disable this client?"), _stopped(client_id), _("Disable"))


def disable(client_id: str) -> Response:
    """Disable a client."""
    undo = url_for(".enable", client_id=client_id)
    return _set_enabled(client_id, _("The client is disabled."), undo, is_enabled=False)


def enable(client_id: str) -> Response:
    """Enable a client."""
    return _set_enabled(client_id, _("The client is enabled."), "", is_enabled=True)


def ask_remove(client_id: str) -> str:
    """Ask before a client is removed, by its name."""
    client = clients().get(g.tenant, client_id)
    consequence = " ".join(
        (
            _stopped(client_id),
            _("Its id and secret are never valid again: its side must be configured for another client."),
            _("Verifications and verified attributes stay. This cannot be undone."),
        )
    )
    name = client.config.name
    return _ask(client_id, "remove", _("Remove this client?"), consequence, _("Remove"), type_to_confirm=name)


def remove(client_id: str) -> Response:
    """Remove a client, once its name was typed."""
    client = clients().get(g.tenant, client_id)
    if not is_typed(client.config.name):
        notify(_("Nothing was removed: the typed name does not match."), kind="bad")
        return redirect(url_for(".show", client_id=client_id))
    clients().remove(g.tenant, client_id, actor())
    notify(_("The client was removed."))
    return redirect(url_for(".show_list"))


def _stopped(client_id: str) -> str:
    """Return the consequences of the removal for the client's requests."""
    number = clients().count_under_way(g.tenant, client_id)
    if not number:
        return str(_("It can no longer send people here. None of its requests is in progress."))
    return str(
        ngettext(
            "It can no longer send people here. %(num)s person with a request in progress is not sent back.",
            "It can no longer send people here. %(num)s people with requests in progress are not sent back.",
            number,
        )
    )


def _ask(
    client_id: str,
    name: str,
    title: str,
    consequence: str,
    verb: str,
    *,
    is_harmless: bool = False,
    type_to_confirm: str = "",
    fields: Mapping[str, str] | None = None,
) -> str:
    clients().get(g.tenant, client_id)
    action, back = (url_for(f".{each}", client_id=client_id) for each in (name, "show"))
    return confirm(
        title,
        consequence,
        verb=verb,
        action=action,
        back=back,
        is_harmless=is_harmless,
        type_to_confirm=type_to_confirm,
        fields=fields,
    )


def _set_enabled(client_id: str, text: str, undo_url: str, *, is_enabled: bool) -> Response:
    def save() -> None:
        now = clients().get(g.tenant, client_id).config
        clients().change(g.tenant, client_id, replace(now, is_enabled=is_enabled), actor(), seen=now)

    until_saved(save)
    notify(text, undo_url=undo_url)
    return redirect(url_for(".show", client_id=client_id))


def _addresses(issuer: str) -> list[tuple[str, str]]:
    """Return the configuration for the client's side."""
    return [
        (_("Metadata"), f"{issuer}/.well-known/openid-configuration"),
        (_("Issuer"), issuer),
        (_("Pushed requests"), f"{issuer}/oauth2/par"),
        (_("Authorization"), f"{issuer}/oauth2/authorize"),
        (_("Token"), f"{issuer}/oauth2/token"),
        (_("Keys"), f"{issuer}/.well-known/jwks.json"),
    ]
