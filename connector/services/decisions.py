"""An administrator's decision on a run that ended in review: it settles the claims, once, and is in the audit.

review ──► approve: the claims that Onfido compared as clear are verified, for values that the user still has
       └─► decline: they stay as the run left them
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from connector.directory import Directory
from connector.domain.history import RUN
from connector.domain.provider import Provider
from connector.domain.runs import APPROVED, DECLINED, REVIEW, RunSnapshot
from connector.domain.verification import Verification, VerificationClaim
from connector.errors import Code, RequestError
from connector.services.attempts import Timing
from connector.services.providers import Providers
from connector.services.results import Results, change
from connector.store import attempt_claims, claims, history, runs, verifications
from connector.store.engine import Database
from connector.store.vault import Fingerprints

DECIDED = "decided"  # a cause, for the history


class Decisions:
    """Decides on runs in review; of two decisions at once, one counts."""

    def __init__(
        self,
        database: Database,
        providers: Providers,
        results: Results,
        directory: Directory,
        fingerprints: Fingerprints,
        timing: Timing,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._providers = providers
        self._results = results
        self._directory = directory
        self._fingerprints = fingerprints
        self._timing = timing
        self._clock = clock

    def decide(self, found: Verification, *, is_approved: bool, reason: str, actor: str) -> None:
        """Settle the claims of a run in review; Onfido is asked once more for what it compared.

        Raises `RequestError` where the run is not in review, was decided on, or a later one of the user's has taken
        its place; `ProviderError` where Onfido does not answer.
        """
        _check_review(found)
        run_id = found.run_id or ""
        provider = self._providers.get(found.tenant, found.provider_id)
        run = self._fetch(provider, run_id)
        decided = replace(run, run_id=run_id, status=APPROVED if is_approved else DECLINED)
        values = self._directory.values(found.tenant, found.user_id) or {}
        with self._database.write() as connection:
            about = self._record(connection, found, decided, values, reason, actor)
        self._withdraw_changed(found, about)

    def _fetch(self, provider: Provider, run_id: str) -> RunSnapshot:
        deadline = time.monotonic() + self._timing.interactive_budget
        return self._providers.onfido(provider).fetch_result(run_id, deadline=deadline)

    def _record(
        self,
        connection: Connection,
        found: Verification,
        decided: RunSnapshot,
        values: Mapping[str, str],
        reason: str,
        actor: str,
    ) -> list[VerificationClaim]:
        now = self._clock()
        current = verifications.lock_run(connection, found.provider_id, decided.run_id)
        if current is None or not runs.decide(connection, found.verification_id, decided.status, now):
            raise _not_decidable(decided.run_id, "it was decided on already")
        if runs.find_latest(connection, found) != found.verification_id:
            raise _not_decidable(decided.run_id, "a later run of the user's has taken its place")
        about = [
            replace(claim, is_stale=claim.fingerprint is not None and self._fingerprint(found, claim, values) is None)
            for claim in attempt_claims.find_all(connection, found.verification_id)
        ]
        moved = change(found, now, DECIDED, actor, RUN, decided.run_id, REVIEW, decided.status)
        moved = replace(moved, detail={"reason": reason})
        changes = self._results.settle_claims(connection, found, about, decided, replace(moved, detail={}))
        history.append(connection, [moved, *changes])
        return about

    def _fingerprint(self, found: Verification, claim: VerificationClaim, values: Mapping[str, str]) -> str | None:
        """Give the claim's fingerprint if the user still has that value."""
        value = values.get(claim.uri)
        mine = self._fingerprints.of(found.tenant, found.user_id, claim.uri, value) if value else None
        return mine if mine == claim.fingerprint else None

    def _withdraw_changed(self, found: Verification, about: list[VerificationClaim]) -> None:
        """Un-verify what was settled for a value that has changed while the decision was being written."""
        values = self._directory.values(found.tenant, found.user_id) or {}
        changed = {
            claim.uri: claim.fingerprint
            for claim in about
            if claim.fingerprint is not None and self._fingerprint(found, claim, values) is None
        }
        if changed:
            with self._database.write() as connection:
                claims.unverify_held(connection, found.tenant, found.user_id, changed, self._clock())


def _check_review(found: Verification) -> None:
    if found.status != REVIEW or found.run_id is None:
        raise _not_decidable(found.run_id or found.verification_id, f"its status is {found.status}")
    if found.decision is not None:
        raise _not_decidable(found.run_id, f"it was {found.decision} already")


def _not_decidable(run_id: str, why: str) -> RequestError:
    return RequestError(Code.RUN_NOT_DECIDABLE, f"The run {run_id} cannot be decided on: {why}.")
