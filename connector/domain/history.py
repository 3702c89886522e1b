"""The history, as values: every change of a run's or claim's status, and every change by an administrator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from connector.domain.verification import Verification

RUN, CLAIM, PROVIDER, USER, APPLICANT, OUTBOX = "run", "claim", "provider", "user", "applicant", "outbox"  # subjects
START = "start"  # another: a verification that was asked for
EXPORT, FILE = "export", "file"  # others: what was read, in bulk or of one run
EVENT = "event"  # another: what Onfido posted
JOB = "job"  # another: long work that was asked for, by its id
KEY = "key"  # another: a key that signs, by its id
VALUES = "values"  # another: a user's values, which were read
ENDPOINT = "endpoint"  # another: where an application is notified
REQUEST = "request"  # another: a request that was refused, by its operation
SETTINGS = "settings"  # another: those of a process
SESSION = "session"  # another: a person's session at the console, by the person's id; of a refusal, by the issuer
CLIENT = "client"  # another: a client of the OpenID provider
STREAM = "stream"  # another: a stream of signals to another system
EXPORTED, READ = "exported", "read"  # what was done to these
SIGNED_IN, SIGNED_OUT, LINK_MADE = "signed_in", "signed_out", "link_made"  # what was done to sessions
# Why a sign-in was refused, or what an issuer reported as a sign-out.
NOT_BEGUN, NO_ANSWER, CANCELLED, OTHER_TENANT, NOT_ACCEPTED, LINK_USED, NO_SIGN_OUT = SIGN_IN_CAUSES = (
    *("sign_in_not_begun", "issuer_unavailable", "sign_in_cancelled", "other_tenant"),
    *("answer_refused", "link_refused", "sign_out_refused"),
)
REPLAYED = "replayed"  # what was done to an event: it was applied again
ADMINISTRATOR = "administrator"  # a cause
DECIDED = "decided"  # another: an administrator's decision on a run in review
APPLICATION = "application"  # another: an application completed a task
CHECKED = "checked"  # another: a check of a provider has turned out otherwise than the one before
REFUSED = "refused"  # another: a verification was asked for and not started; the entry is kept for a while only
MADE = (ADMINISTRATOR, DECIDED, APPLICATION)  # causes of what people asked for and got
AUDITED = (*MADE, REFUSED)  # what an auditor looks for: requests of people
INITIATED = "initiated"  # another: an application started a verification
DONE = "done"  # an outcome, as REFUSED is
OUTCOMES = {DONE: MADE, REFUSED: (REFUSED,)}  # the causes of each
WATCHLIST = "watchlist"  # another: new matches of a watchlist
SYSTEM = "system"  # the actor where no person is known
ADDED, CHANGED, REMOVED = "added", "changed", "removed"  # what was done to a provider or a user
UNLOCKED = "unlocked"  # another: the user's earlier verifications no longer count against the attempt limit


@dataclass(frozen=True)
class Change:
    """One change; `actor` is the administrator or the event's id, `detail` holds no secret and no value.

    `changes` are properties with what they were and are, each `from` and `to` (`differences.py`).

    `user_id` is for subscribers; it is stored with those causes only that an auditor looks for, as is the `address` of
    the request. `capture`, how the user goes through the run, is for subscribers only. The journal sets the `channel`,
    `address` and `trace_id`.
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
        """Return the same change with the reason that its actor gave."""
        return replace(self, detail={**self.detail, "reason": reason})

    def concerning(self, user_id: str) -> Change:
        """Return the same change with the user whom it concerns."""
        return replace(self, user_id=user_id)


def differences_of(change: Change) -> Mapping[str, Any]:
    """Return the properties that a change has changed, each `from` and `to`: of a user's values only that they did."""
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
    """Return an actor without the client and the issuer of the token, which only the last brackets hold."""
    return actor.rpartition(" [")[0] if actor.endswith("]") and " [" in actor else actor


@dataclass(frozen=True)
class Entry:
    """A change as it is stored; entries are numbered in the order in which they were written."""

    number: int
    change: Change


@dataclass(frozen=True)
class AuditFilter:
    """Which audited changes to find; None means any. `name` is the object's name or id, `action` what was done.

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
    """Create the entry for an administrator's change; `changes` are of what is neither secret nor personal."""
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
    """Create the entry for a change of a verification, its run, a claim of its or its user."""
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
