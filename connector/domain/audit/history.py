"""The history, as values: every change of a run's or claim's status, and every change by an administrator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import Any

from connector.domain.frozen import frozen
from connector.domain.verifications.verification import Verification

RUN, CLAIM, PROVIDER, USER, APPLICANT, OUTBOX = "run", "claim", "provider", "user", "applicant", "outbox"  # subjects
START = "start"  # a verification that was requested
EXPORT, FILE = "export", "file"  # data that were read, in bulk or for one run
EVENT = "event"  # an event from Onfido
JOB = "job"  # a job that was requested, by its id
KEY = "key"  # a signing key, by its id
VALUES = "values"  # a user's values, which were read
RESULT = "result"  # the kept result of a run, which was read
TASK = "task"  # a task of a run, whose data was read
ENDPOINT = "endpoint"  # a notice endpoint
REQUEST = "request"  # a refused request, by its operation
SETTINGS = "settings"  # the settings of a process
SESSION = "session"  # a person's session at the console, by the person's id; for a refusal, by the issuer
CLIENT = "client"  # a client of the OpenID provider
STREAM = "stream"  # a stream of signals to another system
EXPORTED, READ = "exported", "read"  # actions on exports, files, events and values
SIGNED_IN, SIGNED_OUT, LINK_MADE = "signed_in", "signed_out", "link_made"  # actions on sessions
# Reasons for refusing a sign-in, or a reported sign-out.
NOT_BEGUN, NO_ANSWER, CANCELLED, OTHER_TENANT, NOT_ACCEPTED, LINK_USED, NO_SIGN_OUT = SIGN_IN_CAUSES = (
    *("sign_in_not_begun", "issuer_unavailable", "sign_in_cancelled", "other_tenant"),
    *("answer_refused", "link_refused", "sign_out_refused"),
)
REPLAYED = "replayed"  # an action on an event: it was applied again
ADMINISTRATOR = "administrator"  # a cause: a change by an administrator
DECIDED = "decided"  # a cause: an administrator's decision on a run in review
APPLICATION = "application"  # a cause: an application completed a task
CHECKED = "checked"  # a cause: a provider's check had another result than the one before
REFUSED = "refused"  # a cause: a refused request; such entries are kept only for a limited time
MADE = (ADMINISTRATOR, DECIDED, APPLICATION)  # causes of successful requests of people
AUDITED = (*MADE, REFUSED)  # causes in the audit trail
INITIATED = "initiated"  # a cause: an application started a verification
DONE = "done"  # an outcome, like REFUSED
OUTCOMES = {DONE: MADE, REFUSED: (REFUSED,)}  # the causes of each outcome
WATCHLIST = "watchlist"  # a cause: new matches of a watchlist
SYSTEM = "system"  # the actor if no person is known
ADDED, CHANGED, REMOVED = "added", "changed", "removed"  # actions on a provider or a user
UNLOCKED = "unlocked"  # an action: the user's earlier verifications no longer count against the attempt limit


@frozen
class Change:
    """One change; `actor` is the administrator or the event's id, `detail` contains no secret and no value.

    `changes` are the changed properties, each with `from` and `to` (`differences.py`).

    `user_id` is for subscribers; it is stored only with the causes of the audit trail, and so is the `address` of the
    request. `capture`, the user's way of capture, is only for subscribers. The journal sets the `channel`, `address`
    and `trace_id`.
    """

    at: datetime
    tenant: str
    subject: str
    current: str
    cause: str
    previous: str | None = None
    name: str | None = None
    provider_id: str | None = None
    verification_id: str | None = None
    actor: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] | None = None
    user_id: str | None = None
    capture: str | None = None
    channel: str | None = None
    address: str | None = None
    trace_id: str | None = None

    def because(self, reason: str) -> Change:
        """Return the same change with its actor's reason."""
        return replace(self, detail={**self.detail, "reason": reason})

    def concerning(self, user_id: str) -> Change:
        """Return the same change with the user concerned."""
        return replace(self, user_id=user_id)


def differences_of(change: Change) -> Mapping[str, Any]:
    """Return the changed properties, each with `from` and `to`; for a user's values only the fact of the change."""
    if change.changes is not None:
        return change.changes
    if change.subject == USER:
        removed = change.detail.get("removed", ())
        uris = change.detail.get("claims", ())
        return {uri: {"from": None, "to": REMOVED if uri in removed else CHANGED} for uri in uris}
    if change.subject in (RUN, CLAIM) and change.previous is not None:
        return {"status": {"from": change.previous, "to": change.current}}
    return {}


def name_of(actor: str) -> str:
    """Return an actor without the client and the issuer of the token, which are in the last brackets."""
    return actor.rpartition(" [")[0] if actor.endswith("]") and " [" in actor else actor


@frozen
class Entry:
    """A stored change; entries are numbered in the order in which they were written."""

    number: int
    change: Change


@frozen
class AuditFilter:
    """A filter of audited changes; None means any. `name` is the object's name or id, `action` what was done.

    The `outcome` is `done` or `refused`. The period is half open.
    """

    user_id: str | None = None
    actor: str | None = None
    subject: str | None = None
    name: str | None = None
    action: str | None = None
    outcome: str | None = None
    channel: str | None = None
    since: datetime | None = None
    before: datetime | None = None


def by_administrator(
    at: datetime,
    actor: str,
    tenant: str,
    subject: str,
    name: str,
    current: str,
    detail: Mapping[str, Any],
    provider_id: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Change:
    """Create the entry for an administrator's change; `changes` contain neither secrets nor personal data."""
    return Change(
        at=at,
        tenant=tenant,
        subject=subject,
        name=name,
        current=current,
        cause=ADMINISTRATOR,
        actor=actor,
        detail=detail,
        changes=changes or None,
        provider_id=provider_id,
        user_id=name if subject == USER else None,
    )


def of_verification(
    verification: Verification,
    at: datetime,
    cause: str,
    actor: str | None,
    subject: str,
    name: str | None,
    previous: str | None,
    current: str,
) -> Change:
    """Create the entry for a change of a verification, its run, one of its claims or its user."""
    return Change(
        at=at,
        tenant=verification.tenant,
        subject=subject,
        current=current,
        cause=cause,
        previous=previous,
        name=name,
        provider_id=verification.provider_id,
        verification_id=verification.verification_id,
        user_id=verification.user_id,
        capture=verification.capture,
        actor=actor,
    )
