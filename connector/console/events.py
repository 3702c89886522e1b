"""The events that Onfido posted: whether they arrive, what each led to, and which posts were refused."""

from __future__ import annotations

import json
from dataclasses import replace

from flask import g, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from connector.console.confirm import confirm
from connector.console.filters import Choice, Filters
from connector.console.ground import provider_names, use_cases
from connector.console.news import MOST_NEW, news_since, news_url, show_number
from connector.console.notices import notify
from connector.console.story import Story
from connector.console.verification.timeline import caused_by
from connector.console.viewer import actor
from connector.domain.events import EVENT_STATES, EventFilter, RefusedPosts, StoredEvent, delay
from connector.domain.ids import normal_id
from connector.domain.strict_json import InvalidJson, parse_json
from connector.domain.verifications.verification_filter import read_period
from connector.errors import RequestError
from connector.services.cursors import Page
from connector.services.lookup.events import EventLookup
from connector.services.lookup.verifications import VerificationDetails, VerificationLookup

story = Story("events")

VIEW, REPLAY = "internal_idv_claim_view", "internal_idvp_update"
SHOWN = 25


@story.page(scope=VIEW)
def show_list() -> str:
    """Show Onfido's events, the latest first."""
    names = provider_names()
    filters = _filters(names)
    criteria = _criteria(filters)
    page = _lookup().page(g.tenant, criteria, limit=SHOWN, cursor=filters.cursor)
    refused = _lookup().refused(g.tenant, criteria.provider_id)
    return render_template(
        "console/events/list.html",
        page=page,
        filters=filters,
        names=names,
        refused=refused,
        causes=_causes(),
        delay=delay,
        sentence=_sentence(page, refused),
        to_drop=[] if page.rows else filters.to_drop(_is_any),
        older_url=filters.page_url(page.next_cursor),
        newest_url=filters.url() if filters.cursor else "",
        news_url=news_url(filters, page.rows[0].received_at if page.rows else None),
    )


@story.page("/news", scope=VIEW, is_polled=True)
def show_news() -> Response:
    """Show how many events arrived since the list was loaded."""
    filters = _filters(provider_names())
    criteria = replace(_criteria(filters), since=news_since())
    return show_number(len(_lookup().page(g.tenant, criteria, limit=MOST_NEW + 1).rows), filters)


@story.page("/<event_id>", scope=VIEW)
def show_event(event_id: str) -> str:
    """Show one event, without its body."""
    return _event_page(_lookup().get(g.tenant, event_id))


@story.action("/<event_id>/body", scope=VIEW)
def show_body(event_id: str) -> str:
    """Show one event with its body; this is recorded in the audit trail."""
    body = _lookup().body(g.tenant, event_id, actor())
    return _event_page(_lookup().get(g.tenant, event_id), _indented(body))


def _indented(body: str) -> str:
    """Return a body in lines; one that is nested too deeply for that as Onfido posted it."""
    try:
        return json.dumps(parse_json(body), indent=2, ensure_ascii=False)
    except InvalidJson:
        return body


@story.page("/<event_id>/replay", scope=REPLAY)
def ask_replay(event_id: str) -> str:
    """Ask before an event is applied again."""
    event = _lookup().get(g.tenant, event_id)
    return confirm(
        _("Apply this event again?"),
        _("It does nothing if it was applied meanwhile. It is written to the audit trail."),
        verb=_("Apply again"),
        action=url_for(".replay", event_id=event.event_id),
        back=url_for(".show_event", event_id=event.event_id),
        is_harmless=True,
    )


@story.action("/<event_id>/replay", scope=REPLAY)
def replay(event_id: str) -> Response:
    """Apply an event again."""
    state = _lookup().replay(g.tenant, event_id, actor())
    if state == "parked":
        notify(
            _("The event still waits: its run is not known yet, or data is being requested from Onfido."), kind="wait"
        )
    else:
        notify(_("The event is applied."))
    return redirect(url_for(".show_event", event_id=event_id))


def _event_page(event: StoredEvent, body: str = "") -> str:
    name = provider_names().get(event.provider_id, "")
    details = _verification_of(event)
    return render_template(
        "console/events/event.html",
        event=event,
        body=body,
        name=name,
        delay=delay(event),
        sentence=_words(event),
        verification_id=details.listed.verification.verification_id if details else None,
        moments=caused_by(event.event_id, details) if details else [],
        may_view=g.viewer.may("internal_idvp_view"),
    )


def _verification_of(event: StoredEvent) -> VerificationDetails | None:
    """Return the verification of an event's run; None if there is none here, or it was removed."""
    lookup: VerificationLookup = use_cases().lookup
    try:
        return None if event.run_id is None else lookup.get(g.tenant, event.run_id, event.provider_id)
    except RequestError:
        return None


def _words(event: StoredEvent) -> str:
    words: dict[str, str] = {
        "applied": _("It was applied to its verification."),
        "parked": _("It waits until its run is known, or until missing data has been read from Onfido."),
        "noted": _("It is not used: it belongs to another application's run, or its type is ignored."),
    }
    return words.get(event.state, "")


def _sentence(page: Page[StoredEvent], refused: list[RefusedPosts]) -> str:
    if page.rows:
        return str(_("Onfido reaches the connector."))
    if refused:
        number = sum(each.number for each in refused)
        return str(ngettext("No event, but %(num)s refused post.", "No event, but %(num)s refused posts.", number))
    return str(_("No event from Onfido matches."))


def _criteria(filters: Filters) -> EventFilter:
    since, before = read_period(filters.value("from"), filters.value("to"))
    run_id = filters.value("run")
    return EventFilter(
        provider_id=filters.value("provider"),
        run_id=None if run_id is None else normal_id(run_id),
        state=filters.value("state"),
        kind=filters.value("kind"),
        since=since,
        before=before,
    )


def _is_any(filters: Filters) -> bool:
    return bool(_lookup().page(g.tenant, _criteria(filters), limit=1).rows)


def _filters(names: dict[str, str]) -> Filters:
    states = {"applied": _("Applied"), "parked": _("Parked"), "noted": _("Noted")}
    return Filters(
        Choice("state", _("State"), {state: states[state] for state in sorted(EVENT_STATES)}),
        Choice("provider", _("Provider"), names),
        text={"kind": _("Kind"), "run": _("Run")},
        dates={"from": _("From (UTC)"), "to": _("To (UTC)")},
    )


def _causes() -> dict[str, str]:
    """Return the reasons for which posts are refused, in words."""
    return {
        "wrong_signature": _("Signed with a token other than the registered one"),
        "no_signature": _("Not signed: not sent by Onfido, or a proxy removed the header"),
        "no_token": _("No webhook token is registered here"),
        "unreadable": _("Signed, but not a valid event"),
        "too_large": _("Larger than any event of Onfido"),
    }


def _lookup() -> EventLookup:
    lookup: EventLookup = use_cases().event_lookup
    return lookup
