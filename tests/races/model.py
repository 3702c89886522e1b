"""A model of the contract for one user, with which the connector is compared.

    values ──► an attempt sends them ──► its run ends at Onfido ──► the connector learns of it ──► verified claims

It has no leases, tables or events; it has only the answers and their consequences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.races.attack import COMPARED_AS, RUN_SETTLE_TIME
from tests.values import GIVEN_NAME, LAST_NAME, VALUES

FINAL = ("approved", "declined", "review", "abandoned", "error")

STARTED = (200, None)
OPEN, ALL_VERIFIED = (400, "OIDV-10004"), (400, "OIDV-10049")
VALUE_MISSING = (400, "OIDV-10002")
NO_ATTEMPT = (400, "OIDV-10014")
NOT_AWAITING = (400, "OIDV-10033")
THROTTLED = (503, "OIDV-10045")
UNREACHABLE = (503, "OIDV-10046")

Answer = tuple[int, str | None]


@dataclass
class Run:
    """A run as Onfido has it; `comparisons` by Onfido's keys."""

    status: str = "awaiting_input"
    comparisons: Mapping[str, str | None] = field(default_factory=dict)


@dataclass
class Attempt:
    """One attempt. `is_known`: the run is recorded; `asked_at`: the time of a request for it without an answer."""

    claims: frozenset[str]
    sent: dict[str, str | None] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    run: Run | None = None
    is_known: bool = False
    has_applicant: bool = False
    asked_at: float | None = None
    is_closed: bool = False


class User:
    """One user with one provider."""

    def __init__(self) -> None:
        self.values: dict[str, str | None] = dict(VALUES)
        self.verified: set[str] = set()
        self.known_claims: set[str] = set()
        self.attempts: list[Attempt] = []
        self.sent_to_applicant: frozenset[str] = frozenset()  # every claim that its latest applicant may have
        self.started = 0  # requests with INITIATED that were answered 200
        self.time = 0.0

    @property
    def open(self) -> Attempt | None:
        """The attempt that is not closed."""
        return next((attempt for attempt in self.attempts if not attempt.is_closed), None)

    @property
    def has_applicant(self) -> bool:
        """Whether the latest applicant is updated; one that would keep a value that was removed is replaced."""
        return bool(self.sent_to_applicant) and all(self.values[uri] is not None for uri in self.sent_to_applicant)

    @property
    def runs(self) -> list[Run]:
        """Every run that was paid for."""
        return [attempt.run for attempt in self.attempts if attempt.run]

    def initiate(self, claims: frozenset[str], fault: str | None = None) -> Answer:
        """Start a run; `fault` is Onfido's behaviour if the request reaches it."""
        attempt = self.open
        if attempt and attempt.is_known:
            self.learn(attempt)
            if not attempt.is_closed:
                return OPEN
            attempt = None
        if attempt and attempt.run:
            return self._hand_over(attempt)
        if attempt and attempt.asked_at is not None and self.time - attempt.asked_at < RUN_SETTLE_TIME:
            return UNREACHABLE
        if refusal := self._refusal(claims):
            if attempt and attempt.asked_at is None:
                self._give_up(attempt)
            return refusal
        if attempt is None:
            self.attempts.append(attempt := Attempt(claims))
        attempt.claims, attempt.changed = claims, set()
        attempt.sent = {uri: self.values[uri] for uri in claims}
        return self._start(attempt, fault)

    def _refusal(self, claims: frozenset[str]) -> Answer | None:
        if any(self.values[uri] is None for uri in claims | {GIVEN_NAME, LAST_NAME}):
            return VALUE_MISSING
        return ALL_VERIFIED if claims <= self.verified else None

    def _give_up(self, attempt: Attempt) -> None:
        """Close an attempt without a run; remove it if it has no applicant."""
        attempt.is_closed = True
        if not attempt.has_applicant:
            self.attempts.remove(attempt)

    def _start(self, attempt: Attempt, fault: str | None) -> Answer:
        sent = attempt.claims | {GIVEN_NAME, LAST_NAME}
        if self.has_applicant:
            self.sent_to_applicant |= sent  # recorded before they are sent
        elif fault != "applicant failed":
            self.sent_to_applicant = sent
        if fault == "applicant failed":
            return UNREACHABLE
        attempt.has_applicant = True
        attempt.asked_at = None
        if fault == "run throttled":
            return THROTTLED
        if fault == "run failed":
            attempt.asked_at = self.time
            return UNREACHABLE
        attempt.run = Run()
        return UNREACHABLE if fault == "run unanswered" else self._hand_over(attempt)

    def _hand_over(self, attempt: Attempt) -> Answer:
        attempt.is_known = True
        self.known_claims |= attempt.claims
        self.learn(attempt)
        self.started += 1
        return STARTED

    def latest(self, claims: frozenset[str]) -> Attempt | None:
        """The latest attempt for all of these claims."""
        return next((attempt for attempt in reversed(self.attempts) if claims <= attempt.claims), None)

    def complete(self, claims: frozenset[str]) -> Answer:
        """Request the result; if the latest attempt has no run, of an earlier attempt for the same claims."""
        attempt = self.latest(claims)
        if attempt is None or not (attempt.is_known or (attempt.is_closed and claims & self.known_claims)):
            return NO_ATTEMPT
        self.learn(attempt)
        return STARTED

    def resume(self, claims: frozenset[str]) -> Answer:
        """Request a new SDK token."""
        attempt = self.latest(claims)
        if attempt is None or not attempt.is_known:
            return NO_ATTEMPT
        was_closed = attempt.is_closed
        self.learn(attempt)
        awaits = not was_closed and attempt.run is not None and attempt.run.status == "awaiting_input"
        return STARTED if awaits else NOT_AWAITING

    def learn(self, attempt: Attempt) -> None:
        """Apply Onfido's result of an attempt's run, once, after the run has ended."""
        run = attempt.run
        if run is None or attempt.is_closed or not attempt.is_known or run.status not in FINAL:
            return
        attempt.is_closed = True
        for uri in attempt.claims - attempt.changed:
            comparison = run.comparisons.get(COMPARED_AS[uri])
            if comparison == "consider":
                self.verified.discard(uri)
            elif comparison == "clear" and run.status == "approved":
                self.verified.add(uri)

    def change(self, uri: str, value: str | None) -> None:
        """Change the user's value; None removes it."""
        if value == self.values[uri]:
            return
        self.values[uri] = value
        self.verified.discard(uri)
        if (attempt := self.open) and attempt.sent.get(uri) != value:
            attempt.changed.add(uri)

    def correct(self, uri: str, *, is_verified: bool) -> None:
        """Correct the claim as an administrator, for the value that the user has now."""
        self.known_claims.add(uri)
        (self.verified.add if is_verified else self.verified.discard)(uri)
