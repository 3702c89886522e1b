"""A delivery as pages show it: its kind in words, its destination, and the last answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from connector.console.words import State, delivery_state
from connector.domain import notices
from connector.domain.frozen import frozen
from connector.domain.notices import Endpoint
from connector.services.application.deliveries import StoredDelivery

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


def line_of(row: StoredDelivery, endpoints: Mapping[str, Endpoint]) -> Line:
    """Return a delivery for a list."""
    endpoint = endpoints.get(row.endpoint_id or "")
    return Line(
        row=row,
        state=_state(row),
        what=what(row),
        destination=endpoint.config.url if endpoint else _elsewhere(row),
        answer=_answer(row),
        user_id=row.payload.get("user_id"),
    )


def _elsewhere(row: StoredDelivery) -> str:
    """Return where a delivery goes that is for none of the endpoints."""
    if row.kind == "push_signals":
        return str(_("receiver of the stream %(stream)s", stream=row.endpoint_id or ""))
    return str(_("removed endpoint")) if row.endpoint_id else ""


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
