"""Starting a verification, step by step, so that a crash between any two steps loses and doubles nothing.

    reserve the attempt ─► values ─► applicant ─► announce the run ─► run ─► hand over run id and SDK token

Each step is recorded before the next begins; who works on the attempt holds a lease on it, and who finds a lease that
ran out goes on from there. The one step that costs money is announced before it is taken (`run_requested_at`), and
the run carries the attempt's id as a tag: whoever resumes looks for that run at Onfido before starting another.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from connector.directory import Directory
from connector.domain.claims import REQUIRED_FIELDS, Claim, fields_to_send
from connector.domain.history import RUN
from connector.domain.provider import Provider
from connector.domain.runs import ERROR, PROCESSING, STARTING, RunSnapshot, next_check
from connector.domain.verification import Verification
from connector.errors import Code, ConnectorError, ProviderError, RequestError
from connector.onfido.client import OnfidoClient
from connector.onfido.payloads import applicant_fields
from connector.services.events import Events
from connector.services.providers import Providers
from connector.services.results import Results, change, claim_row
from connector.store import claims, history, verifications
from connector.store.engine import Database
from connector.store.vault import Fingerprints
from connector.store.verifications import Lease

log = structlog.get_logger(__name__)

TAG_PREFIX = "idvp-connector:"
LEASE_MARGIN = timedelta(seconds=15)  # beyond the budget of the Onfido calls that it covers
ROUNDS = 5  # of a race with other requests, or with values that change, before the caller is asked to come back
BREAK_OFF_TIME = timedelta(minutes=10)  # after it, the sweep resumes or closes an attempt without a run
GONE = (404, 410)
INITIATED = "initiated"  # a cause, for the history


@dataclass(frozen=True)
class Timing:
    """How long things may take, in seconds: all Onfido calls of one request; an unanswered start of a run."""

    interactive_budget: float
    run_settle_time: float


@dataclass(frozen=True)
class Started:
    """What an application needs to let the user go through capture; no token where the run has ended already."""

    verification: Verification
    sdk_token: str | None = field(repr=False)


@dataclass(frozen=True)
class _Attempt:
    """One request's work on one verification, under its lease; `fields` maps the requested claims."""

    verification: Verification
    provider: Provider
    fields: Mapping[str, str]
    lease: Lease
    onfido: OnfidoClient
    deadline: float
    is_resumed: bool

    @property
    def tag(self) -> str:
        return TAG_PREFIX + self.verification.verification_id


class Initiation:
    """Starts verifications; of any number of requests at once for one user and provider, one gets the run."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        fingerprints: Fingerprints,
        providers: Providers,
        results: Results,
        events: Events,
        timing: Timing,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._directory = directory
        self._fingerprints = fingerprints
        self._providers = providers
        self._results = results
        self._events = events
        self._timing = timing
        self._clock = clock

    def start(self, provider: Provider, user_id: str, fields: Mapping[str, str], deadline: float) -> Started:
        """Start a verification of the claims in `fields` (URI -> applicant field), or go on with one that broke off.

        Raises `RequestError` where the request cannot be met, `ProviderError` where Onfido refuses, fails or is away.
        """
        attempt = self._take(provider, user_id, fields, deadline)
        try:
            return self._carry_out(attempt)
        except ConnectorError as error:
            self._give_back(attempt, error)
            raise

    # Getting hold of the attempt

    def _take(self, provider: Provider, user_id: str, fields: Mapping[str, str], deadline: float) -> _Attempt:
        onfido = self._providers.onfido(provider)
        for _ in range(ROUNDS):
            lease = self._new_lease()
            if reserved := self._reserve(provider, user_id, fields, lease):
                return _Attempt(reserved, provider, fields, lease, onfido, deadline, is_resumed=False)
            with self._database.read() as connection:
                found = verifications.find_open(connection, provider.provider_id, user_id)
            if found and self._is_resumable(provider, found, deadline):
                with self._database.write() as connection:
                    is_mine = verifications.take_over(connection, found, lease)
                if is_mine:
                    return _Attempt(found, provider, fields, lease, onfido, deadline, is_resumed=True)
        raise _being_started()

    def _new_lease(self) -> Lease:
        length = timedelta(seconds=self._timing.interactive_budget) + LEASE_MARGIN
        return Lease(str(uuid.uuid4()), self._clock() + length)

    def _reserve(
        self, provider: Provider, user_id: str, fields: Mapping[str, str], lease: Lease
    ) -> Verification | None:
        """Insert an attempt; None where one is open: the database refuses a second."""
        verification_id, now = str(uuid.uuid4()), self._clock()
        try:
            with self._database.write() as connection:
                if verifications.find_open(connection, provider.provider_id, user_id):
                    return None
                _check_limit(connection, provider, user_id, now)
                row = {
                    "id": verification_id,
                    "tenant": provider.tenant,
                    "provider_id": provider.provider_id,
                    "user_id": user_id,
                    "status": STARTING,
                    "next_check_at": now + BREAK_OFF_TIME,
                    "created_at": now,
                    "updated_at": now,
                }
                verifications.reserve(connection, row, fields, lease)
                return verifications.get(connection, verification_id)
        except IntegrityError:
            return None

    def _is_resumable(self, provider: Provider, found: Verification, deadline: float) -> bool:
        """Whether an open attempt may be taken over; False where it turns out to have ended: reserve a new one.

        Raises `RequestError` where it is under way: being started by another request, or with the user.
        """
        if found.lease_until is not None and found.lease_until > self._clock():
            raise _being_started()
        if found.run_id is None:
            return True
        if self._has_ended(provider, found, found.run_id, deadline):
            return False
        if found.lease_owner is None:
            raise RequestError(
                Code.NOTHING_TO_START,
                f"A verification is open: run {found.run_id}. Ask with status REINITIATED for its SDK token, "
                "or with COMPLETED for its result.",
            )
        return True

    def _has_ended(self, provider: Provider, found: Verification, run_id: str, deadline: float) -> bool:
        """Ask Onfido, so that a lost webhook never stands in the way of a user's next attempt."""
        try:
            self._results.refresh(provider, run_id, deadline, INITIATED)
        except ProviderError as error:
            if error.status not in GONE:
                raise
            self._close_gone(found, error)
        with self._database.read() as connection:
            return verifications.get(connection, found.verification_id).closed_at is not None

    def _close_gone(self, found: Verification, error: ProviderError) -> None:
        now = self._clock()
        log.warning("run.gone", verification_id=found.verification_id, run_id=found.run_id)
        values = {"status": ERROR, "failure": error.description, "updated_at": now, "closed_at": now}
        with self._database.write() as connection:
            verifications.move(connection, found.verification_id, values)

    def settle(self, provider: Provider, found: Verification, deadline: float) -> None:
        """Resume or close an attempt that broke off before its run was known; the sweep's part.

        Raises `ProviderError` where Onfido does not say yet.
        """
        lease = self._new_lease()
        if found.lease_until is not None and found.lease_until > self._clock():
            return
        with self._database.write() as connection:
            if not verifications.take_over(connection, found, lease):
                return
        onfido = self._providers.onfido(provider)
        attempt = _Attempt(found, provider, {}, lease, onfido, deadline, is_resumed=True)
        try:
            if found.run_requested_at is not None:
                if run := onfido.find_run(tag=attempt.tag, deadline=deadline):
                    self._adopt(attempt, run)
                    return
                self._check_settled(found.run_requested_at)
                self._advance(attempt, run_requested_at=None)
        except ConnectorError as error:
            self._give_back(attempt, error)
            raise
        self._give_back(
            attempt, RequestError(Code.NO_VERIFICATION, "The attempt broke off before its run was started.")
        )

    # Carrying it out

    def _carry_out(self, attempt: _Attempt) -> Started:
        verification = attempt.verification
        if verification.run_id is not None:
            return self._hand_over(attempt, attempt.onfido.get_run(verification.run_id, deadline=attempt.deadline))
        if verification.run_requested_at is not None:
            if run := attempt.onfido.find_run(tag=attempt.tag, deadline=attempt.deadline):
                return self._hand_over(attempt, run)
            self._check_settled(verification.run_requested_at)
        applicant_id = self._put_applicant(attempt, self._bind_values(attempt))
        return self._hand_over(attempt, self._start_run(attempt, applicant_id))

    def _check_settled(self, run_requested_at: datetime) -> None:
        """Raise until a run that was asked for, but is not in Onfido's list, can be taken as never made."""
        age = (self._clock() - run_requested_at).total_seconds()
        if (remaining := self._timing.run_settle_time - age) > 0:
            raise ProviderError(
                Code.ONFIDO_UNREACHABLE,
                "Onfido has not said yet whether it started the run. Nothing is lost: ask again in a moment.",
                retry_after=int(remaining) + 1,
            )

    def _bind_values(self, attempt: _Attempt) -> dict[str, str]:
        """Read the values to send, by applicant field, and record which ones the verification will hold for."""
        tenant, user_id = attempt.provider.tenant, attempt.verification.user_id
        for _ in range(ROUNDS):
            values = self._directory.values(tenant, user_id)
            if values is None:
                raise RequestError(Code.USER_NOT_FOUND, f"There is no user {user_id}.")
            to_send = _select(attempt, values)
            fingerprints = {uri: self._fingerprints.of(tenant, user_id, uri, values[uri]) for uri in attempt.fields}
            if self._record_values(attempt, fingerprints):
                return to_send
        raise RequestError(Code.NOTHING_TO_START, "The user's values keep changing: ask again in a moment.")

    def _record_values(self, attempt: _Attempt, fingerprints: Mapping[str, str]) -> bool:
        verification, now = attempt.verification, self._clock()
        with self._database.write() as connection:
            if not verifications.advance(
                connection, verification.verification_id, attempt.lease.owner, {"updated_at": now}
            ):
                raise _being_started()
            if attempt.is_resumed:
                verifications.replace_claims(connection, verification.verification_id, attempt.fields)
            claims.unverify_changed(connection, verification.tenant, verification.user_id, fingerprints, now)
            self._check_needed(
                claims.find_all(
                    connection, verification.tenant, verification.user_id, verification.provider_id, [*fingerprints]
                ),
                attempt.fields,
            )
            return verifications.bind_values(connection, verification.verification_id, fingerprints)

    def _check_needed(self, known: list[Claim], fields: Mapping[str, str]) -> None:
        if {claim.uri for claim in known if claim.is_verified} >= set(fields):
            raise RequestError(
                Code.NOTHING_TO_START, "Every requested claim is verified already, and no value has changed since."
            )

    def _put_applicant(self, attempt: _Attempt, values: Mapping[str, str]) -> str:
        """Bring the user's applicant at Onfido up to date, or create it, and announce the run."""
        applicant, applicant_id = applicant_fields(values), None
        verification = attempt.verification
        with self._database.read() as connection:
            known = verifications.find_applicant(connection, verification)
        if known is not None:
            try:
                attempt.onfido.update_applicant(known, applicant, deadline=attempt.deadline)
                applicant_id = known
            except ProviderError as error:
                if error.status not in GONE:
                    raise
        if applicant_id is None:
            applicant_id = attempt.onfido.create_applicant(applicant, deadline=attempt.deadline)
        self._advance(attempt, applicant_id=applicant_id, run_requested_at=self._clock())
        return applicant_id

    def _start_run(self, attempt: _Attempt, applicant_id: str) -> RunSnapshot:
        try:
            return attempt.onfido.create_run(
                workflow_id=attempt.provider.workflow_id,
                applicant_id=applicant_id,
                tags=[attempt.tag],
                deadline=attempt.deadline,
            )
        except ProviderError as error:
            if error.is_refusal or not error.is_sent:
                self._advance(attempt, run_requested_at=None)  # there is certainly no run
            raise

    def _hand_over(self, attempt: _Attempt, run: RunSnapshot) -> Started:
        """Record the run, apply what is known of it already, and get the user's SDK token."""
        self._adopt(attempt, run)
        verification_id = attempt.verification.verification_id
        with self._database.read() as connection:
            verification = verifications.get(connection, verification_id)
        if verification.closed_at is not None:
            return Started(verification, None)
        token = run.sdk_token
        if token is None:
            applicant_id = verification.applicant_id or ""
            token = attempt.onfido.create_sdk_token(applicant_id, deadline=attempt.deadline)
            with self._database.write() as connection:
                verifications.advance(connection, verification_id, attempt.lease.owner, _NO_LEASE)
        return Started(verification, token)

    def _adopt(self, attempt: _Attempt, run: RunSnapshot) -> None:
        """Record the run, and apply what is known of it already."""
        self._record_run(attempt, run)
        self._events.match(attempt.provider.provider_id, run.run_id)
        if run.is_final:
            self._results.refresh(attempt.provider, run.run_id, attempt.deadline, INITIATED)

    def _record_run(self, attempt: _Attempt, run: RunSnapshot) -> None:
        now = self._clock()
        values = {
            "run_id": run.run_id,
            "status": PROCESSING if run.is_final else run.status,  # a final status comes with its result only
            "updated_at": now,
            "next_check_at": now + next_check(timedelta()),
        }
        if run.sdk_token is not None:
            values |= _NO_LEASE
        verification = attempt.verification
        with self._database.write() as connection:
            if not verifications.advance(connection, verification.verification_id, attempt.lease.owner, values):
                raise _being_started()
            started = change(verification, now, INITIATED, None, RUN, run.run_id, verification.status, run.status)
            history.append(connection, [replace(started, current=str(values["status"]))])
            about = verifications.find_claims(connection, verification.verification_id)
            claims.open_attempt(connection, [claim_row(verification, claim, now) for claim in about])

    def _advance(self, attempt: _Attempt, **values: object) -> None:
        verification_id = attempt.verification.verification_id
        with self._database.write() as connection:
            if not verifications.advance(connection, verification_id, attempt.lease.owner, values):
                raise _being_started()

    def _give_back(self, attempt: _Attempt, error: ConnectorError) -> None:
        """Let the next request go on from here, or start afresh where this attempt cannot succeed."""
        verification_id, owner, now = attempt.verification.verification_id, attempt.lease.owner, self._clock()
        failed = {"status": ERROR, "failure": error.description, "updated_at": now, "closed_at": now}
        can_succeed = isinstance(error, ProviderError) and error.is_retryable
        with self._database.write() as connection:
            if can_succeed or not verifications.abandon(connection, verification_id, owner, failed):
                verifications.advance(connection, verification_id, owner, {"lease_until": now})


_NO_LEASE: dict[str, object] = {"lease_owner": None, "lease_until": None}


def _select(attempt: _Attempt, values: Mapping[str, str]) -> dict[str, str]:
    """Give the values that Onfido needs for the requested claims, by applicant field; raises where one is missing."""
    mapped = attempt.provider.claims
    fields = fields_to_send(frozenset(attempt.fields.values()), frozenset(mapped.values()))
    wanted = {uri: name for uri, name in mapped.items() if name in fields}
    required = {uri for uri, name in wanted.items() if uri in attempt.fields or name in REQUIRED_FIELDS}
    if missing := sorted(uri for uri in required if not values.get(uri)):
        raise RequestError(Code.VALUE_MISSING, f"The user has no value for {', '.join(missing)}.")
    return {name: values[uri] for uri, name in wanted.items() if values.get(uri)}


def _check_limit(connection: Connection, provider: Provider, user_id: str, now: datetime) -> None:
    """Raise where the user has started as many runs as the provider allows within its window."""
    window = timedelta(seconds=provider.attempt_window)
    started = verifications.find_started(connection, provider.provider_id, user_id, now - window)
    if len(started) >= provider.max_attempts:
        allowed_at = started[provider.max_attempts - 1] + window
        seconds = max(1, math.ceil((allowed_at - now).total_seconds()))
        raise RequestError(
            Code.ATTEMPT_LIMIT,
            f"{len(started)} verifications were started within {provider.attempt_window} seconds, the most that is "
            f"allowed. The next is allowed at {allowed_at.isoformat(timespec='seconds')}.",
            retry_after=seconds,
        )


def _being_started() -> RequestError:
    return RequestError(
        Code.NOTHING_TO_START, "A verification is being started by another request: wait for its answer."
    )
