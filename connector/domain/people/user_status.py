"""The reasons why a user is not verified, for the help desk; without values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import datetime, timedelta

from connector.domain.audit.history import Change
from connector.domain.claims import Claim
from connector.domain.frozen import frozen
from connector.domain.messages import claims_named, joined, message
from connector.domain.providers.provider import Provider
from connector.domain.studio.workflow_run import APPROVED, STARTING, is_final
from connector.domain.verifications.failures import failure_words
from connector.domain.verifications.reasons import reason_of_claim, reason_of_run
from connector.domain.verifications.verification import Verification
from connector.errors import message_of

# the period in which Onfido may refuse as many starts as a provider allows attempts
REFUSED_STARTS_WINDOW = timedelta(minutes=10)


@frozen
class ClaimStatus:
    """A claim that a provider can verify; `reason` says why it is not verified."""

    uri: str
    has_value: bool
    is_verified: bool
    verification_status: str | None
    reason: str | None


@frozen
class AttemptNumber:
    """The place of a verification among those that count against the provider's limit: the second of five."""

    number: int
    most: int
    window: timedelta


@frozen
class ProviderStatus:
    """The verification state of a user with one provider; `next_attempt_at` is None if a start is allowed now.

    `attempts` are the user's starts that count against the limit of attempts now.
    """

    provider: Provider
    claims: Sequence[ClaimStatus]
    last_run: Verification | None
    last_reasons: Sequence[str] = field(default=())
    last_refusal: Change | None = None
    next_attempt_at: datetime | None = None
    attempts: int = 0

    @property
    def is_verified(self) -> bool:
        """Whether every claim is verified that the provider can verify and that the user has a value for."""
        to_verify = [claim for claim in self.claims if claim.has_value]
        return bool(to_verify) and all(claim.is_verified for claim in to_verify)

    @property
    def reason(self) -> str | None:
        """The reason why the user is not verified, in one or more sentences; None for a verified user."""
        if self.is_verified:
            return None
        sentences = [self._main_reason()]
        if not self.provider.is_enabled:
            sentences.append(message("The provider is disabled."))
        if self.next_attempt_at is not None:
            sentences.append(message("The limit of attempts is reached."))
        return joined(sentences)

    def _main_reason(self) -> str:
        run, refusal = self.last_run, self.last_refusal
        if run is not None and run.closed_at is None and run.run_id is not None:
            text = reason_of_run(run.status).administrator
            return joined((message("A verification is open: run %(run)s.", run=run.run_id), text))
        if refusal is not None and (run is None or refusal.at > run.created_at):
            return message("The last start was refused: %(why)s.", why=describe_refusal(refusal))
        if run is None:
            return message("No verification was started.")
        if run.closed_at is None:
            return reason_of_run(STARTING).administrator
        return _final_reason(run, self.last_reasons)


def claim_status(uri: str, claim: Claim | None, *, has_value: bool) -> ClaimStatus:
    """Return the state of a user's claim; `claim` is None if it was never part of a verification."""
    if claim is not None and claim.is_verified:
        return ClaimStatus(uri, has_value, True, claim.verification_status, None)
    status = claim.verification_status if claim else None
    reason = reason_of_claim(status, is_verified=False, has_value=has_value)
    return ClaimStatus(uri, has_value, False, status, reason.administrator)


def attempt_number(verification: Verification, started: Sequence[datetime], provider: Provider) -> AttemptNumber | None:
    """Return the place of a verification among the starts that count now; None if it does not count, or no longer."""
    if verification.created_at not in started:
        return None
    number = sum(moment <= verification.created_at for moment in started)
    return AttemptNumber(number, provider.max_attempts, timedelta(seconds=provider.attempt_window))


def next_attempt_at(started: Sequence[datetime], provider: Provider, now: datetime) -> datetime | None:
    """Return when a user may start the next run; None if that is now. `started` has the latest start first."""
    window, recent = timedelta(seconds=provider.attempt_window), counted(started, provider, now)
    return recent[provider.max_attempts - 1] + window if len(recent) >= provider.max_attempts else None


def counted(started: Sequence[datetime], provider: Provider, now: datetime) -> Sequence[datetime]:
    """Return the starts that count against the limit of attempts now."""
    since = now - timedelta(seconds=provider.attempt_window)
    return [moment for moment in started if moment > since]


def describe_refusal(refusal: Change) -> str:
    """Describe a refused start: its code, the code's meaning, and the claims."""
    meaning, claims = message(message_of(refusal.current)), claims_named(refusal.detail.get("claims", ()))
    if claims:
        return message("%(code)s (%(meaning)s) for %(claims)s", code=refusal.current, meaning=meaning, claims=claims)
    return message("%(code)s (%(meaning)s)", code=refusal.current, meaning=meaning)


def _final_reason(run: Verification, reasons: Sequence[str]) -> str:
    if is_final(run.status):
        sentence = reason_of_run(run.status, run.decision).administrator
    else:
        sentence = message("The last run ended as %(status)s.", status=run.status)
    if (run.decision or run.status) == APPROVED:
        sentence = joined((sentence, message("Not every attribute is verified now.")))
    reported = f"{'; '.join(reasons).removesuffix('.')}." if reasons else ""
    return joined((sentence, reported, failure_words(run.failure) if run.failure else ""))
