"""Last changes of a provider, with their actors, and the results of its checks."""

from __future__ import annotations

from flask import g
from flask_babel import gettext as _

from connector.api.shapes.audit import AuditPageSchema, audit_body
from connector.console.audit import channels
from connector.console.ground import use_cases
from connector.console.providers import page
from connector.console.story import Story
from connector.domain.audit.history import PROVIDER, AuditFilter, name_of
from connector.services.lookup.audit import Audit

SCOPE = "internal_idv_claim_view"
SHOWN = 25


def install(story: Story) -> None:
    """Add the tab to the story of providers."""
    story.page("/<provider_id>/changes", scope=SCOPE)(show_changes)


def show_changes(provider_id: str) -> str:
    """Show the latest changes of a provider."""
    provider = page.find(provider_id)
    audit: Audit = use_cases().audit
    listed = audit.page(g.tenant, AuditFilter(subject=PROVIDER, name=provider.provider_id), limit=SHOWN)
    entries = AuditPageSchema().dump(audit_body(listed))["entries"]
    sentence = _("The actions on this provider, the latest first.")
    return page.show_tab(
        "console/providers/changes.html",
        provider,
        "changes",
        sentence,
        entries=entries,
        rows=listed.rows,
        names=[None if each.change.actor is None else name_of(each.change.actor) for each in listed.rows],
        channels=channels(),
        words_of={"added": _("Added"), "changed": _("Changed"), "removed": _("Removed")},
    )
