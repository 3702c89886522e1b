"""Danger: enabling, disabling and deleting a provider, each with its consequences."""

from __future__ import annotations

from flask import g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from connector.api.middleware.shares import Lasting
from connector.console.confirm import confirm, is_typed
from connector.console.ground import public_url, use_cases
from connector.console.notices import notify
from connector.console.providers import page
from connector.console.story import Story
from connector.console.viewer import actor
from connector.domain.providers.provider import Provider
from connector.errors import Code, RequestError
from connector.services.providers.setup import Setup
from connector.services.providers.usage import MOST, ProviderUsage, Usage

DELETE = "internal_idvp_delete"


def install(story: Story) -> None:
    """Add the tab to the story of providers."""
    story.page("/<provider_id>/danger", scope=page.VIEW)(show_danger)
    story.page("/<provider_id>/danger/disable", scope=page.UPDATE)(ask_disable)
    story.action("/<provider_id>/danger/disable", scope=page.UPDATE)(disable)
    story.action("/<provider_id>/danger/enable", scope=page.UPDATE)(enable)
    story.page("/<provider_id>/danger/delete", scope=DELETE)(ask_delete)
    story.action("/<provider_id>/danger/delete", scope=DELETE, lasting=Lasting.ONFIDO)(delete)


def show_danger(provider_id: str) -> str:
    """Show the destructive actions and their consequences."""
    provider = page.find(provider_id)
    usage = _usage(provider_id)
    return page.show_tab(
        "console/providers/danger.html",
        provider,
        "danger",
        _("Each asks for confirmation and states its consequences."),
        disabling=_of_disabling(usage),
        deleting=_of_deleting(usage),
        may_delete=g.viewer.may(DELETE),
    )


def ask_disable(provider_id: str) -> str:
    """Ask before a provider is disabled."""
    provider = page.find(provider_id)
    return confirm(
        _("Disable %(name)s?", name=provider.name),
        _of_disabling(_usage(provider_id)),
        verb=_("Disable"),
        action=url_for(".disable", provider_id=provider_id),
        back=url_for(".show_danger", provider_id=provider_id),
    )


def disable(provider_id: str) -> Response:
    """Disable a provider."""
    provider = page.change(page.find(provider_id), is_enabled=False)
    undo = url_for(".enable", provider_id=provider_id)
    notify(_("%(name)s is disabled.", name=provider.name), undo_url=undo)
    return redirect(url_for(".show_danger", provider_id=provider_id))


def enable(provider_id: str) -> Response:
    """Enable a provider."""
    provider = page.change(page.find(provider_id), is_enabled=True)
    undo = url_for(".disable", provider_id=provider_id)
    notify(_("%(name)s is enabled.", name=provider.name), undo_url=undo)
    return redirect(url_for(".show_danger", provider_id=provider_id))


def ask_delete(provider_id: str) -> str:
    """Ask before a provider is deleted; its name has to be typed."""
    provider = page.find(provider_id)
    return confirm(
        _("Delete %(name)s?", name=provider.name),
        _of_deleting(_usage(provider_id)),
        verb=_("Delete"),
        action=url_for(".delete", provider_id=provider_id),
        back=url_for(".show_danger", provider_id=provider_id),
        type_to_confirm=provider.name,
        template="console/providers/delete.html",
    )


def delete(provider_id: str) -> Response:
    """Delete a provider, after its webhook at Onfido if that is chosen."""
    provider = page.find(provider_id)
    if not is_typed(provider.name):
        notify(_("Nothing was deleted: the typed name does not match."), kind="bad")
        return redirect(url_for(".show_danger", provider_id=provider_id))
    if request.form.get("webhook"):
        _remove_webhook(provider)
    page.registry().remove(g.tenant, provider_id, actor())
    notify(_("%(name)s is deleted.", name=provider.name))
    return redirect(url_for(".show_list"))


def _remove_webhook(provider: Provider) -> None:
    """Remove the webhook at Onfido; a missing webhook is not an error, a failed request to Onfido is."""
    setup: Setup = use_cases().setup
    try:
        setup.remove_webhook(g.tenant, provider.provider_id, public_url(), actor())
    except RequestError as error:
        if error.code is not Code.WEBHOOK_NOT_FOUND:
            raise


def _usage(provider_id: str) -> Usage:
    usage: ProviderUsage = use_cases().provider_usage
    return usage.of(g.tenant, provider_id)


def _of_disabling(usage: Usage) -> str:
    goes_on = ngettext(
        "%(count)s open verification continues.",
        "%(count)s open verifications continue.",
        usage.open_verifications,
        count=_counted(usage.open_verifications),
    )
    return " ".join((_("No user can start a verification with it."), goes_on, _("Verified attributes stay verified.")))


def _of_deleting(usage: Usage) -> str:
    removes = ngettext(
        "Removes %(count)s verification and what it verified (%(claims)s claims).",
        "Removes %(count)s verifications and what they verified (%(claims)s claims).",
        usage.verifications,
        count=_counted(usage.verifications),
        claims=_counted(usage.verified_claims),
    )
    stays = ngettext(
        "%(count)s applicant, with documents and photos, stays at Onfido: delete it there, or remove its user first.",
        "%(count)s applicants, with documents and photos, stay at Onfido: delete them there, or remove users first.",
        usage.applicants,
        count=_counted(usage.applicants),
    )
    kept = [stays] if usage.applicants else []
    return " ".join((removes, *kept, _("This cannot be undone.")))


def _counted(number: int) -> str:
    return str(_("%(n)s or more", n=number)) if number >= MOST else str(number)
