"""Applying Onfido's reports about a run: the only writer of a run's results.

The webhook, COMPLETED and every other source of a run's status end in `apply`, inside one transaction: lock the
verification's row, apply the rules, write the status (`status.py`) and the claims. A status that is late, repeated or
out of order changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection

from connector import metrics
from connector.domain.audit.history import Change
from connector.domain.environment import is_elsewhere
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.providers.provider import Provider
from connector.domain.studio.workflow_run import APPROVED, ERROR, TAG_PREFIX, Comparison, RunSnapshot, moves, next_check
from connector.domain.verifications.failures import OF_OTHER_ENVIRONMENT
from connector.domain.verifications.judgement import Rule, Verdict
from connector.domain.verifications.verification import Verification
from connector.errors import ConnectorError, OnfidoError
from connector.services.journal import Journal
from connector.services.providers.onfido import Onfido
from connector.services.results import status
from connector.services.results.applied import Applied, Outcome
from connector.services.results.capture import captured
from connector.services.results.claim_results import ClaimResults
from connector.services.results.deliveries import CheckVerification, KeepDocument
from connector.services.results.ending import end_verification
from connector.services.results.kept import KeptResults
from connector.services.timing import Deadline
from connector.services.use_case import use_case
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.store.providers import events
from connector.store.verifications import locked_runs, snapshots, turns, verification_claims, verifications
from connector.store.verifications.locked_runs import LockedRun
from connector.store.verifications.snapshots import Snapshot

REFRESH_PAUSE = timedelta(seconds=2)  # between two interactive calls to Onfido about one run
NO_PAUSE = timedelta()
NOTHING: Mapping[str, Any] = {}

log = structlog.get_logger(__name__)


@frozen
class Refreshed:
    """A run as Onfido reports it now, and the verification after that was applied."""

    run: RunSnapshot
    stored: Snapshot


@use_case
class Results:
    """Applies snapshots of runs, both received and requested ones."""

    _database: Database
    _onfido: Onfido
    _kept: KeptResults
    _claim_results: ClaimResults
    _journal: Journal
    _clock: Callable[[], datetime]

    def refresh(
        self,
        provider: Provider,
        verification: Verification,
        deadline: Deadline,
        cause: str,
        *,
        ends_turn: bool = False,
        is_captured: bool = False,
    ) -> Refreshed:
        """Ask Onfido for a verification's run, apply the answer and return it, with the verification after that.

        A run in another environment, or one that Onfido no longer knows, ends the verification: it is returned as one
        that ended in error. With `ends_turn` the turn for refreshing ends. With `is_captured` the application reports
        that the user has completed capture; this is recorded unless Onfido still awaits the user. Raises `OnfidoError`:
        Onfido does not answer, or refuses.
        """
        run_id = verification.run_id or ""
        if is_elsewhere(verification.environment, provider.environment):
            failure = message(OF_OTHER_ENVIRONMENT, environment=verification.environment or "")
            return self._end(verification, failure, cause, Verdict(Rule.RUN_ELSEWHERE, verification.environment or ""))
        onfido = self._onfido.of_provider(provider, deadline)
        try:
            run = onfido.fetch_result(run_id, wants_document=provider.studio.gives_document_values)
        except OnfidoError as error:
            if not (error.is_gone and onfido.has_lost_run(run_id)):
                raise
            return self._end(verification, error.summary, cause, Verdict(Rule.RUN_GONE, Comparison.NOT_COMPARED))
        with self._database.write() as connection:
            locked = locked_runs.lock(connection, provider.provider_id, run_id, with_claims=run.is_final)
            noted = captured(locked.verification, run, self._clock()) if is_captured else NOTHING
            applied = self.apply(connection, locked, run, cause, noted=noted)
            if run.is_final:
                events.settle(connection, provider.provider_id, run_id)
            elif ends_turn:
                self._end_refresh(connection, verification.verification_id, REFRESH_PAUSE, noted)
            self.announce(connection, applied)
            return Refreshed(run, snapshots.take(connection, verification))

    def refresh_if_due(
        self,
        provider: Provider,
        verification: Verification,
        deadline: Deadline,
        cause: str,
        *,
        is_captured: bool = False,
    ) -> Refreshed | None:
        """Refresh a run, unless any process is asking Onfido for it or did a moment ago.

        Return None if it is not due, or has ended: then the stored data are current.
        """
        if verification.closed_at is not None:
            return None
        if is_elsewhere(verification.environment, provider.environment):
            return self.refresh(provider, verification, deadline, cause)  # Onfido is not called
        now = self._clock()
        if turns.is_taken(verification.refresh_after, now):
            return None
        until = now + timedelta(seconds=deadline.remaining()) + REFRESH_PAUSE
        with self._database.write() as connection:
            taken = turns.take_refresh(connection, verification.verification_id, now, until)
        if not taken.rowcount:
            return None
        try:
            return self.refresh(provider, verification, deadline, cause, ends_turn=True, is_captured=is_captured)
        except ConnectorError as error:
            has_answered = isinstance(error, OnfidoError) and not error.is_retryable
            pause = REFRESH_PAUSE if has_answered else NO_PAUSE
            with self._database.write() as connection:
                self._end_refresh(connection, verification.verification_id, pause)
            raise

    def _end_refresh(
        self,
        connection: Connection,
        verification_id: str,
        pause: timedelta,
        noted: Mapping[str, Any] = NOTHING,
    ) -> None:
        verifications.change(connection, verification_id, {"refresh_after": self._clock() + pause, **noted})

    def _end(self, verification: Verification, failure: str, cause: str, verdict: Verdict) -> Refreshed:
        with self._database.write() as connection:
            ended = end_verification(connection, verification, failure, self._clock(), cause, verdict=verdict)
            self._journal.record(connection, ended)
            snapshot = snapshots.take(connection, verification)
        run_id = verification.run_id or ""
        log.warning(
            "run.gone", verification_id=verification.verification_id, run_id=run_id, reason=failure, cause=cause
        )
        return Refreshed(RunSnapshot(run_id, ERROR, comparisons={}), snapshot)

    def apply(
        self,
        connection: Connection,
        locked: LockedRun,
        run: RunSnapshot,
        cause: str,
        actor: str | None = None,
        *,
        noted: Mapping[str, Any] = NOTHING,
    ) -> Applied:
        """Apply a snapshot in the caller's transaction, which then has to `announce` the result.

        `cause` and `actor` (an event's id) record in the history how the status was received; `noted` is written with
        the status.
        """
        verification = locked.verification
        if verification is None:
            return Applied(Outcome.RUN_UNKNOWN)
        if verification.closed_at is not None or not moves(verification.status, run.status):
            if actor is not None:  # an event, which is logged in one line
                log.info("run.unchanged", provider_id=verification.provider_id, run_id=run.run_id, status=run.status)
            return Applied(Outcome.NOTHING_NEW)
        if not run.is_conclusive:
            # an event's snapshot; `refresh` reads the tasks
            return Applied(Outcome.COMPARISON_WANTED, verification, actor)
        now = self._clock()
        values = {**self._values(verification, run, now), **_version(verification, run), **noted}
        changed = status.change(connection, verification, run.status, now, cause, actor, values=values, is_shared=True)
        moved = changed.entry
        changes = [moved, *(self._settle(connection, verification, locked, run, moved) if run.is_final else [])]
        metrics.RUNS.labels(run.status if run.is_final else "open").inc()
        log.info(
            "run.status_changed",
            provider_id=verification.provider_id,
            verification_id=verification.verification_id,
            run_id=run.run_id,
            previous=verification.status,
            status=run.status,
            cause=cause,
        )
        return Applied(Outcome.APPLIED, verification, changes=changes, run=run, has_audience=locked.has_audience)

    def _values(self, verification: Verification, run: RunSnapshot, now: datetime) -> dict[str, Any]:
        """Return the columns that are written with a run's status."""
        if run.is_final:
            return {"completed_at": run.completed_at or now, **self._kept.columns(verification, run)}
        return {"next_check_at": now + next_check(timedelta())}  # the user has made progress: check again soon

    def announce(self, connection: Connection, applied: Applied) -> None:
        """Record the outcome and queue its deliveries, as the transaction's last step.

        If the snapshot lacks the comparison, a check is queued.
        """
        self._journal.record(connection, applied.changes, has_audience=applied.has_audience)
        if applied.verification is None:
            return
        if applied.outcome is Outcome.COMPARISON_WANTED:
            key = f"{CheckVerification.kind}:event:{applied.event_id}"
            outbox.add(connection, CheckVerification.of(applied.verification), dedupe_key=key)
        elif applied.is_document_missing:
            outbox.add(connection, KeepDocument.of(applied.verification))

    def _settle(
        self,
        connection: Connection,
        verification: Verification,
        locked: LockedRun,
        run: RunSnapshot,
        moved: Change,
    ) -> list[Change]:
        judged = self._claim_results.judge(verification, locked.claims, run, locked.provider.environment)
        changes = self._claim_results.settle(connection, verification, judged, locked.states, locked.provider, moved)
        values = self._kept.values(verification, judged)
        verification_claims.keep_results(connection, verification, judged, values)
        if tags := [tag for tag in run.tags if not tag.startswith(TAG_PREFIX)]:
            verification_claims.add_tags(connection, verification, tags)
        _warn_if_nothing_was_compared(verification, run)
        return changes


def _version(verification: Verification, run: RunSnapshot) -> dict[str, Any]:
    """Return the column with the workflow's version, if the run has it and it is not known yet."""
    is_news = verification.workflow_version_id is None and run.workflow_version_id is not None
    return {"workflow_version_id": run.workflow_version_id} if is_news else {}


def _warn_if_nothing_was_compared(verification: Verification, run: RunSnapshot) -> None:
    compared = set((run.comparisons or {}).values()) - {Comparison.NOT_COMPARED}
    if run.status == APPROVED and not compared:
        metrics.NOTHING_COMPARED.inc()
        log.warning(
            "run.nothing_compared",
            verification_id=verification.verification_id,
            run_id=run.run_id,
            provider_id=verification.provider_id,
            advice="Onfido approved the run but compared nothing: enable Comparison Checks on the account, and let "
            "the workflow output the document report's data comparison.",
        )
