"""The settings in force with their sources, and the tenants' connections: for the operator's tenant only."""

from __future__ import annotations

import json
from typing import Any

from flask import current_app, render_template
from flask_babel import gettext as _
from markupsafe import Markup, escape

from connector.api.middleware.shares import Lasting
from connector.api.operator import settings_in_force
from connector.connections import Connections
from connector.console.filters import Choice, Filters
from connector.console.story import Story
from connector.console.words import State
from connector.settings.shown import DEFAULT, NOT_SET, SET, ShownSetting

story = Story("settings")

SCOPE = "internal_idv_operate"


@story.page(scope=SCOPE)
def show_list() -> str:
    """Show the settings of this process, and those that differ in other processes."""
    body = settings_in_force()
    filters = Filters(Choice("source", _("Source"), sources()))
    known: list[ShownSetting] = body["settings"]
    source = filters.value("source")
    return render_template(
        "console/settings/list.html",
        filters=filters,
        since=body["since"],
        settings=[(each, text(each.value), in_words(each.sentence)) for each in known if source in (None, each.source)],
        changed=sum(each.source != DEFAULT for each in known),
        processes=body["processes"],
        warnings=body["warnings"],
        sources=sources(),
        secret_states={
            SET: State("good", "lock", _("Set")),
            NOT_SET: State("none", "unlock", _("Not set")),
        },
    )


@story.page("/connections", scope=SCOPE)
def show_connections() -> str:
    """Show whether the issuers and directories of all tenants answer."""
    return render_template("console/settings/connections.html")


@story.page("/connections/checks", scope=SCOPE, lasting=Lasting.ONFIDO)
def show_checks() -> str:
    """Run the checks, or show those of the last minute."""
    connections: Connections = current_app.extensions["connections"]
    checked = connections.check()
    tenants: dict[str, list[Any]] = {}
    for each in checked.checks:
        tenants.setdefault(each.tenant, []).append(each)
    return render_template("console/settings/checks.html", checked=checked, tenants=tenants, marks=_MARKS)


_MARKS = {True: ("good", "check-lg"), False: ("bad", "x-lg"), None: ("none", "dash-lg")}


def sources() -> dict[str, str]:
    """Return the sources of values, in words."""
    return {
        "file": _("File"),
        "environment": _("Environment"),
        "command line": _("Command line"),
        DEFAULT: _("Default"),
    }


def in_words(sentence: str) -> Markup:
    """Return a sentence with the parts between backticks as code."""
    parts = [
        Markup("<code>{}</code>").format(part) if at % 2 else escape(part)
        for at, part in enumerate(sentence.split("`"))
    ]
    return Markup().join(parts)


def text(value: Any) -> str:
    """Write a value; a structured one as JSON."""
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
