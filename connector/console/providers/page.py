"""The common parts of a provider's tabs: the head with the tabs, the provider, and saving a change to it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from flask import current_app, g, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from connector.access.gate import REQUIRED_SCOPE
from connector.console import words
from connector.console.descriptions import description_of
from connector.console.ground import use_cases
from connector.console.meanwhile import check_secrets, merged, until_saved
from connector.console.viewer import actor
from connector.domain.providers.provider import Provider, ProviderConfig
from connector.errors import Code, RequestError
from connector.services.providers.progress import Progress, SetupProgress
from connector.services.providers.registry import Providers

VIEW, UPDATE = "internal_idvp_view", "internal_idvp_update"
RESULTS = "internal_idv_claim_view"  # of verifications, and their numbers
# In the order of the tabs; the view of each is `show_<tab>`, and a tab appears once its view is there. Once everything
# is set up, that tab follows the configuration.
TABS = (
    ("setup", _l("Set up")),
    ("attributes", _l("Attributes")),
    ("workflow", _l("Workflow")),
    ("capture", _l("Capture")),
    ("general", _l("General")),
    ("notices", _l("Notices")),
    ("limits", _l("Limits")),
    ("secrets", _l("Secrets")),
    ("changes", _l("Last changes")),
    ("danger", _l("Danger")),
)
BEHIND = "changes"  # the tab before which that of a complete set-up is
KEPT = (
    *("name", "is_enabled", "claims", "workflow_id", "base_url", "description", "image"),
    *("max_attempts", "attempt_window", "missing_name", "accent_color"),
)
# Secrets, by the time of their last change: forms carry it, because they show none of them.
SECRETS = {
    "credentials_set_at": (_l("credentials, replaced at"), ("api_token", "client_id", "client_secret")),
    "webhook_set_at": (_l("webhook token, replaced at"), ("webhook_token",)),
    "notice_secret_set_at": (_l("notice secret, replaced at"), ("notice_secret",)),
}
SHOWN = (*KEPT, "studio", *SECRETS)  # carried by forms, to find concurrent changes by others


def registry() -> Providers:
    """Return the use case for providers."""
    providers: Providers = use_cases().providers
    return providers


def objection_of(error: RequestError) -> str:
    """Return the message for the name field of a refused provider: the name is taken, or the error's description."""
    if error.code is Code.PROVIDER_NAME_TAKEN:
        return str(_("must be unique: there is a provider of this name already"))
    return description_of(error)


def find(provider_id: str) -> Provider:
    """Return a provider of the tenant; raise `RequestError` if there is none."""
    return registry().get(g.tenant, provider_id)


def progress_of(provider_id: str) -> Progress:
    """Return how far a provider is set up; raise `RequestError` if there is none."""
    progress: SetupProgress = use_cases().setup_progress
    return progress.of(g.tenant, provider_id)


def tabs_of(provider_id: str, here: str = "", *, is_set_up: bool = False) -> Sequence[tuple[str, str, bool]]:
    """Return the installed tabs that the person may see: text, address, whether it is the current one."""
    views = current_app.view_functions
    shown = [(name, text, f"console.providers.show_{name}") for name, text in _ordered(is_set_up=is_set_up)]
    return [
        (str(text), url_for(endpoint, provider_id=provider_id), name == here)
        for name, text, endpoint in shown
        if endpoint in views and g.viewer.may(getattr(views[endpoint], REQUIRED_SCOPE) or "")
    ]


def _ordered(*, is_set_up: bool) -> Sequence[tuple[str, object]]:
    if not is_set_up:
        return TABS
    setup, *others = TABS
    place = next(at for at, (name, _text) in enumerate(others) if name == BEHIND)
    return (*others[:place], setup, *others[place:])


def show_tab(
    template: str, provider: Provider, here: str, sentence: str, *, progress: Progress | None = None, **context: Any
) -> str:
    """Return a tab of a provider; its template extends `console/providers/tab.html`."""
    progress = progress or progress_of(provider.provider_id)
    states = [words.environment_state(provider.environment), None if provider.is_enabled else words.DISABLED]
    return render_template(
        template,
        provider=provider,
        tabs_shown=tabs_of(provider.provider_id, here, is_set_up=progress.is_done),
        progress=progress,
        states=[each for each in states if each],
        sentence=sentence,
        list_url=list_url(),
        may_change=g.viewer.may(UPDATE),
        shown_of=shown_of,
        here=here,
        **context,
    )


def list_url() -> str | None:
    """Return the address of the list of providers; None if it is not installed."""
    endpoint = "console.providers.show_list"
    return url_for(endpoint) if endpoint in current_app.view_functions else None


def shown_of(provider: Provider) -> dict[str, Any]:
    """Return the fields of a provider that its forms show."""
    return {name: getattr(provider, name) for name in SHOWN}


def change(provider: Provider, **changes: Any) -> Provider:
    """Change some of a provider's configuration; secrets stay.

    Raises `InvalidField` for an invalid value, `Overtaken` for a value that another person has changed since the form
    was shown.
    """
    return until_saved(lambda: _change(find(provider.provider_id), changes))


def check_replaced(provider: Provider, secrets: Collection[str]) -> None:
    """Raise `Overtaken` if another person has replaced one of these secrets since the form was shown."""
    names = {time: str(text) for time, (text, of) in SECRETS.items() if not set(of).isdisjoint(secrets)}
    check_secrets(provider.provider_id, shown_of(provider), names)


def _change(provider: Provider, changes: dict[str, Any]) -> Provider:
    now = shown_of(provider)
    mine = {name: each for name, each in changes.items() if name in SHOWN}
    secrets = {name: each for name, each in changes.items() if name not in SHOWN or name == "client_id"}
    check_replaced(provider, secrets.keys())
    plain = merged(provider.provider_id, {name: now[name] for name in mine}, mine, now)
    config = ProviderConfig(**{name: now[name] for name in KEPT} | plain | secrets)
    return registry().change(g.tenant, provider.provider_id, config, actor(), seen=provider)
