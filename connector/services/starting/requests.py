"""An application's requests on behalf of a user: initiate, complete and resume a verification.

initiate   start a run and return its SDK token (`initiation.py`)
complete   ask Onfido for the run, apply the answer, return the current claims; may wait for a result
resume     ask Onfido whether the run still awaits input, return a new SDK token
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from datetime import datetime, timedelta

from connector.domain.audit.history import SYSTEM
from connector.domain.claims import Claim
from connector.domain.frozen import frozen
from connector.domain.messages import claims_named, message
from connector.domain.providers.provider import Provider
from connector.domain.studio.workflow_input import RunRequest, plan_run, plan_sdk
from connector.domain.studio.workflow_run import AWAITING_INPUT
from connector.domain.tenancy import Tenant
from connector.domain.verifications.verification import Verification
from connector.errors import Code, OnfidoError, RequestError, TooManyRequests
from connector.services.providers.onfido import Onfido
from connector.services.providers.registry import Providers, enabled
from connector.services.results.results import Results
from connector.services.starting.attempts import VerificationRequest, is_link_expired
from connector.services.starting.counting import counted
from connector.services.starting.initiation import Initiation, Started, capture_access
from connector.services.starting.refusals import Refusals, StartRequest
from connector.services.timing import Timing
from connector.store.engine import Database
from connector.store.verifications import snapshots, turns, verifications
from connector.store.verifications.snapshots import Snapshot

COMPLETED, REINITIATED = "completed", "reinitiated"  # causes, for the history
RESUME_PAUSE = timedelta(seconds=2)  # between two SDK tokens for one run
MAX_WAIT = 20  # seconds that COMPLETED may wait for a result
_PLAIN = RunRequest()
POLL_INTERVAL = 0.25  # seconds between two checks for a result that another thread or process may record


@frozen
class Capture:
    """The application's access to capture: a token, a link, or neither if the run has ended."""

    verification: Verification
    claims: list[Claim]
    sdk_token: str | None = field(default=None, repr=False)
    link_url: str | None = field(default=None, repr=False)


@frozen
class Completion:
    """The current claims; `waited` is None if the request did not wait, otherwise the granted seconds."""

    claims: list[Claim]
    waited: int | None


class Verifications:
    """Initiates, completes and resumes verifications of one tenant's users; each method takes the tenant.

    At most `max_waiting` threads wait for results at once.
    """

    def __init__(
        self,
        database: Database,
        providers: Providers,
        onfido: Onfido,
        results: Results,
        initiation: Initiation,
        refusals: Refusals,
        timing: Timing,
        max_waiting: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._providers = providers
        self._onfido = onfido
        self._results = results
        self._initiation = initiation
        self._refusals = refusals
        self._timing = timing
        self._clock = clock
        self._waiting = threading.BoundedSemaphore(max_waiting)

    def initiate(
        self,
        tenant: Tenant,
        user_id: str,
        provider_id: str,
        uris: Sequence[str],
        request: RunRequest = _PLAIN,
        actor: str = SYSTEM,
        access_token: str | None = None,
        client_id: str | None = None,
        values: Mapping[str, str] | None = None,
    ) -> Capture:
        """Start the verification of a user's claims, or continue an interrupted one.

        `access_token` is the user's own, in the user's own request: some directories are read with it. `client_id`
        names the application, by its token. `values`, by claim URI, replace the directory's. Raises `RequestError` if
        the request cannot be met, `OnfidoError` if Onfido refuses, fails or cannot be reached.
        """
        with counted("initiate"), self._refusals.traced(StartRequest(tenant, user_id, provider_id, uris, actor)):
            with self._database.read() as connection:
                refused = self._refusals.ask(connection, provider_id, user_id)
                provider = enabled(connection, tenant.name, provider_id).limited(tenant.limits.attempts)
            if values is not None:
                # the user exists for one request only: in any race, only one run is paid for
                provider = provider.limited(1)
            _check_mapped(provider, uris)
            self._refusals.check(provider, refused)
            plan = plan_run(provider.studio, request, self._clock())
            verification_request = VerificationRequest(tuple(uris), plan, access_token, client_id, actor, values)
            started = self._initiation.start(provider, user_id, verification_request, self._timing.interactive())
        return _capture(started, uris)

    @counted("complete")
    def complete(
        self, tenant: Tenant, user_id: str, provider_id: str, uris: Sequence[str], wait: int = 0
    ) -> Completion:
        """Apply the current status of the user's run, and return the current claims.

        With `wait` (seconds, at most 20), this waits for a result that is not available yet. Raises as `initiate` does.
        """
        provider = self._providers.find_enabled(tenant, provider_id)
        _check_mapped(provider, uris)
        verification = self._latest(tenant, user_id, provider_id, uris)
        if verification.closed_at is not None:
            return Completion(self._stored(verification).named(uris), None)
        _check_run(verification)
        refreshed = self._results.refresh_if_due(
            provider, verification, self._timing.interactive(), COMPLETED, is_captured=True
        )
        waited = self._wait(provider, verification, min(wait, MAX_WAIT))
        stored = refreshed.stored if refreshed is not None and waited is None else self._stored(verification)
        return Completion(stored.named(uris), waited)

    @counted("resume")
    def resume(
        self, tenant: Tenant, user_id: str, provider_id: str, uris: Sequence[str], request: RunRequest = _PLAIN
    ) -> Capture:
        """Return a new SDK token, or the link, for the user's open run, if it awaits input at Onfido.

        Only the request's options for an SDK token are used. Raises as `initiate`.
        """
        provider = self._providers.find_enabled(tenant, provider_id)
        _check_mapped(provider, uris)
        verification = self._latest(tenant, user_id, provider_id, uris)
        _check_run(verification)
        if verification.closed_at is not None:
            raise _not_awaiting(verification.status)
        options, deadline = plan_sdk(provider.studio, request), self._timing.interactive()
        with self._turn_to_resume(verification):
            refreshed = self._results.refresh(provider, verification, deadline, REINITIATED)
            run, stored = refreshed.run, refreshed.stored
            if run.status != AWAITING_INPUT:
                raise _not_awaiting(run.status)
            if is_link_expired(stored.verification, run, self._clock()):
                raise RequestError(
                    Code.NOT_AWAITING_INPUT, message("The run's link has expired: ask with INITIATED for a new run.")
                )
            onfido = self._onfido.of_provider(provider, deadline)
            return _capture(capture_access(onfido, stored, run, options), uris)

    @contextmanager
    def _turn_to_resume(self, verification: Verification) -> Iterator[None]:
        """Admit one request to resume a verification; the next after a pause, or at once if Onfido did not answer."""
        self._take_turn_to_resume(verification)
        try:
            yield
        except OnfidoError as error:
            if error.is_retryable:
                with self._database.write() as connection:
                    verifications.change(connection, verification.verification_id, {"resume_after": None})
            raise

    def _take_turn_to_resume(self, verification: Verification) -> None:
        now = self._clock()
        with self._database.write() as connection:
            taken = turns.take_resume(connection, verification.verification_id, now, now + RESUME_PAUSE)
        if taken.rowcount:
            return
        with self._database.read() as connection:
            current = verifications.get(connection, verification.verification_id)
        if current.closed_at is not None:
            raise _not_awaiting(current.status)
        raise TooManyRequests(
            message("The verification was resumed a moment ago: try again later."),
            math.ceil(RESUME_PAUSE.total_seconds()),
        )

    def _latest(self, tenant: Tenant, user_id: str, provider_id: str, uris: Sequence[str]) -> Verification:
        with self._database.read() as connection:
            verification = verifications.find_latest(connection, provider_id, user_id, tenant.name, uris)
        if verification is None:
            raise RequestError(
                Code.NO_VERIFICATION,
                message(
                    "No verification of %(uris)s was started for this user: ask with status INITIATED first.",
                    uris=claims_named(uris),
                ),
            )
        return verification

    def _stored(self, verification: Verification) -> Snapshot:
        with self._database.read() as connection:
            return snapshots.take(connection, verification)

    def _wait(self, provider: Provider, verification: Verification, seconds: int) -> int | None:
        """Wait for a result; None if there is nothing to wait for, or too many requests wait already."""
        if seconds <= 0 or self._is_closed(verification) or not self._waiting.acquire(blocking=False):
            return None
        try:
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0 and not self._is_closed(verification):
                time.sleep(min(POLL_INTERVAL, left))
        finally:
            self._waiting.release()
        with self._database.read() as connection:
            verification = verifications.get(connection, verification.verification_id)
        # The webhook may have been lost.
        self._results.refresh_if_due(provider, verification, self._timing.interactive(), COMPLETED, is_captured=True)
        return seconds

    def _is_closed(self, verification: Verification) -> bool:
        with self._database.read() as connection:
            return verifications.get(connection, verification.verification_id).closed_at is not None


def _capture(started: Started, uris: Sequence[str]) -> Capture:
    stored = started.stored
    return Capture(stored.verification, stored.named(uris), started.sdk_token, started.link_url)


def _check_mapped(provider: Provider, uris: Sequence[str]) -> None:
    """Raise if a claim is neither sent nor contained in the workflow's output."""
    if not uris:
        raise RequestError(Code.CLAIMS_EMPTY, message("claims: must name at least one claim URI."))
    if unmapped := [uri for uri in uris if uri not in provider.claims and uri not in provider.studio.by_claim]:
        raise RequestError(
            Code.CLAIM_NOT_MAPPED,
            message(
                "The provider %(name)s has no mapping for %(unmapped)s: map it, or leave it out.",
                name=provider.name,
                unmapped=claims_named(unmapped),
            ),
            claims=unmapped,
        )


def _check_run(verification: Verification) -> None:
    if verification.run_id is None:
        raise RequestError(
            Code.NO_VERIFICATION, message("The verification ended before it had a run: ask with INITIATED again.")
        )


def _not_awaiting(status: str) -> RequestError:
    return RequestError(
        Code.NOT_AWAITING_INPUT,
        message(
            "The run does not await input (its status is %(status)s): ask with COMPLETED for its result.", status=status
        ),
    )
