"""Applying a run's status: the only writer of a verification's status.

The webhook, COMPLETED and every other source of a run's status end in `apply`, inside one transaction: lock the
verification's row, apply the rules, write the verification and the claims. A status that is late, repeated or out of
order changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from connector import telemetry
from connector.domain.claims import ClaimState, Verdict, judge
from connector.domain.history import CLAIM, RUN, Change, of_verification
from connector.domain.provider import Provider
from connector.domain.runs import APPROVED, DECIDED_STATUSES, TAG_PREFIX, Comparison, RunSnapshot, moves, next_check
from connector.domain.text import fold
from connector.domain.verification import Verification, VerificationClaim
from connector.errors import ConnectorError, OnfidoError
from connector.services.journal import Journal
from connector.services.providers.onfido import Onfido
from connector.services.results.deliveries import CheckVerification, KeepDocument
from connector.services.results.kept import Judged, KeptResults
from connector.services.timing import Deadline
from connector.store import claims, events, outbox, turns, verification_claims, verifications
from connector.store.engine import Database
from connector.store.vault import Fingerprints

REFRESH_PAUSE = timedelta(seconds=2)  # between two questions to Onfido about one run for which somebody waits
NO_PAUSE = timedelta()

log = structlog.get_logger(__name__)


class Outcome(Enum):
    """The outcome of `apply`."""

    APPLIED = auto()
    NOTHING_NEW = auto()
    RUN_UNKNOWN = auto()
    COMPARISON_WANTED = auto()  # a `check_verification` delivery is to be queued


@dataclass(frozen=True)
class News:
    """The outcome of `apply`, and the changes to announce."""

    outcome: Outcome
    verification: Verification | None = None
    event_id: str | None = None
    changes: Sequence[Change] = ()
    run: RunSnapshot | None = None

    @property
    def has_to_wait(self) -> bool:
        """Whether the snapshot can be applied only later: its run is not known yet, or Onfido has to be asked first."""
        return self.outcome in {Outcome.RUN_UNKNOWN, Outcome.COMPARISON_WANTED}

    @property
    def is_document_missing(self) -> bool:
        """Whether the document's values are needed, and have to be read from Onfido."""
        verification, run = self.verification, self.run
        if verification is None or run is None or not verification.wants_document:
            return False
        return run.document is None and run.status in DECIDED_STATUSES


class Results:
    """Applies snapshots of runs, both received and requested ones."""

    def __init__(
        self,
        database: Database,
        onfido: Onfido,
        kept: KeptResults,
        fingerprints: Fingerprints,
        journal: Journal,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._onfido = onfido
        self._kept = kept
        self._fingerprints = fingerprints
        self._journal = journal
        self._clock = clock

    def refresh(
        self, provider: Provider, run_id: str, deadline: Deadline, cause: str, verification_id: str | None = None
    ) -> RunSnapshot:
        """Ask Onfido for a run, apply the answer and return it.

        It ends the turn of the verification that is named. Raises `OnfidoError`: Onfido does not answer, or refuses.
        """
        onfido = self._onfido.of_provider(provider, deadline)
        run = onfido.fetch_result(run_id, wants_document=provider.studio.gives_document_values)
        with self._database.write() as connection:
            news = self.apply(connection, provider.provider_id, run, cause)
            if run.is_final:
                events.settle(connection, provider.provider_id, run_id)
            elif verification_id is not None:
                self._end_refresh(connection, verification_id, REFRESH_PAUSE)
            self.announce(connection, news)
        return run

    def refresh_if_due(
        self, provider: Provider, verification: Verification, run_id: str, deadline: Deadline, cause: str
    ) -> RunSnapshot | None:
        """Ask Onfido for a run that is neither being asked for nor was a moment ago, in no process; as `refresh`.

        Where it is not due, or has ended, what is stored is all that there is: None.
        """
        now = self._clock()
        if verification.closed_at is not None or (verification.refresh_after and verification.refresh_after > now):
            return None
        until = now + timedelta(seconds=deadline.remaining()) + REFRESH_PAUSE
        with self._database.write() as connection:
            if not turns.take_refresh(connection, verification.verification_id, now, until):
                return None
        try:
            return self.refresh(provider, run_id, deadline, cause, verification.verification_id)
        except ConnectorError as error:
            has_answered = isinstance(error, OnfidoError) and not error.is_retryable
            pause = REFRESH_PAUSE if has_answered else NO_PAUSE
            with self._database.write() as connection:
                self._end_refresh(connection, verification.verification_id, pause)
            raise

    def _end_refresh(self, connection: Connection, verification_id: str, pause: timedelta) -> None:
        verifications.move(connection, verification_id, {"refresh_after": self._clock() + pause})

    def apply(
        self, connection: Connection, provider_id: str, run: RunSnapshot, cause: str, actor: str | None = None
    ) -> News:
        """Apply a snapshot in the caller's transaction, which then has to `announce` what this returns.

        `cause` and `actor` (an event's id) say in the history how the news arrived.
        """
        verification = verifications.lock_run(connection, provider_id, run.run_id)
        if verification is None:
            return News(Outcome.RUN_UNKNOWN)
        if verification.closed_at is not None or not moves(verification.status, run.status):
            return News(Outcome.NOTHING_NEW)
        if not run.is_conclusive:  # only an event's snapshot: `refresh` reads all comparisons
            return News(Outcome.COMPARISON_WANTED, verification, actor)
        now = self._clock()
        moved = of_verification(verification, now, cause, actor, RUN, run.run_id, verification.status, run.status)
        changes = [moved, *(self._settle(connection, verification, run, moved) if run.is_final else [])]
        verifications.move(connection, verification.verification_id, self._moved(verification, run, now))
        telemetry.RUNS.labels(run.status if run.is_final else "open").inc()
        log.info(
            "run.moved",
            verification_id=verification.verification_id,
            run_id=run.run_id,
            previous=verification.status,
            status=run.status,
            cause=cause,
        )
        return News(Outcome.APPLIED, verification, changes=changes, run=run)

    def _moved(self, verification: Verification, run: RunSnapshot, now: datetime) -> dict[str, Any]:
        if run.is_final:
            closed = {"completed_at": run.completed_at or now, "closed_at": now}
            kept = self._kept.columns(verification, run)
            return {"status": run.status, "updated_at": now} | verifications.NO_LEASE | closed | kept
        # The user has made progress: check again soon.
        return {"status": run.status, "updated_at": now, "next_check_at": now + next_check(timedelta())}

    def announce(self, connection: Connection, news: News) -> None:
        """Record what was applied and queue its deliveries, as the transaction's last step.

        Where the snapshot lacks the comparison, Onfido is asked for it.
        """
        self._journal.record(connection, news.changes)
        if news.verification is None:
            return
        verification_id = news.verification.verification_id
        if news.outcome is Outcome.COMPARISON_WANTED:
            key = f"{CheckVerification.kind}:event:{news.event_id}"
            outbox.add(connection, CheckVerification(verification_id), dedupe_key=key)
        elif news.is_document_missing:
            outbox.add(connection, KeepDocument(verification_id))

    def _settle(
        self, connection: Connection, verification: Verification, run: RunSnapshot, moved: Change
    ) -> list[Change]:
        targets = verification_claims.find_all(connection, verification.verification_id)
        judged = self.judge(verification, targets, run)
        changes = self.settle_claims(connection, verification, judged, moved)
        verification_claims.keep_values(
            connection, verification.verification_id, self._kept.values(verification, judged)
        )
        if tags := [tag for tag in run.tags if not tag.startswith(TAG_PREFIX)]:
            verification_claims.add_tags(connection, verification.verification_id, tags)
        _tell_if_nothing_was_compared(verification, run)
        return changes

    def settle_claims(
        self,
        connection: Connection,
        verification: Verification,
        judged: Sequence[Judged],
        cause: Change,
    ) -> list[Change]:
        """Write a finished run's results for its claims; returns the changes, for the history."""
        known = claims.lock_states(connection, verification.provider_id, verification.user_id)
        rows, changes = [], []
        for claim, verdict in judged:
            previous = known.get(claim.uri)
            if verdict.is_verified is None and previous and previous.is_verified:
                continue  # the run does not contradict it
            state = ClaimState(bool(verdict.is_verified), verdict.verification_status)
            rows.append(self._row(verification, claim, verdict, cause.at) | vars(state))
            if previous is None or previous.label != state.label:
                before = previous.label if previous else None
                changes.append(replace(cause, subject=CLAIM, name=claim.uri, previous=before, current=state.label))
        claims.settle(connection, rows)
        return changes

    def _row(
        self, verification: Verification, claim: VerificationClaim, verdict: Verdict, now: datetime
    ) -> dict[str, Any]:
        """Return a claim's row; where the user had no value, it is valid for the one in the output."""
        row = claim_row(verification, claim, now)
        value = verdict.output_value
        if claim.fingerprint is None and value is not None:
            row["fingerprint"] = self._fingerprints.of(verification.tenant, verification.user_id, claim.uri, value)
        return row

    def judge(self, verification: Verification, targets: Sequence[VerificationClaim], run: RunSnapshot) -> list[Judged]:
        """Judge each of some claims by a run that has ended."""
        return [(claim, self._verdict(verification, claim, run)) for claim in targets]

    def _verdict(self, verification: Verification, claim: VerificationClaim, run: RunSnapshot) -> Verdict:
        fingerprint = partial(self._fingerprints.of, verification.tenant, verification.user_id, claim.uri)
        return judge(claim, run, is_same=lambda value: fingerprint(fold(value)) == claim.folded_fingerprint)


def claim_row(verification: Verification, claim: VerificationClaim, now: datetime) -> dict[str, Any]:
    """Return the row of a claim of a verification, not verified yet."""
    return {
        "id": claims.new_id(),
        "tenant": verification.tenant,
        "provider_id": verification.provider_id,
        "user_id": verification.user_id,
        "uri": claim.uri,
        "is_verified": False,
        "fingerprint": claim.fingerprint,
        "verification_id": verification.verification_id,
        "verification_status": None,
        "metadata": {},
        "created_at": now,
        "updated_at": now,
    }


def _tell_if_nothing_was_compared(verification: Verification, run: RunSnapshot) -> None:
    compared = set((run.comparisons or {}).values()) - {Comparison.NOT_COMPARED}
    if run.status == APPROVED and not compared:
        telemetry.NOTHING_COMPARED.inc()
        log.warning(
            "run.nothing_compared",
            verification_id=verification.verification_id,
            run_id=run.run_id,
            provider_id=verification.provider_id,
            advice="Onfido approved the run but compared nothing: enable Comparison Checks on the account, and let "
            "the workflow output the document report's data comparison.",
        )
