"""A delivery as pages show it: its kind in words, its destination, and the last answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from flask import g
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from connector.console.ground import use_cases
from connector.console.words import State, delivery_state
from connector.domain import notices
from connector.domain.audit.history import STREAM
from connector.domain.frozen import frozen
from connector.domain.notices import Endpoint
from connector.services.application.deliveries import StoredDelivery
from connector.services.lookup.object_names import ObjectNames

KINDS: Mapping[str, object] = {
    "tell_change": _l("Notice"),
    "tell_task": _l("Notice: a task has started"),
    "tell_matches": _l("Notice: watchlist matches changed"),
    "write_status": _l("Status, into the directory"),
    "write_statuses": _l("Status of all users, into the directory"),
    "check_verification": _l("Reading a run from Onfido"),
    "check_user": _l("Looking a user up in the directory"),
    "check_users": _l("Looking users up in the directory"),
    "keep_document": _l("Keeping a document’s values"),
    "delete_applicant": _l("Deleting an applicant at Onfido"),
    "delete_customer": _l("Deleting a user’s keys at Onfido"),
    "resend_notices": _l("Sending notices again"),
    "update_matches": _l("Reading watchlist matches from Onfido"),
    "advance_job": _l("Next step of a job"),
    "push_signals": _l("Signals to another system"),
    "tell_level": _l("Comparing a user’s level of assurance"),
    "tell_levels": _l("Comparing levels of assurance"),
    "seed_levels": _l("Noting levels of assurance"),
    "note_levels": _l("Noting levels of assurance"),
    "update_monitor": _l("Setting up a watchlist monitor at Onfido"),
    "update_monitors_of_user": _l("Ending a removed user’s watchlist monitors"),
    "update_monitors_of_provider": _l("Setting up a provider’s watchlist monitors"),
    "check_provider": _l("Checking a provider"),
    "withdraw_claims": _l("Withdrawing what the sandbox verified"),
    "finish_removals": _l("Finishing a removal"),
}
EVENTS: Mapping[str, object] = {
    notices.FINISHED: _l("Verification finished"),
    notices.CLAIMS_CHANGED: _l("Attributes changed"),
    notices.ATTENTION: _l("Attention needed"),
    notices.TASK_STARTED: _l("Task started"),
    notices.DECISION_WAITING: _l("Decision waiting at Onfido"),
    notices.MATCHES_UPDATED: _l("Watchlist matches changed"),
}

PUSH_SIGNALS = "push_signals"
_BUILT_LATER: Mapping[str, object] = {
    "tell_task": _l(
        "The body is built when it is sent, from the verification and from the task at Onfido as they are then."
    ),
    "tell_matches": _l("The body is built when it is sent, from the verification’s state then."),
    PUSH_SIGNALS: _l(
        "The stream’s waiting events are sent one by one, in their order; each is signed when it is sent, as a token "
        "that says only what has changed for which user."
    ),
}
_KNOWN: Mapping[str, object] = {
    "event": _l("Type"),
    "notice_id": _l("Id of the notice"),
    "at": _l("Detected"),
    "user_id": _l("User"),
    "task_id": _l("Task"),
    "monitor_id": _l("Watchlist monitor"),
}


@frozen
class Attempt:
    """An attempt and its outcome."""

    number: int
    at: datetime
    status: int | None
    seconds: float | None
    reason: str


@frozen
class Line:
    """A delivery in a list."""

    row: StoredDelivery
    state: State
    what: str
    destination: str
    answer: str
    user_id: str | None

    @property
    def is_finished(self) -> bool:
        """Whether it was delivered."""
        return self.row.state == "done"

    @property
    def may_be_sent(self) -> bool:
        """Whether it can be resent: it was not delivered, or it is a notice."""
        return not self.is_finished or bool(self.row.endpoint_id)


def stream_names(rows: Iterable[StoredDelivery]) -> Mapping[str, str]:
    """Return the names of the streams of signals to which deliveries push, by their ids."""
    names: ObjectNames = use_cases().object_names
    by_object = names.of(g.tenant, [(STREAM, row.endpoint_id) for row in rows if row.kind == PUSH_SIGNALS])
    return {stream_id: name for (_kind, stream_id), name in by_object.items()}


def line_of(row: StoredDelivery, endpoints: Mapping[str, Endpoint], streams: Mapping[str, str]) -> Line:
    """Return a delivery for a list."""
    endpoint = endpoints.get(row.endpoint_id or "")
    return Line(
        row=row,
        state=_state(row),
        what=what(row),
        destination=endpoint.config.url if endpoint else _elsewhere(row, streams),
        answer=_answer(row),
        user_id=row.payload.get("user_id"),
    )


def _elsewhere(row: StoredDelivery, streams: Mapping[str, str]) -> str:
    """Return where a delivery goes that is for none of the endpoints."""
    if row.kind == PUSH_SIGNALS:
        stream = streams.get(row.endpoint_id or "", row.endpoint_id)
        return str(_("receiver of the stream %(stream)s", stream=stream or ""))
    return str(_("removed endpoint")) if row.endpoint_id else ""


def built_later(row: StoredDelivery) -> str:
    """Return from what the body of a delivery is built when it is sent; empty if it is sent to nobody."""
    if not row.endpoint_id:
        return ""
    return str(_BUILT_LATER.get(row.kind) or _("The body is built when it is sent, from what is stored then."))


def facts_of(row: StoredDelivery) -> dict[str, str]:
    """Return what is known of a body before it is built, by its labels."""
    members = {name: str(row.payload.get(name) or "") for name in _KNOWN}
    return {str(_KNOWN[name]): value for name, value in members.items() if value}


def attempts_of(row: StoredDelivery) -> list[Attempt]:
    """Return the recorded attempts, the latest first."""
    return [_attempt(each) for each in reversed(row.history)]


def what(row: StoredDelivery) -> str:
    """Return a delivery's description."""
    event = EVENTS.get(str(row.payload.get("event")))
    return str(event or kind_words(row.kind))


def kind_words(kind: str) -> str:
    """Return the description of a kind of deliveries."""
    return str(KINDS.get(kind) or kind.replace("_", " ").capitalize())


def _state(row: StoredDelivery) -> State:
    if row.state == "ready" and row.history:
        return State("wait", "arrow-repeat", _("Tried again"))
    return delivery_state(row.state)


def _attempt(stored: Mapping[str, Any]) -> Attempt:
    at = datetime.fromisoformat(stored["at"])
    return Attempt(stored["number"], at, stored.get("status"), stored.get("seconds"), _words(stored.get("reason", "")))


def _words(reason: str) -> str:
    """Return why an attempt failed, without the name of the error's class in front of it."""
    name, _sep, words = reason.partition(": ")
    return words if words and name.isidentifier() else reason


def _answer(row: StoredDelivery) -> str:
    if not row.history:
        return str(_("not tried yet")) if row.state == "ready" else ""
    last = _attempt(row.history[-1])
    if last.status is None or last.seconds is None:
        return last.reason
    return str(_("%(status)s in %(number)s ms", status=last.status, number=round(last.seconds * 1000)))
