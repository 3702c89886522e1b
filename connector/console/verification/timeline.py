"""The timeline of a verification, in words: its start, its history, and the notices to the application."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from connector.console.claim_names import claim_name, names_of
from connector.console.translations import say
from connector.console.words import State, attribute_state, delivery_state, run_state
from connector.domain.audit.history import (
    AUDITED,
    CLAIM,
    DECIDED,
    FILE,
    INITIATED,
    RESULT,
    RUN,
    SYSTEM,
    TASK,
    Change,
    name_of,
)
from connector.domain.audit.sentences import sentence
from connector.domain.claims import VERIFIED
from connector.domain.frozen import frozen
from connector.domain.verifications.reasons import OF_RUN, reason_of_claim
from connector.services.application.deliveries import StoredDelivery
from connector.services.lookup.verifications import VerificationDetails
from connector.services.results.events import WEBHOOK

CAUSES = {
    WEBHOOK: _l("Onfido’s event"),
    "initiated": "",
    "decided": _l("decided in review"),
    "refreshed": _l("read from Onfido again"),
    "sweep": _l("read from Onfido by the worker"),
    "completed": _l("the application asked for the result"),
}
KINDS = {
    "tell_change": _l("Notice to the application"),
    "tell_task": _l("Notice about a task"),
    "tell_matches": _l("Notice about watchlist matches"),
    "write_status": _l("Status written to the directory"),
    "check_verification": _l("Reading the run from Onfido"),
    "keep_document": _l("Keeping the document’s values"),
    "delete_applicant": _l("Deleting the applicant at Onfido"),
}


@frozen
class Moment:
    """An entry of the timeline: its mark, a sentence, its actor or channel, and the event that caused it."""

    at: datetime
    kind: str
    icon: str
    text: str
    by: str = ""
    event_id: str | None = None


@frozen
class SentDelivery:
    """A delivery of this verification, as the page shows it."""

    state: State
    what: object
    answer: str
    row: StoredDelivery


def timeline_of(details: VerificationDetails, deliveries: Sequence[StoredDelivery]) -> list[Moment]:
    """Return the entries, in order of time."""
    moments = [*_start(details), *_moments(details.history), *_delivery_moments(deliveries)]
    return sorted(moments, key=lambda each: each.at)


def caused_by(event_id: str, details: VerificationDetails) -> list[Moment]:
    """Return the entries of the changes that one of Onfido's events has caused."""
    return list(_moments([each for each in details.history if _event_of(each) == event_id]))


def deliveries_of(deliveries: Sequence[StoredDelivery]) -> list[SentDelivery]:
    """Return the deliveries that concern a verification, each with the answer to its last attempt."""
    return [
        SentDelivery(delivery_state(each.state), KINDS.get(each.kind, each.kind), _answer(each), each)
        for each in deliveries
    ]


def _start(details: VerificationDetails) -> Iterator[Moment]:
    verification, number = details.listed.verification, len(details.claims)
    text = ngettext(
        "%(user)s asked to verify %(num)s attribute.",
        "%(user)s asked to verify %(num)s attributes.",
        number,
        user=verification.user_id,
    )
    by = _("through the application %(client)s", client=verification.client_id) if verification.client_id else ""
    yield Moment(verification.created_at, "none", "person", text, by)
    if verification.captured_at:
        yield Moment(verification.captured_at, "run", "camera", _("The user had sent everything that was required."))
    if verification.decision_awaited_at:
        text = _("A manual decision was needed in Onfido’s dashboard.")
        yield Moment(verification.decision_awaited_at, "wait", "person-raised-hand", text)


def _moments(changes: Sequence[Change]) -> Iterator[Moment]:
    """Return the entries of the history; attributes that became verified at the same time are named together."""
    for (verified, _at), group in groupby(changes, lambda each: (_is_verified(each), each.at)):
        entries = list(group)
        if verified:
            names = names_of(each.name or "" for each in entries)
            text = ngettext("%(names)s is verified.", "%(names)s are verified.", len(entries), names=names)
            yield _entry(entries[0], "good", "check-lg", text)
        else:
            yield from map(_moment, entries)


def _is_verified(change: Change) -> bool:
    return change.subject == CLAIM and change.current == VERIFIED and change.cause not in AUDITED


def _moment(change: Change) -> Moment:
    if change.subject == CLAIM and change.cause not in AUDITED:
        state = attribute_state(change.current, is_verified=False)
        why = say(reason_of_claim(change.current, is_verified=False).administrator)
        text = _("%(name)s is not verified. %(why)s", name=claim_name(change.name or ""), why=why)
        return _entry(change, state.kind, state.icon, text)
    if change.subject == RUN and change.cause != DECIDED and change.current in OF_RUN:
        state = run_state(change.current)
        return _entry(change, state.kind, state.icon, OF_RUN[change.current].administrator)
    return _entry(change, *_mark(change), sentence(change))


def _entry(change: Change, kind: str, icon: str, text: str) -> Moment:
    return Moment(change.at, kind, icon, text, _by(change), _event_of(change))


def _mark(change: Change) -> tuple[str, str]:
    if change.subject == CLAIM:
        return ("good", "check-lg") if change.current == VERIFIED else ("bad", "x-lg")
    if change.subject == RUN:
        state = run_state(change.current)
        return state.kind, state.icon
    return ("none", "eye") if change.subject in (FILE, RESULT, TASK) else ("none", "dot")


def _event_of(change: Change) -> str | None:
    """Return the id of Onfido's event that caused a change; None if something else did."""
    return change.actor if change.cause == WEBHOOK else None


def _by(change: Change) -> str:
    """Return the cause of an entry, unless the sentence contains it."""
    words = [str(CAUSES.get(change.cause, change.cause.replace("_", " ")))]
    if change.actor and change.actor != SYSTEM and change.cause not in (INITIATED, WEBHOOK):
        words.append(name_of(change.actor))
    if reason := change.detail.get("reason"):
        words.append(_("reason: %(reason)s", reason=reason))
    return " · ".join(word for word in words if word)


def _delivery_moments(deliveries: Sequence[StoredDelivery]) -> Iterator[Moment]:
    for each in deliveries:
        if each.settled_at is not None and each.endpoint_id:
            state = delivery_state(each.state)
            yield Moment(
                each.settled_at,
                state.kind,
                "send",
                _("%(what)s: %(answer)s.", what=KINDS.get(each.kind, each.kind), answer=_answer(each)),
            )


def _answer(row: StoredDelivery) -> str:
    if not row.history:
        return str(_("not tried yet") if row.state == "ready" else _("done"))
    last = row.history[-1]
    status, seconds, reason = last.get("status"), last.get("seconds"), last.get("reason")
    if status is None:
        return str(reason or _("done"))
    if seconds is None:
        return str(_("answered %(status)s", status=status))
    return str(_("answered %(status)s in %(number)s ms", status=status, number=round(seconds * 1000)))
