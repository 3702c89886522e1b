"""Secrets: which are set and since when; each can be replaced, and none is ever sent to the browser."""

from __future__ import annotations

from typing import Any

from flask import g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import Optional

from connector.api.middleware.shares import Lasting
from connector.console.confirm import confirm
from connector.console.forms import Form, SecretField
from connector.console.ground import use_cases
from connector.console.meanwhile import FIELD, Overtaken, replaced_meanwhile, shown_text, until_saved
from connector.console.notices import notify
from connector.console.providers import page
from connector.console.providers.trying import refused_by_onfido
from connector.console.story import Story
from connector.console.viewer import actor
from connector.domain.audit.history import PROVIDER, AuditFilter, Change, differences_of
from connector.domain.providers.provider import Provider
from connector.errors import InvalidField
from connector.services.lookup.audit import Audit
from connector.services.providers.setup import ProviderFacts, Setup

FIELDS = {f"configProperties.{name}": name for name in ("client_id", "client_secret", "webhook_token", "notice_secret")}
FIELDS |= {"configProperties.token": "api_token"}
AUDIT = "internal_idv_audit_view"
MOST_READ = 200  # changes of the provider; that of a secret may be older


class SecretsForm(Form):
    """The secrets of a provider; a field that is left empty keeps the stored one."""

    api_token = SecretField(_l("API token"), description=_l("It is tried at Onfido before it takes effect."))
    client_id = StringField(_l("Client id"), [Optional()], description=_l("With its secret, instead of a token."))
    client_secret = SecretField(_l("Client secret"))
    webhook_token = SecretField(
        _l("Webhook token"),
        description=_l(
            "Create the new one at Onfido, then enter it here. Events signed with the former one are accepted until "
            "the time that is then shown here, so that none is lost."
        ),
    )
    notice_secret = SecretField(_l("Notice secret"), description=_l("Notices to the application are signed with it."))


def install(story: Story) -> None:
    """Add the tab to the story of providers."""
    story.page("/<provider_id>/secrets", scope=page.VIEW)(show_secrets)
    story.action("/<provider_id>/secrets", scope=page.UPDATE, lasting=Lasting.ONFIDO)(replace_secrets)
    story.page("/<provider_id>/secrets/overlap", scope=page.UPDATE)(ask_end_overlap)
    story.action("/<provider_id>/secrets/overlap", scope=page.UPDATE)(end_overlap)


def show_secrets(provider_id: str) -> str:
    """Show which secrets are set."""
    provider = page.find(provider_id)
    return _page(provider, _form(provider))


def replace_secrets(provider_id: str) -> str | Response:
    """Replace the secrets whose fields are not empty."""
    provider = page.find(provider_id)
    form = _form(provider)
    changes = {name: (value or "").strip() for name, value in form.data.items() if (value or "").strip()}
    if changes.get("client_id") == provider.client_id and "client_secret" not in changes:
        changes.pop("client_id", None)
    if not form.validate() or not changes:
        notify(_("Nothing was changed: every field was empty."), kind="wait")
        return redirect(url_for(".show_secrets", provider_id=provider_id))
    try:
        if request.form.get("do") != "save" and (why := refused_by_onfido(provider, **changes)):
            form.form_errors.append(why)
            return _page(provider, form, has_failed=True)
        page.change(provider, **changes)
    except InvalidField as error:
        form.reject(error, FIELDS)
        return _page(provider, form)
    notify(_("Replaced. Nothing else was changed."))
    return redirect(url_for(".show_secrets", provider_id=provider_id))


def ask_end_overlap(provider_id: str) -> str:
    """Ask before the previous webhook token becomes invalid."""
    provider = page.find(provider_id)
    return confirm(
        _("End the overlap now?"),
        _("Events signed with the old token are refused from now on. If Onfido still signs with it, they are lost."),
        verb=_("End the overlap"),
        fields={FIELD: shown_text(page.shown_of(provider))},
        action=url_for(".end_overlap", provider_id=provider_id),
        back=url_for(".show_secrets", provider_id=provider_id),
    )


def end_overlap(provider_id: str) -> Response:
    """Invalidate the previous webhook token."""
    back = url_for(".show_secrets", provider_id=provider_id)
    try:
        until_saved(lambda: _end_overlap(page.find(provider_id)))
    except Overtaken:
        return replaced_meanwhile(back)
    notify(_("The old webhook token is refused from now on."))
    return redirect(back)


def _end_overlap(provider: Provider) -> None:
    """End the overlap that the question was about: that of a token replaced since then has begun just now."""
    page.check_replaced(provider, {"webhook_token"})
    page.registry().end_overlap(g.tenant, provider.provider_id, actor(), seen=provider)


def _form(provider: Provider) -> SecretsForm:
    form = SecretsForm(client_id=provider.client_id)
    is_set: dict[str, bool] = {
        "api_token": provider.client_id is None,
        "client_secret": provider.client_id is not None,
        "webhook_token": provider.has_webhook_token,
        "notice_secret": provider.has_notice_secret,
    }
    for name, is_known in is_set.items():
        form[name].is_set = is_known
    return form


def _page(provider: Provider, form: SecretsForm, *, has_failed: bool = False) -> str:
    setup: Setup = use_cases().setup
    facts: ProviderFacts = setup.facts(provider)
    changes = _last_changes(provider.provider_id) if g.viewer.may(AUDIT) else {}
    more: dict[str, Any] = {"form": form, "facts_known": facts, "has_failed": has_failed, "changes": changes}
    sentence = _("Secrets are stored encrypted and never shown. An empty field keeps the stored one.")
    return page.show_tab("console/providers/secrets.html", provider, "secrets", sentence, **more)


def _last_changes(provider_id: str) -> dict[str, Change]:
    """Return the last recorded change of each secret, by the secret's name, among the latest of the provider."""
    audit: Audit = use_cases().audit
    listed = audit.page(g.tenant, AuditFilter(subject=PROVIDER, name=provider_id), limit=MOST_READ)
    oldest_first = [entry.change for entry in reversed(listed.rows)]
    return {name: change for change in oldest_first for name in differences_of(change) if name in FIELDS.values()}
