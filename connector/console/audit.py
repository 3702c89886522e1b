"""The audit trail: each change with its actor and the values before and after; and the last changes of an object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import Response, g, render_template, request
from flask_babel import gettext as _

from connector.api.attachments import csv_attachment
from connector.api.audit_csv import audit_pieces
from connector.api.middleware.shares import Lasting
from connector.console.audit_details import details_of
from connector.console.filters import Choice, Filters
from connector.console.formats import sentence_of
from connector.console.ground import use_cases
from connector.console.news import MOST_NEW, news_since, news_url, show_number
from connector.console.story import Story
from connector.console.viewer import actor
from connector.console.words import State
from connector.domain.audit import history
from connector.domain.audit.audit_filter import read_audit_filter
from connector.domain.audit.history import DONE, REFUSED, AuditFilter, Change, Entry, differences_of, name_of
from connector.domain.frozen import frozen
from connector.services.lookup.audit import Audit
from connector.services.lookup.object_names import ObjectNames
from connector.services.lookup.readings import AUDIT_FILE, Readings

story = Story("audit")

SCOPE = "internal_idv_audit_view"
PAGE, LATEST = 50, 8
_SHOWN = ("actor", "action", "subject", "object", "outcome", "channel", "from", "to")


@frozen
class Line:
    """An entry as the log shows it; `object_name` is that of an object which the entry has by its id."""

    number: int
    change: Change
    object_name: str
    sentence: str
    actor: str
    channel: str
    outcome: State
    changes: Mapping[str, tuple[Any, Any]]
    detail: Mapping[str, str]


@story.page(scope=SCOPE)
def show_list() -> str:
    """Show the log."""
    filters = _filters()
    page = _audit().page(g.tenant, _criteria(filters), limit=PAGE, cursor=filters.cursor)
    return render_template(
        "console/audit/list.html",
        filters=filters,
        lines=_lines(page.rows),
        to_drop=[] if page.rows else filters.to_drop(lambda others: _audit().is_any(g.tenant, _criteria(others))),
        older_url=filters.page_url(page.next_cursor),
        csv_query={name: value for name in _names() if (value := filters.value(name))},
        news_url=news_url(filters, page.rows[0].change.at if page.rows else None),
    )


@story.page("/news", scope=SCOPE, is_polled=True)
def show_news() -> Response:
    """Show how many entries were added since the log was loaded."""
    filters = _filters()
    criteria = replace(_criteria(filters), since=news_since())
    return show_number(len(_audit().page(g.tenant, criteria, limit=MOST_NEW + 1).rows), filters)


@story.page("/audit.csv", scope=SCOPE, lasting=Lasting.DOWNLOAD)
def export() -> Response:
    """Send the matching entries as CSV; the export is itself recorded."""
    criteria = _criteria(_filters())
    readings: Readings = use_cases().readings
    readings.record_audit_export(g.tenant, criteria, actor())
    return csv_attachment(audit_pieces(_audit().export(g.tenant, criteria)), AUDIT_FILE)


@story.page("/changes", scope=SCOPE)
def show_changes() -> str:
    """Show the last changes of one object as a panel of its page: `object` is its name or id, `user` a user's id."""
    name, user_id = request.args.get("object"), request.args.get("user")
    criteria = AuditFilter(name=name, user_id=user_id)
    page = _audit().page(g.tenant, criteria, limit=LATEST)
    return render_template(
        "console/audit/changes.html",
        lines=_lines(page.rows),
        query={each: value for each, value in (("object", name), ("user", user_id)) if value},
        is_more=page.next_cursor is not None,
    )


def _names() -> tuple[str, ...]:
    return (*_SHOWN, "user")


def _filters() -> Filters:
    return Filters(
        Choice("subject", _("Object"), subjects()),
        Choice("action", _("Action"), actions()),
        Choice("outcome", _("Outcome"), {DONE: _("Done"), REFUSED: _("Refused")}),
        Choice("channel", _("Channel"), channels()),
        text={"actor": _("Actor"), "object": _("Name or id of the object"), "user": _("User concerned")},
        dates={"from": _("From (UTC)"), "to": _("To (UTC)")},
    )


def _criteria(filters: Filters) -> AuditFilter:
    query = {name: filters.value(name) for name in _SHOWN}
    return read_audit_filter({**query, "userId": filters.value("user")})


def _lines(entries: Sequence[Entry]) -> list[Line]:
    names: ObjectNames = use_cases().object_names
    known = names.of(g.tenant, [(each.change.subject, each.change.name) for each in entries])
    return [_line(each, known.get((each.change.subject, each.change.name or ""), "")) for each in entries]


def _line(entry: Entry, name: str) -> Line:
    change = entry.change
    is_refused = change.cause == REFUSED
    changes = {name: (each["from"], each["to"]) for name, each in differences_of(change).items()}
    return Line(
        number=entry.number,
        change=change,
        object_name=name,
        sentence=sentence_of(change, name),
        actor=name_of(change.actor or ""),
        channel=channels().get(change.channel or "", ""),
        outcome=State("fault", "shield-x", _("Refused")) if is_refused else State("none", "check-lg", _("Done")),
        changes=changes,
        detail=details_of(change),
    )


def subjects() -> dict[str, str]:
    """Return the kinds of objects, in words."""
    return {
        history.PROVIDER: _("Provider"),
        history.USER: _("User"),
        history.CLAIM: _("Attribute"),
        history.RUN: _("Run"),
        history.START: _("Start"),
        history.REQUEST: _("Request"),
        history.APPLICANT: _("Applicant"),
        history.ENDPOINT: _("Notice endpoint"),
        history.OUTBOX: _("Delivery"),
        history.EVENT: _("Event"),
        history.VALUES: _("Values"),
        history.RESULT: _("Result"),
        history.TASK: _("Task"),
        history.FILE: _("File"),
        history.EXPORT: _("Export"),
        history.KEY: _("Signing key"),
        history.SETTINGS: _("Settings"),
        history.SESSION: _("Sign-in"),
        history.CLIENT: _("OpenID client"),
        history.STREAM: _("Stream of signals"),
        history.JOB: _("Job"),
    }


def actions() -> dict[str, str]:
    """Return the most frequent actions, in words."""
    return {
        history.ADDED: _("Added"),
        history.CHANGED: _("Changed"),
        history.REMOVED: _("Removed"),
        history.READ: _("Read"),
        history.EXPORTED: _("Exported"),
        "approved": _("Approved"),
        "declined": _("Declined"),
        "verified": _("Marked as verified"),
        history.UNLOCKED: _("Unlocked"),
        history.SIGNED_IN: _("Signed in"),
        history.SIGNED_OUT: _("Signed out"),
        "retried": _("Sent again"),
        "dropped": _("Dropped"),
        "HTTP-403": _("Refused: the scope is missing"),
    }


def channels() -> dict[str, str]:
    """Return the channels, in words."""
    return {
        "console": _("Console"),
        "api": _("API"),
        "cli": _("Command line"),
        "onfido": _("Onfido"),
        "worker": _("Worker"),
    }


def _audit() -> Audit:
    audit: Audit = use_cases().audit
    return audit
