"""The results of a finished run for its claims: judging them one by one, and writing the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from connector.domain.audit.history import CLAIM, Change
from connector.domain.claims import ClaimState
from connector.domain.environment import LIVE, SANDBOX, counts
from connector.domain.frozen import replace
from connector.domain.ids import new_id
from connector.domain.studio.workflow_run import RunSnapshot
from connector.domain.text import fold
from connector.domain.verifications.judgement import Judged, Verdict, judge
from connector.domain.verifications.verification import Verification, VerificationClaim
from connector.onfido.output_claims import read_claim
from connector.services.use_case import use_case
from connector.store.claims import claims, lapsed_claims
from connector.store.providers.providers import SharedProvider
from connector.store.vault import Fingerprints


@use_case
class ClaimResults:
    """Judges claims and writes the results, in the caller's transaction."""

    _fingerprints: Fingerprints

    def settle(
        self,
        connection: Connection,
        verification: Verification,
        judged: Sequence[Judged],
        known: Mapping[str, ClaimState],
        provider: SharedProvider,
        cause: Change,
    ) -> list[Change]:
        """Write a finished run's results for its claims; return the changes, for the history.

        `known` are the states of the user's claims, which are locked; those that have lapsed are withdrawn first. A
        result of the sandbox never replaces one of live.
        """
        rows: list[dict[str, Any]] = []
        changes: list[Change] = []
        if provider.has_lapsed_claims:
            changes, known = _withdraw_lapsed(connection, verification, cause.at)
        for claim, verdict in judged:
            previous = known.get(claim.uri)
            if previous and previous.is_verified and _says_nothing(verification, verdict, previous):
                continue
            origin = verification.environment if verdict.is_verified else None
            state = ClaimState(bool(verdict.is_verified), verdict.verification_status, origin)
            row = self._row(verification, claim, verdict, cause.at)
            rows.append(row | vars(state) | {"sandbox_period": provider.sandbox_period})
            if previous is None or previous.label != state.label:
                before = previous.label if previous else None
                changes.append(replace(cause, subject=CLAIM, name=claim.uri, previous=before, current=state.label))
        claims.settle(connection, rows)
        return changes

    def _row(
        self, verification: Verification, claim: VerificationClaim, verdict: Verdict, now: datetime
    ) -> dict[str, Any]:
        """Return a claim's row; if the user had no value, it is valid for the one in the output."""
        row = claim_row(verification, claim, now)
        value = verdict.output_value
        if claim.fingerprint is None and value is not None:
            row["fingerprint"] = self._fingerprints.of(verification.tenant, verification.user_id, claim.uri, value)
        return row

    def judge(
        self,
        verification: Verification,
        targets: Sequence[VerificationClaim],
        run: RunSnapshot,
        environment: str | None,
    ) -> list[Judged]:
        """Judge each of some claims by a run that has ended, for a provider in this environment."""
        is_counted = counts(verification.environment, environment)
        return [(claim, self._verdict(verification, claim, run, is_counted=is_counted)) for claim in targets]

    def _verdict(
        self, verification: Verification, claim: VerificationClaim, run: RunSnapshot, *, is_counted: bool
    ) -> Verdict:
        fingerprint = partial(self._fingerprints.of, verification.tenant, verification.user_id, claim.uri)
        return judge(
            claim,
            run,
            read_claim(run.output, claim),
            is_same=lambda value: fingerprint(fold(value)) == claim.folded_fingerprint,
            is_counted=is_counted,
        )


def claim_row(verification: Verification, claim: VerificationClaim, now: datetime) -> dict[str, Any]:
    """Return the row of a claim of a verification, not verified yet."""
    return {
        "id": new_id(),
        "tenant": verification.tenant,
        "provider_id": verification.provider_id,
        "user_id": verification.user_id,
        "uri": claim.uri,
        "is_verified": False,
        "fingerprint": claim.fingerprint,
        "environment": None,
        "sandbox_period": 0,
        "verification_id": verification.verification_id,
        "verification_status": None,
        "metadata": {},
        "created_at": now,
        "updated_at": now,
    }


def _withdraw_lapsed(
    connection: Connection, verification: Verification, now: datetime
) -> tuple[list[Change], Mapping[str, ClaimState]]:
    """Withdraw the user's claims that have lapsed; return the changes, and the states after that."""
    tenant, user_id, provider_id = verification.tenant, verification.user_id, verification.provider_id
    withdrawn = lapsed_claims.withdraw_of_user(connection, tenant, user_id, now, provider_id)
    return withdrawn, claims.lock_states(connection, provider_id, user_id)


def _says_nothing(verification: Verification, verdict: Verdict, previous: ClaimState) -> bool:
    """Whether a run does not contradict a verified claim; one of the sandbox never contradicts one of live."""
    is_outranked = verification.environment == SANDBOX and previous.environment == LIVE
    return verdict.is_verified is None or is_outranked
