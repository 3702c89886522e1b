"""Attempts to start a verification: one per user and provider at a time, under a lease.

none open ──► reserve (the database refuses a second)      started by another, its lease runs ──► OIDV-10048
interrupted, lease expired ──► take it over                with the user, run open at Onfido  ──► OIDV-10004
                                                           run ended meanwhile ──► apply that, reserve again
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from connector.domain.audit.history import INITIATED
from connector.domain.frozen import frozen
from connector.domain.ids import new_id
from connector.domain.providers.provider import Provider
from connector.domain.studio.capture import LINK
from connector.domain.studio.workflow_input import RunPlan
from connector.domain.studio.workflow_run import AWAITING_INPUT, ERROR, STARTING, TAG_PREFIX, RunSnapshot
from connector.domain.verifications.verification import Verification, VerificationClaim, claim_of
from connector.errors import ConnectorError, DirectoryError, OnfidoError
from connector.onfido.client import OnfidoClient
from connector.services.journal import Journal
from connector.services.providers.onfido import Onfido
from connector.services.providers.registry import enabled
from connector.services.results import status
from connector.services.results.ending import end_verification
from connector.services.results.results import Results
from connector.services.starting.leases import LeaseLostError, Leases
from connector.services.starting.limits import check_limit, find_started, require_limit
from connector.services.starting.refusals import open_already
from connector.services.timing import Deadline
from connector.services.use_case import use_case
from connector.store import batch
from connector.store.batch import Answer, Ask, nothing
from connector.store.engine import Database
from connector.store.providers import providers
from connector.store.required import NoRowError
from connector.store.verifications import verifications
from connector.store.verifications.fences import Fence, Lease

log = structlog.get_logger(__name__)

CALLS = 2  # to Onfido, of most starts: the applicant and the run
ROUNDS = 5  # attempts in a race with other requests, before the caller must retry
BREAK_OFF_TIME = timedelta(minutes=10)  # after this the sweep resumes or closes a verification without a run
UNREADABLE_TIME = timedelta(days=7)  # after this a run whose answer cannot be read no longer blocks its user
SWEPT = "sweep"  # a cause, for the history


@frozen
class VerificationRequest:
    """A request to verify: its claims, its options for the run, and the caller, for the history.

    `access_token` is the user's own, in the user's own request: some directories are read with it. `client_id` names
    the application. `values`, by claim URI, came with the request: then none are read.
    """

    uris: tuple[str, ...] = ()
    plan: RunPlan = field(default_factory=RunPlan)
    access_token: str | None = field(default=None, repr=False)
    client_id: str | None = None
    actor: str | None = None
    values: Mapping[str, str] | None = field(default=None, repr=False)

    def fields(self, provider: Provider) -> dict[str, str]:
        """Return the applicant fields of the claims that are sent, by their URIs."""
        return {uri: provider.claims[uri] for uri in self.uris if uri in provider.claims}

    def claims(self, provider: Provider) -> list[VerificationClaim]:
        """Return the claims to verify: the named ones, and all that only the workflow's output contains."""
        outputs = provider.studio.by_claim
        uris = dict.fromkeys((*self.uris, *(uri for uri in outputs if uri not in provider.claims)))
        return [claim_of(uri, provider.claims.get(uri), outputs.get(uri)) for uri in sorted(uris)]


@frozen
class Attempt:
    """One request's work on one verification, under its lease."""

    verification: Verification
    provider: Provider
    request: VerificationRequest
    lease: Lease
    onfido: OnfidoClient
    deadline: Deadline
    is_resumed: bool

    @property
    def tag(self) -> str:
        return TAG_PREFIX + self.verification.verification_id


@use_case
class Attempts:
    """Reserves attempts, takes over interrupted ones, and releases them."""

    _database: Database
    _onfido: Onfido
    _results: Results
    _journal: Journal
    _leases: Leases
    _clock: Callable[[], datetime]

    def take(
        self,
        provider: Provider,
        user_id: str,
        request: VerificationRequest,
        deadline: Deadline,
        ask: Ask = nothing,
    ) -> Attempt:
        """Reserve a verification for a request, or take over an interrupted one.

        `ask` sends queries that are executed once a verification is reserved, in the same round trip. Raises
        `RequestError` if another attempt holds the lease, or the user has had too many verifications.
        """
        onfido = self._onfido.of_provider(provider, deadline, CALLS)
        for _ in range(ROUNDS):
            lease = self._leases.new()
            if reserved := self._reserve(provider, user_id, request, lease, ask):
                return Attempt(reserved, provider, request, lease, onfido, deadline, is_resumed=False)
            with self._database.read() as connection:
                verification = verifications.find_open(connection, provider.provider_id, user_id)
            if verification is None:  # it has ended meanwhile, or the provider was removed
                with self._database.read() as connection:
                    enabled(connection, provider.tenant, provider.provider_id)
            elif self._is_resumable(provider, verification, deadline) and (
                taken := self._take_over(verification, lease)
            ):
                return Attempt(taken, provider, request, lease, onfido, deadline, is_resumed=True)
        raise LeaseLostError

    def _reserve(
        self, provider: Provider, user_id: str, request: VerificationRequest, lease: Lease, ask: Ask
    ) -> Verification | None:
        """Insert a verification; None if one is open, which the database's constraint determines.

        Raises `RequestError` if the user has started as many as the provider allows: this is checked while no other
        request can start one.
        """
        verification_id, now = new_id(), self._clock()
        try:
            # It is written to disk with the attempt's next commit, before a run is requested from Onfido.
            with self._leases.held(verification_id, lease), self._database.write(waits_for_disk=False) as connection:
                row = {
                    "id": verification_id,
                    "tenant": provider.tenant,
                    "provider_id": provider.provider_id,
                    "user_id": user_id,
                    "status": STARTING,
                    "capture": request.plan.capture,
                    "wants_document": provider.studio.gives_document_values,
                    "environment": provider.environment,
                    "sends_user_id": request.plan.studio.sends_user_id,
                    "client_id": request.client_id,
                    "next_check_at": now + BREAK_OFF_TIME,
                    "created_at": now,
                    "updated_at": now,
                }
                providers.require(connection, provider.provider_id)
                reserved = verifications.reserve(connection, row, request.claims(provider), request.plan.tags, lease)
                require_limit(connection, provider, user_id, now)
                with batch.after_commit(connection):
                    ask(connection)
            return reserved[0]
        except IntegrityError:
            return None
        except NoRowError:
            self._check_allowed(provider, user_id, now)
            return None

    def _check_allowed(self, provider: Provider, user_id: str, now: datetime) -> None:
        """Raise `RequestError` if the provider was removed, or the user has reached its limit."""
        with self._database.read() as connection:
            started = find_started(connection, provider, user_id, now)
            enabled(connection, provider.tenant, provider.provider_id)
        check_limit(provider, started, now)

    def _is_resumable(self, provider: Provider, verification: Verification, deadline: Deadline) -> bool:
        """Whether an open verification may be taken over; False if it has ended and a new one can be reserved.

        Raises `RequestError` if it is being started by another request, or its run is open.
        """
        if verification.lease_until is not None and verification.lease_until > self._clock():
            raise LeaseLostError
        if verification.run_id is None:
            return True
        if self._has_ended(provider, verification, deadline):
            return False
        if verification.lease_owner is None:
            raise open_already(verification.run_id)
        return True

    def _has_ended(self, provider: Provider, verification: Verification, deadline: Deadline) -> bool:
        """Ask Onfido, so that neither a lost webhook nor a run that cannot be completed blocks the next start."""
        if failure := self._refresh(provider, verification, deadline):
            with self._database.write() as connection:
                self._journal.record(
                    connection, end_verification(connection, verification, failure, self._clock(), INITIATED)
                )
        with self._database.read() as connection:
            return verifications.get(connection, verification.verification_id).closed_at is not None

    def _refresh(self, provider: Provider, verification: Verification, deadline: Deadline) -> str | None:
        """Apply a run's status; return why its user can no longer complete it, None if that is possible."""
        try:
            refreshed = self._results.refresh_if_due(provider, verification, deadline, INITIATED)
        except OnfidoError as error:
            if not (error.is_misunderstood and self._clock() - verification.created_at > UNREADABLE_TIME):
                raise
            log.warning("run.unreadable", verification_id=verification.verification_id, reason=error.summary)
            return error.summary
        has_expired = refreshed and is_link_expired(verification, refreshed.run, self._clock())
        return "The link has expired." if has_expired else None

    def take_over(self, provider: Provider, verification: Verification, deadline: Deadline) -> Attempt | None:
        """Acquire the lease of an interrupted start; None if another request holds it."""
        lease = self._leases.new()
        if verification.lease_until is not None and verification.lease_until > self._clock():
            return None
        taken = self._take_over(verification, lease)
        if taken is None:
            return None
        onfido = self._onfido.of_provider(provider, deadline)
        return Attempt(taken, provider, VerificationRequest(), lease, onfido, deadline, is_resumed=True)

    def _take_over(self, verification: Verification, lease: Lease) -> Verification | None:
        """Acquire the lease, and read the progress of its last holder; None if another request was faster."""
        with self._leases.held(verification.verification_id, lease), self._database.write() as connection:
            if not verifications.take_over(connection, verification, lease):
                return None
            return verifications.get(connection, verification.verification_id)

    def advance(self, attempt: Attempt, **values: object) -> None:
        """Record the attempt's progress; raises one of `NOT_OURS` if the lease was lost."""
        with self._database.write() as connection:
            self.lock(connection, attempt, **values)

    def lock(self, connection: Connection, attempt: Attempt, **values: object) -> None:
        """Lock the verification until the transaction's end, as `advance` does in the caller's."""
        check_lease(connection, attempt, self.ask_lock(connection, attempt, **values))

    def ask_lock(self, connection: Connection, attempt: Attempt, **values: object) -> Answer:
        """Lock as `lock` does; the caller checks the lease (`check_lease`), and may send statements before."""
        changed = values | {"updated_at": self._clock()}
        return verifications.advance(connection, attempt.verification.verification_id, attempt.lease.owner, changed)

    def lock_or_fail(self, connection: Connection, attempt: Attempt, **values: object) -> None:
        """Lock as `lock` does; if the lease was lost, the transaction fails with `NoRowError`, not before its end."""
        changed = values | {"updated_at": self._clock()}
        verifications.advance_or_fail(connection, attempt.verification.verification_id, attempt.lease.owner, changed)

    def release_after_failure(self, attempt: Attempt, error: ConnectorError, cause: str = INITIATED) -> None:
        """Release the lease so that the next request continues, or starts again if this attempt cannot succeed."""
        verification_id, owner = attempt.verification.verification_id, attempt.lease.owner
        can_succeed = isinstance(error, OnfidoError | DirectoryError) and error.is_retryable
        with self._database.write() as connection:
            if can_succeed or not self._close(connection, attempt, error, cause):
                verifications.advance(connection, verification_id, owner, verifications.RELEASED)

    def _close(self, connection: Connection, attempt: Attempt, error: ConnectorError, cause: str) -> bool:
        """Delete the verification if Onfido knows nothing of it, otherwise close it; False if there may be a run."""
        verification, owner = attempt.verification, attempt.lease.owner
        if verifications.discard(connection, verification.verification_id, owner):
            return True
        fence, values = Fence(owner, has_no_run=True), {"failure": error.summary}
        now, actor = self._clock(), attempt.request.actor
        closed = status.change(connection, verification, ERROR, now, cause, actor, values=values, fence=fence)
        if not closed.is_written:
            return False
        self._journal.record(connection, [closed.entry])
        return True


def is_link_expired(verification: Verification, run: RunSnapshot, now: datetime) -> bool:
    """Whether a run awaits a user whose link has expired."""
    expires_at = run.link_expires_at
    return (
        verification.capture == LINK and run.status == AWAITING_INPUT and expires_at is not None and expires_at <= now
    )


def check_lease(connection: Connection, attempt: Attempt, locked: Answer) -> None:
    """Raise one of `NOT_OURS` if the lock of an attempt shows that its lease was lost."""
    if not locked.rowcount:
        raise lost(connection, attempt)


def lost(connection: Connection, attempt: Attempt) -> LeaseLostError:
    """Return the error for a lease that was lost; raises `RemovedError` if the verification is gone."""
    verifications.get(connection, attempt.verification.verification_id)
    return LeaseLostError()
