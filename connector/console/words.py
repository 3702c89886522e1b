"""The display of states: always by icon, word and colour, never by colour alone.

The colours mean one thing each: `good` verified, approved, delivered; `bad` declined, differs, dead; `wait` review,
warning, retry; `run` under way; `none` nothing to report; `fault` a technical error or a refused event; `test` sandbox.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from connector.domain.frozen import frozen
from connector.domain.studio.capture import LINK, SDK


@frozen
class State:
    """A state as a badge shows it."""

    kind: str
    icon: str
    text: object


RUN_STATES: Mapping[str, State] = {
    "starting": State("run", "play-fill", _l("Starting")),
    "awaiting_input": State("run", "camera", _l("Waits for the user")),
    "awaiting_client_input": State("run", "hourglass-split", _l("Waits for the application")),
    "processing": State("run", "arrow-repeat", _l("Being checked")),
    "approved": State("good", "check-lg", _l("Approved")),
    "declined": State("bad", "x-lg", _l("Declined")),
    "review": State("wait", "hourglass-split", _l("In review")),
    "abandoned": State("none", "dash-lg", _l("Abandoned")),
    "error": State("fault", "exclamation-octagon", _l("Error")),
}
CAPTURES: Mapping[str, object] = {
    SDK: _l("In the application, with Onfido’s SDK"),
    LINK: _l("On Onfido’s pages, by a link"),
}
ATTRIBUTE_STATES: Mapping[str, State] = {
    "verified": State("good", "check-lg", _l("Verified")),
    "clear": State("good", "check-lg", _l("Same as on the document")),
    "consider": State("bad", "x-lg", _l("Differs")),
    "differs": State("bad", "x-lg", _l("Differs")),
    "unidentified": State("none", "question-lg", _l("Not readable")),
    "not_compared": State("none", "dash-lg", _l("Not compared")),
    "value_changed": State("wait", "arrow-repeat", _l("Changed since")),
    "sandbox": State("test", "cone-striped", _l("Sandbox")),
    "watchlist_match": State("bad", "exclamation-triangle-fill", _l("Withdrawn after a match")),
}
DELIVERY_STATES: Mapping[str, State] = {
    "ready": State("run", "arrow-repeat", _l("Waiting")),
    "done": State("good", "check-lg", _l("Delivered")),
    "dead": State("bad", "send-x", _l("Dead")),
}
EVENT_STATES: Mapping[str, State] = {
    "applied": State("good", "check-lg", _l("Applied")),
    "parked": State("wait", "hourglass-split", _l("Parked")),
    "noted": State("none", "dash-lg", _l("Noted")),
    "refused": State("fault", "shield-x", _l("Refused")),
}
EVENT_KINDS: Mapping[str, object] = {
    "workflow_run.completed": _l("Run ended"),
    "workflow_task.started": _l("Task started"),
    "workflow_task.completed": _l("Task ended"),
    "workflow_timeline_file.created": _l("Timeline created"),
    "workflow_run_evidence_folder.created": _l("Evidence created"),
    "watchlist_monitor.matches_updated": _l("Watchlist matches changed"),
    "audit_log.created": _l("Onfido’s audit log"),
}
STREAM_STATES: Mapping[str, State] = {
    "enabled": State("good", "check-lg", _l("Enabled")),
    "paused": State("wait", "hourglass-split", _l("Paused")),
    "disabled": State("none", "dash-lg", _l("Disabled")),
}
JOB_STATES: Mapping[str, State] = {
    "queued": State("none", "hourglass-split", _l("Queued")),
    "running": State("run", "arrow-repeat", _l("Running")),
    "done": State("good", "check-lg", _l("Done")),
    "failed": State("fault", "exclamation-octagon", _l("Failed")),
    "expired": State("none", "clock-history", _l("Expired")),
    "cancelled": State("none", "x-lg", _l("Cancelled")),
}
JOB_KINDS: Mapping[str, object] = {
    "verifications_csv": _l("Verifications as CSV"),
    "user_record": _l("Record of a user"),
    "resend_deliveries": _l("Deliveries resent"),
    "fetch_runs": _l("Runs fetched from Onfido"),
}
JOB_COUNTS: Mapping[str, object] = {
    "queued": _l("Queued"),
    "listed": _l("Runs in Onfido’s list"),
    "ours": _l("Started by this connector"),
}
JOB_PARAMETERS: Mapping[str, object] = {
    "since": _l("Since"),
    "which": _l("Which"),
    "status": _l("Status"),
    "tag": _l("Tag"),
    "environment": _l("Environment"),
    "claim": _l("Attribute"),
    "result": _l("with the result"),
    "needsReview": _l("Needs a decision"),
    "decision": _l("Decision"),
    "capture": _l("Capture"),
    "from": _l("From"),
    "to": _l("To"),
    "endpointId": _l("Endpoint"),
}
DECISIONS: Mapping[str, object] = {
    "approved": _l("approved by hand"),
    "declined": _l("declined by hand"),
    "none": _l("none"),
    "awaited": _l("awaited at Onfido"),
}
SANDBOX = State("test", "cone-striped", _l("Sandbox"))
LIVE = State("good", "circle-fill", _l("Live"))
DISABLED = State("none", "dash-lg", _l("Disabled"))


def run_state(status: str) -> State:
    """Return the badge for the status of a run; an unknown status counts as open."""
    return RUN_STATES.get(status) or State("run", "arrow-repeat", _('Onfido says "%(status)s"', status=status))


def attribute_state(status: str | None, *, is_verified: bool) -> State:
    """Return the badge for the result of an attribute."""
    if is_verified:
        return ATTRIBUTE_STATES["verified"]
    if status is None:
        return State("none", "dash-lg", _("Not checked yet"))
    if status == "clear":  # the run was not approved, or it was withdrawn since
        return State("none", "dash-lg", _("Not verified"))
    return ATTRIBUTE_STATES.get(status) or State("none", "question-lg", status)


def finding_state(finding: str | None) -> State:
    """Return the badge for a finding of Onfido, independent of the result."""
    return ATTRIBUTE_STATES.get(finding or "") or State("none", "dash-lg", _("Not checked yet"))


def delivery_state(state: str) -> State:
    """Return the badge for the state of a delivery."""
    return DELIVERY_STATES.get(state) or State("none", "question-lg", state)


def event_kind(kind: str) -> str:
    """Return the description of a kind of Onfido's events; of one that is not known, Onfido's own name."""
    return str(EVENT_KINDS.get(kind, kind))


def event_state(state: str) -> State:
    """Return the badge for the state of an event."""
    return EVENT_STATES.get(state) or State("none", "question-lg", state)


def job_state(state: str) -> State:
    """Return the badge for the state of a job."""
    return JOB_STATES.get(state) or State("none", "question-lg", state)


def decision(decided: str) -> object:
    """Return the words for an administrator's decision."""
    return DECISIONS.get(decided, decided)


def environment_state(environment: str | None) -> State | None:
    """Return the badge of an environment: the sandbox always has one, an unknown environment none."""
    return {"sandbox": SANDBOX, "live": LIVE}.get(environment or "")
