"""An administrator's final decision on a run that ended in review: it decides the claims, and is in the audit trail.

    review ──► approve: the claims that Onfido compared as clear are verified, if the user's values are unchanged
           └─► decline: the claims are unchanged

A decision withdraws nothing: findings against a claim were applied when the run ended, and results of later
verifications are kept. If a value changes before the decision, the run's claim is marked
(`verification_claims.mark_stale`); if it changes after the decision, the verified claim is withdrawn. Both lock the
run's row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy import Connection

from connector.domain.audit.history import DECIDED, RUN, of_verification
from connector.domain.environment import counts
from connector.domain.messages import message
from connector.domain.studio.workflow_run import APPROVED, DECIDED_STATUSES, DECLINED, REVIEW, RunSnapshot
from connector.domain.tenancy import Tenants
from connector.domain.text import is_blank
from connector.domain.verifications.verification import MAX_REASON, Verification, VerificationClaim
from connector.errors import Code, InvalidField, RequestError
from connector.services.journal import Journal
from connector.services.providers.onfido import Onfido
from connector.services.results.claim_results import ClaimResults
from connector.services.timing import Timing
from connector.services.use_case import use_case
from connector.services.values import UserValues
from connector.store.claims import claims
from connector.store.engine import Database
from connector.store.providers import providers
from connector.store.providers.providers import SharedProvider
from connector.store.vault import Fingerprints
from connector.store.verifications import verification_claims, verification_search, verifications

log = structlog.get_logger(__name__)

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@use_case
class Decisions:
    """Decides on runs in review; of two concurrent decisions, one is applied."""

    _database: Database
    _onfido: Onfido
    _claim_results: ClaimResults
    _user_values: UserValues
    _tenants: Tenants
    _fingerprints: Fingerprints
    _journal: Journal
    _timing: Timing
    _clock: Callable[[], datetime]

    def decide(self, verification: Verification, *, is_approved: bool, reason: str, actor: str) -> None:
        """Decide on a run in review; for an approval, its comparisons are read from Onfido again.

        Raises `InvalidField` without a reason; `RequestError` if the run is not in review, was decided on, or the user
        has a later one; `OnfidoError` or `DirectoryError` if Onfido or the directory does not answer.
        """
        _check_reason(reason)
        run_id = _check_review(verification)
        with self._database.read() as connection:
            _share(connection, verification, run_id, is_approved=is_approved)
        run = self._fetch(verification, run_id) if is_approved else RunSnapshot(run_id, DECLINED)
        values = self._read(verification) if is_approved else None
        with self._database.write() as connection:
            now = self._clock()
            provider = _share(connection, verification, run_id, is_approved=is_approved)
            self._record(connection, verification, run, now)
            moved = of_verification(verification, now, DECIDED, actor, RUN, run_id, REVIEW, run.status)
            targets = self._claims(connection, verification, values)
            judged = self._claim_results.judge(verification, targets, run, provider.environment)
            approved = [(claim, verdict) for claim, verdict in judged if verdict.is_verified]
            known = claims.lock_states(connection, verification.provider_id, verification.user_id)
            verified = self._claim_results.settle(connection, verification, approved, known, provider, moved)
            verification_claims.keep_results(connection, verification, approved)
            self._journal.record(connection, [replace(moved, detail={"reason": reason}), *verified])
        log.info("run.decided", verification_id=verification.verification_id, run_id=run_id, decision=run.status)

    def _read(self, verification: Verification) -> Mapping[str, str] | None:
        """Return the user's values; None if they can only be read in the user's own request."""
        tenant = self._tenants.named(verification.tenant)
        if not self._user_values.is_readable(tenant, verification.user_id):
            return None
        return self._user_values.read(tenant, verification.user_id) or {}

    def _fetch(self, verification: Verification, run_id: str) -> RunSnapshot:
        """Read Onfido's comparisons; return them as if Onfido had approved the run."""
        run = self._onfido.of_verification(verification, self._timing.interactive()).fetch_result(run_id)
        if run.status not in DECIDED_STATUSES:
            raise _not_decidable(run_id, f"Onfido says that its status is {run.status}")
        return replace(run, run_id=run_id, status=APPROVED)

    def _record(self, connection: Connection, verification: Verification, run: RunSnapshot, now: datetime) -> None:
        if verifications.lock_run(connection, verification.provider_id, run.run_id) is None:
            raise RequestError(
                Code.VERIFICATION_NOT_FOUND,
                message(
                    "The run %(run_id)s was removed meanwhile, with its user or its provider: check the id.",
                    run_id=run.run_id,
                ),
            )
        if not verification_search.decide(connection, verification.verification_id, run.status, now):
            raise _not_decidable(run.run_id, "it was decided on already")
        if verification_search.find_latest(connection, verification) != verification.verification_id:
            raise _not_decidable(run.run_id, "the user has a later run")

    def _claims(
        self, connection: Connection, verification: Verification, values: Mapping[str, str] | None
    ) -> list[VerificationClaim]:
        """Return the verification's claims whose values have not changed.

        The stale marks are not sufficient: they do not cover changes made before decisions existed. Without values,
        they are the only criterion.
        """
        sent = verification_claims.find_all(connection, verification.verification_id)
        if values is None:
            return sent
        return [
            each for each in sent if each.fingerprint == self._fingerprint(verification, each, values.get(each.uri))
        ]

    def _fingerprint(self, verification: Verification, claim: VerificationClaim, value: str | None) -> str | None:
        return self._fingerprints.of(verification.tenant, verification.user_id, claim.uri, value) if value else None


def _share(connection: Connection, verification: Verification, run_id: str, *, is_approved: bool) -> SharedProvider:
    """Share-lock the provider and return it; raise if the result to approve does not count in its environment."""
    provider = providers.read_shared(providers.share(connection, verification.provider_id))
    if is_approved and not counts(verification.environment, provider.environment):
        raise _not_decidable(run_id, "it ran in Onfido's sandbox, which the provider's credentials are not for")
    return provider


def _check_reason(reason: str) -> None:
    if len(reason) > MAX_REASON or is_blank(reason) or _UNSTORABLE.search(reason):
        raise InvalidField("reason", message("must say why, in 1 to %(max_reason)s characters", max_reason=MAX_REASON))


def _check_review(verification: Verification) -> str:
    """Return the id of a run that can be decided on; raise for any other."""
    if verification.status != REVIEW or verification.run_id is None:
        raise _not_decidable(
            verification.run_id or verification.verification_id, f"its status is {verification.status}"
        )
    if verification.decision is not None:
        raise _not_decidable(verification.run_id, f"it was {verification.decision} already")
    return verification.run_id


def _not_decidable(run_id: str, why: str) -> RequestError:
    return RequestError(
        Code.VERIFICATION_NOT_DECIDABLE,
        message(
            "The run %(run_id)s cannot be decided on: %(why)s. List the runs in review for those that can.",
            run_id=run_id,
            why=why,
        ),
    )
