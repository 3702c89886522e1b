"""Recording the run that Onfido has started for a verification, under its lease."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from connector.domain.audit.history import INITIATED, Change
from connector.domain.messages import message
from connector.domain.studio.workflow_run import PROCESSING, RunSnapshot, next_check
from connector.domain.verifications.verification import Verification, VerificationClaim
from connector.errors import Code, OnfidoError
from connector.services.journal import Journal
from connector.services.results import status
from connector.services.results.claim_results import claim_row
from connector.services.results.events import Events
from connector.services.results.results import Results
from connector.services.starting.attempts import Attempt, Attempts, lost
from connector.services.starting.leases import LeaseLostError
from connector.store.claims import claims, lapsed_claims
from connector.store.engine import Database
from connector.store.providers import events, providers
from connector.store.providers.events import ParkedEvent
from connector.store.required import NoRowError
from connector.store.verifications import replaced_reviews, snapshots, verifications
from connector.store.verifications.fences import Fence
from connector.store.verifications.snapshots import Snapshot


class Recorder:
    """Records runs, and applies their known status."""

    def __init__(
        self,
        database: Database,
        attempts: Attempts,
        results: Results,
        events: Events,
        journal: Journal,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._attempts = attempts
        self._results = results
        self._events = events
        self._journal = journal
        self._clock = clock

    def adopt(self, attempt: Attempt, run: RunSnapshot, targets: Sequence[VerificationClaim]) -> Snapshot:
        """Record the run, apply its known status, and return the stored data after that.

        A run that belongs to another verification closes this one, because Onfido has started none for it. Raises
        `OnfidoError` then, and one of `NOT_OURS` if the lease was lost.
        """
        try:
            stored, parked = self._record_after_withdrawal(attempt, run, targets)
        except NoRowError as error:
            raise self._lost(attempt) from error
        except IntegrityError as error:
            self._attempts.advance(attempt, run_requested_at=None)
            raise OnfidoError(
                Code.INITIATION_FAILED,
                message(
                    "Onfido answered with the run %(run_id)s, which belongs to another verification already: ask "
                    "with INITIATED again.",
                    run_id=run.run_id,
                ),
            ) from error
        recorded = stored.verification
        if parked:
            self._events.match(attempt.provider.provider_id, run.run_id)
        is_behind = recorded.status != run.status
        if is_behind:
            return self._results.refresh(attempt.provider, recorded, attempt.deadline, INITIATED).stored
        if not parked:
            return stored
        with self._database.read() as connection:
            return snapshots.take(connection, recorded)

    def _record_after_withdrawal(
        self, attempt: Attempt, run: RunSnapshot, targets: Sequence[VerificationClaim]
    ) -> tuple[Snapshot, Sequence[ParkedEvent]]:
        """Record the run; if claims have lapsed, withdraw the user's before they are assigned to it."""
        try:
            return self._record(attempt, run, targets, Fence(attempt.lease.owner))
        except NoRowError:  # the lease was lost, which the second attempt shows, or claims have lapsed
            self._withdraw_lapsed(attempt.verification)
        return self._record(attempt, run, targets, Fence(attempt.lease.owner, with_lapsed=True))

    def _withdraw_lapsed(self, verification: Verification) -> None:
        """Withdraw the user's claims that have lapsed; the worker may have done so meanwhile."""
        with self._database.write() as connection:
            providers.share(connection, verification.provider_id)
            owner = (verification.tenant, verification.user_id)
            withdrawn = lapsed_claims.withdraw_of_user(connection, *owner, self._clock(), verification.provider_id)
            self._journal.record(connection, withdrawn)

    def _record(
        self, attempt: Attempt, run: RunSnapshot, targets: Sequence[VerificationClaim], fence: Fence
    ) -> tuple[Snapshot, Sequence[ParkedEvent]]:
        """Record the run; return the stored data, and the events that are parked for it after the commit.

        Nothing is recorded, and `NoRowError` raised, if the fence does not hold.
        """
        verification, now = attempt.verification, self._clock()
        with self._database.write() as connection:
            entries = self._write(connection, attempt, run, fence, now)
            claims.set_verification(connection, [claim_row(verification, claim, now) for claim in targets])
            self._journal.record(connection, entries)
            parked = events.find_parked_after(connection, attempt.provider.provider_id, run.run_id)
            return snapshots.take(connection, verification), parked

    def _lost(self, attempt: Attempt) -> LeaseLostError:
        with self._database.read() as connection:
            return lost(connection, attempt)

    def _write(
        self, connection: Connection, attempt: Attempt, run: RunSnapshot, fence: Fence, now: datetime
    ) -> list[Change]:
        """Write the run under the lease; its first status is written with it, all later ones by `Results`."""
        verification = attempt.verification
        values = self._values(attempt, run, now)
        replaced_reviews.replace(connection, verification, fence, now)
        if verification.run_id is not None:
            verifications.record_run(connection, verification, fence, values | {"updated_at": now})
            return []
        first = PROCESSING if run.is_final else run.status  # a final status is only written with its result
        actor = attempt.request.actor
        changed = status.change(connection, verification, first, now, INITIATED, actor, values=values, fence=fence)
        return [changed.entry]

    def _values(self, attempt: Attempt, run: RunSnapshot, now: datetime) -> dict[str, Any]:
        """Return the columns that are written with the run; the lease ends if no further call to Onfido is needed."""
        plan = attempt.request.plan
        has_access = run.sdk_token is not None and plan.sdk is None if plan.link is None else run.link_url is not None
        return {
            "run_id": run.run_id,
            "next_check_at": now + next_check(timedelta()),
            "dashboard_url": run.dashboard_url,
            "workflow_version_id": run.workflow_version_id or attempt.verification.workflow_version_id,
            **(verifications.NO_LEASE if has_access else {}),
        }
