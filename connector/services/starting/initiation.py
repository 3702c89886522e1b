"""Starting a verification, step by step, so that a crash between any two steps neither loses nor repeats one.

    acquire the lease ─► values ─► applicant ─► bind and announce ─► run ─► return run id and SDK token

Each step is recorded before the next one starts, under a lease on the verification (`attempts.py`). Once a lease has
expired, the next request takes it over and continues. The step that costs money is announced before it is taken
(`run_requested_at`), and the run has the verification's id as a tag: a later attempt searches for that run at Onfido
before it starts another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError

from connector.domain.audit.history import INITIATED
from connector.domain.environment import combined
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.providers.applicant import RemoteApplicant
from connector.domain.providers.provider import Provider
from connector.domain.studio.capture import LINK, SdkOptions
from connector.domain.studio.workflow_run import RunSnapshot
from connector.domain.verifications.verification import Verification, VerificationClaim
from connector.errors import Code, ConnectorError, OnfidoError, RequestError
from connector.onfido.client import OnfidoClient
from connector.services.results.orphans import Orphans
from connector.services.starting.applicant import ApplicantSending
from connector.services.starting.attempts import ROUNDS, SWEPT, Attempt, Attempts, VerificationRequest, check_lease
from connector.services.starting.binding import Binding, BoundValues
from connector.services.starting.known_user import ReadAhead
from connector.services.starting.leases import NOT_OURS, START_TIME, Leases
from connector.services.starting.recording import Recorder
from connector.services.starting.refusals import open_already
from connector.services.starting.unanswered import find_started_run
from connector.services.timing import Deadline, Timing
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.required import NoRowError
from connector.store.verifications import applicants, verification_claims, verifications
from connector.store.verifications.snapshots import Snapshot
from connector.store.verifications.verifications import RemovedError

MARGIN = timedelta(minutes=1)  # tolerance for corrections of a clock


@frozen
class Started:
    """The application's access to capture: a token, a link, or neither if the run has ended."""

    stored: Snapshot
    sdk_token: str | None = field(default=None, repr=False)
    link_url: str | None = field(default=None, repr=False)


@use_case
class Initiation:
    """Starts verifications; of concurrent requests for one user and provider, one gets the run."""

    _database: Database
    _binding: Binding
    _attempts: Attempts
    _recorder: Recorder
    _sending: ApplicantSending
    _orphans: Orphans
    _leases: Leases
    _timing: Timing
    _clock: Callable[[], datetime]

    def start(self, provider: Provider, user_id: str, request: VerificationRequest, deadline: Deadline) -> Started:
        """Start a requested verification, or continue an interrupted one.

        Raises `RequestError` if the request cannot be met, `OnfidoError` if Onfido refuses, fails or cannot be
        reached.
        """
        ahead = self._binding.ahead(provider, user_id, request)
        attempt = self._take(provider, user_id, request, deadline, ahead)
        with self._leases.held(attempt.verification.verification_id, attempt.lease):
            try:
                return self._carry_out(attempt, ahead)
            except ConnectorError as error:
                self._attempts.release_after_failure(attempt, error)
                raise

    def _take(
        self, provider: Provider, user_id: str, request: VerificationRequest, deadline: Deadline, ahead: ReadAhead
    ) -> Attempt:
        """Acquire an attempt; the error that nothing is left to verify takes precedence over the attempt limit."""
        try:
            return self._attempts.take(provider, user_id, request, deadline, ahead.ask)
        except RequestError as error:
            if error.code is Code.ATTEMPT_LIMIT:
                self._binding.check_left(provider, user_id, request)
            raise

    def settle(self, provider: Provider, verification: Verification, deadline: Deadline) -> None:
        """Resume or close a start that was interrupted before its run was known; called by the sweep.

        Raises `OnfidoError` if Onfido does not show yet whether there is a run.
        """
        attempt = self._attempts.take_over(provider, verification, deadline)
        if attempt is None:
            return
        with self._leases.held(attempt.verification.verification_id, attempt.lease):
            try:
                requested_at = attempt.verification.run_requested_at
                if requested_at is not None and self._adopt_if_started(attempt, requested_at):
                    return
            except ConnectorError as error:
                self._attempts.release_after_failure(attempt, error)
                raise
            broke_off = RequestError(
                Code.NO_VERIFICATION,
                message("The verification broke off before its run was started: ask with INITIATED again."),
            )
            self._attempts.release_after_failure(attempt, broke_off, SWEPT)

    def _adopt_if_started(self, attempt: Attempt, run_requested_at: datetime) -> bool:
        if run := self._find_started(attempt, run_requested_at):
            self._recorder.adopt(attempt, run, self._claims(attempt))
            return True
        self._check_settled(run_requested_at)
        self._attempts.advance(attempt, run_requested_at=None)
        return False

    def _carry_out(self, attempt: Attempt, ahead: ReadAhead) -> Started:
        verification = attempt.verification
        if verification.run_id is not None:
            return self._hand_over_known(attempt, attempt.onfido.get_run(verification.run_id))
        if verification.run_requested_at is not None:
            if run := self._find_started(attempt, verification.run_requested_at):
                return self._hand_over_known(attempt, run)
            self._check_settled(verification.run_requested_at)
        if attempt.is_resumed:
            self._binding.replace_claims(attempt)
        applicant_id, bound = self._send_values(attempt, ahead)
        run = self._start_run(attempt, applicant_id, bound.custom_data)
        try:
            return self._hand_over(attempt, run, bound.claims)
        except NOT_OURS:
            self._orphans.record(attempt.verification, run.run_id, INITIATED)
            raise

    def _find_started(self, attempt: Attempt, run_requested_at: datetime) -> RunSnapshot | None:
        # The time is recorded again when a start is not answered, at most one budget later.
        margin = timedelta(seconds=self._timing.interactive_budget) + MARGIN
        return find_started_run(self._database, attempt, self._clock() - run_requested_at + margin)

    def _check_settled(self, run_requested_at: datetime) -> None:
        """Raise until a requested run that is not in Onfido's list can be assumed not to exist."""
        age = (self._clock() - run_requested_at).total_seconds()
        if (remaining := self._timing.run_settle_time - age) > 0:
            raise OnfidoError(
                Code.ONFIDO_UNREACHABLE,
                message("It is not known yet whether Onfido started the run. Nothing is lost: ask again in a moment."),
                retry_after=int(remaining) + 1,
            )

    def _send_values(self, attempt: Attempt, ahead: ReadAhead) -> tuple[str, BoundValues]:
        """Send the user's values, and announce the run for exactly these; returns the applicant and the values."""
        for _ in range(ROUNDS):
            bound = self._binding.read(attempt, ahead)
            applicant = self._sending.put(attempt, bound)
            with self._sending.recording(attempt, bound, applicant):
                if self._announce(attempt, bound, applicant):
                    return applicant.applicant_id, bound
        raise RequestError(
            Code.BEING_STARTED,
            message("The user's values changed repeatedly while they were sent: try again later."),
            retry_after=START_TIME,
        )

    def _announce(self, attempt: Attempt, bound: BoundValues, applicant: RemoteApplicant) -> bool:
        """Record the values sent, and that the run will be requested; False if a value has changed since it was read.

        In that case only the applicant is recorded, for the next update.
        """
        with _removed_meanwhile():
            return self._announce_at_once(attempt, bound, applicant) or self._announce_step_by_step(
                attempt, bound, applicant
            )

    def _announce_at_once(self, attempt: Attempt, bound: BoundValues, applicant: RemoteApplicant) -> bool:
        """Record everything in one round trip; False, with nothing recorded, if a condition has to be judged."""
        if bound.has_outdated:
            return False
        try:
            with self._database.write() as connection:
                self._attempts.lock_or_fail(connection, attempt, **self._announced(attempt, applicant))
                if not bound.is_known(applicant.applicant_id):
                    applicants.add_new(connection, attempt.verification, applicant.applicant_id, bound.fields)
                self._binding.bind_or_fail(connection, attempt, bound)
        except NoRowError:
            return False
        return True

    def _announce_step_by_step(self, attempt: Attempt, bound: BoundValues, applicant: RemoteApplicant) -> bool:
        applicant_id = applicant.applicant_id
        with self._database.write() as connection:
            locked = self._attempts.ask_lock(connection, attempt, **self._announced(attempt, applicant))
            added = None
            if not bound.is_known(applicant_id):
                added = applicants.add(connection, attempt.verification, applicant_id, bound.fields)
            answers = self._binding.bind(connection, attempt, bound)
            check_lease(connection, attempt, locked)
            if added is not None:
                applicants.complete(connection, added, attempt.verification, applicant_id, bound.fields)
            if self._binding.is_bound(connection, attempt, bound, answers):
                return True
            self._attempts.lock(connection, attempt, run_requested_at=None)
            return False

    def _announced(self, attempt: Attempt, applicant: RemoteApplicant) -> dict[str, Any]:
        """Return the columns that are written before the run is requested."""
        return {
            "applicant_id": applicant.applicant_id,
            "environment": combined(applicant.environment, attempt.provider.environment),
            "sends_user_id": attempt.request.plan.studio.sends_user_id,
            "client_id": attempt.request.client_id or attempt.verification.client_id,
            "run_requested_at": self._clock(),
        }

    def _start_run(self, attempt: Attempt, applicant_id: str, custom_data: Mapping[str, Any]) -> RunSnapshot:
        plan = attempt.request.plan
        try:
            return attempt.onfido.create_run(
                workflow_id=attempt.provider.workflow_id,
                applicant_id=applicant_id,
                tags=[attempt.tag, *plan.tags],
                customer_user_id=attempt.verification.user_id if plan.studio.sends_user_id else None,
                custom_data=custom_data,
                link=plan.link,
            )
        except OnfidoError as error:
            has_no_run = error.is_refusal or not error.is_sent
            # Otherwise Onfido may still be creating it: the settle time starts now.
            self._attempts.advance(attempt, run_requested_at=None if has_no_run else self._clock())
            raise

    def _hand_over_known(self, attempt: Attempt, run: RunSnapshot) -> Started:
        """Return a run that an earlier request started, unless it is for other claims than this one's."""
        claims = self._claims(attempt)
        if not set(attempt.request.uris) <= {claim.uri for claim in claims}:
            self._recorder.adopt(attempt, run, claims)
            raise open_already(run.run_id)
        return self._hand_over(attempt, run, claims)

    def _claims(self, attempt: Attempt) -> list[VerificationClaim]:
        with self._database.read() as connection:
            return verification_claims.find_all(connection, attempt.verification.verification_id)

    def _hand_over(self, attempt: Attempt, run: RunSnapshot, claims: Sequence[VerificationClaim]) -> Started:
        """Record the run, apply its known status, and get the user's SDK token."""
        stored = self._recorder.adopt(attempt, run, claims)
        verification = stored.verification
        verification_id = verification.verification_id
        if verification.closed_at is not None:
            return Started(stored)
        started = capture_access(attempt.onfido, stored, run, attempt.request.plan.sdk)
        if verification.lease_owner is not None:
            with self._database.write() as connection:
                verifications.advance(connection, verification_id, attempt.lease.owner, verifications.NO_LEASE)
        return started


@contextmanager
def _removed_meanwhile() -> Iterator[None]:
    """Translate the constraint violation of a removed verification's rows."""
    try:
        yield
    except IntegrityError as error:
        raise RemovedError from error


def capture_access(onfido: OnfidoClient, stored: Snapshot, run: RunSnapshot, options: SdkOptions | None) -> Started:
    """Return the user's access to capture: the link, or an SDK token.

    The token is the run's own, unless it has none or the token has to be bound.
    """
    verification = stored.verification
    if verification.capture == LINK and run.link_url is not None:
        return Started(stored, link_url=run.link_url)
    token = run.sdk_token
    if token is None or options is not None:
        token = onfido.create_sdk_token(verification.applicant_id or "", options or SdkOptions())
    return Started(stored, sdk_token=token)
