"""What an application asks for on behalf of a user: initiate, complete and resume a verification.

initiate   start a run and give its SDK token (`initiation.py` tells how)
complete   ask Onfido for the run, apply the answer, give the claims as they stand; may wait for a result
resume     ask Onfido whether the run still awaits input, give a fresh SDK token
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connector.domain.claims import Claim
from connector.domain.history import Change
from connector.domain.provider import Provider
from connector.domain.runs import AWAITING_INPUT
from connector.domain.verification import Verification, VerificationClaim
from connector.errors import Code, RequestError
from connector.services.attempts import Timing
from connector.services.initiation import Initiation
from connector.services.providers import Providers
from connector.services.results import Results
from connector.store import claims, history, verifications
from connector.store.engine import Database

COMPLETED, REINITIATED = "completed", "reinitiated"  # causes, for the history
MAX_WAIT = 20  # seconds that COMPLETED may wait for a result
POLL_INTERVAL = 0.25  # seconds between two looks for a result that another thread or process may bring


@dataclass(frozen=True)
class Capture:
    """What an application needs to let the user go through capture; no token where the run has ended already."""

    verification: Verification
    claims: list[Claim]
    sdk_token: str | None = field(repr=False)


@dataclass(frozen=True)
class Completion:
    """The claims as they stand; `waited` is None where nobody waited, else the seconds that were granted."""

    claims: list[Claim]
    waited: int | None


class Verifications:
    """The verifications of every tenant's users; each method takes the tenant it may see.

    At most `max_waiting` threads wait for results at once.
    """

    def __init__(
        self,
        database: Database,
        providers: Providers,
        results: Results,
        initiation: Initiation,
        timing: Timing,
        max_waiting: int,
    ) -> None:
        self._database = database
        self._providers = providers
        self._results = results
        self._initiation = initiation
        self._timing = timing
        self._waiting = threading.BoundedSemaphore(max_waiting)

    def initiate(self, tenant: str, user_id: str, provider_id: str, uris: Sequence[str]) -> Capture:
        """Start the verification of a user's claims, or go on with one that broke off.

        Raises `RequestError` where the request cannot be met, `ProviderError` where Onfido refuses, fails or is away.
        """
        provider = self._providers.find_enabled(tenant, provider_id)
        started = self._initiation.start(provider, user_id, _fields(provider, uris), self._deadline())
        return Capture(started.verification, self._claims(started.verification, uris), started.sdk_token)

    def complete(self, tenant: str, user_id: str, provider_id: str, uris: Sequence[str], wait: int = 0) -> Completion:
        """Apply what Onfido says of the user's run, and give the claims as they now stand.

        With `wait` (seconds, at most 20), a result that is not there yet is waited for. Raises as `initiate` does.
        """
        provider = self._providers.find_enabled(tenant, provider_id)
        _fields(provider, uris)
        verification = self._latest(tenant, user_id, provider_id, uris)
        waited = None
        if verification.closed_at is None:
            run_id = _run_id(verification)
            self._results.refresh(provider, run_id, self._deadline(), COMPLETED)
            waited = self._wait(provider, verification, run_id, min(wait, MAX_WAIT))
        return Completion(self._claims(verification, uris), waited)

    def resume(self, tenant: str, user_id: str, provider_id: str, uris: Sequence[str]) -> Capture:
        """Give a fresh SDK token for the user's open run, if Onfido says that it awaits input. Raises as `initiate`."""
        provider = self._providers.find_enabled(tenant, provider_id)
        _fields(provider, uris)
        verification = self._latest(tenant, user_id, provider_id, uris)
        if verification.closed_at is not None:
            raise _not_awaiting(verification.status)
        deadline = self._deadline()
        run = self._results.refresh(provider, _run_id(verification), deadline, REINITIATED)
        if run.status != AWAITING_INPUT:
            raise _not_awaiting(run.status)
        token = run.sdk_token
        if token is None:
            onfido = self._providers.onfido(provider)
            token = onfido.create_sdk_token(verification.applicant_id or "", deadline=deadline)
        with self._database.read() as connection:
            verification = verifications.get(connection, verification.verification_id)  # as the answer has left it
        return Capture(verification, self._claims(verification, uris), token)

    def page(self, tenant: str, *, user_id: str | None = None, limit: int) -> list[Verification]:
        """Give the tenant's verifications, the latest first."""
        with self._database.read() as connection:
            return verifications.find_page(connection, tenant, user_id=user_id, limit=limit)

    def get(self, tenant: str, run_id: str) -> tuple[Verification, list[VerificationClaim], list[Claim]]:
        """Give a verification by its run's id or its own, what it is about, and how the user's claims stand.

        Raises `RequestError` where there is none.
        """
        with self._database.read() as connection:
            found = verifications.find_run(connection, tenant, run_id)
            if found is None:
                raise _no_such_run(run_id)
            about = verifications.find_claims(connection, found.verification_id)
            uris = [claim.uri for claim in about]
            return found, about, claims.find_all(connection, tenant, found.user_id, found.provider_id, uris)

    def history(self, tenant: str, run_id: str, provider_id: str | None = None) -> list[Change]:
        """Give what happened to a verification and its claims, the first first; raises `RequestError`."""
        with self._database.read() as connection:
            found = verifications.find_run(connection, tenant, run_id)
            if found is None or provider_id not in (None, found.provider_id):
                raise _no_such_run(run_id)
            return history.find_of_verification(connection, found.verification_id)

    def _latest(self, tenant: str, user_id: str, provider_id: str, uris: Sequence[str]) -> Verification:
        with self._database.read() as connection:
            found = verifications.find_latest(connection, provider_id, user_id, tenant, uris)
        if found is None:
            raise RequestError(
                Code.NO_VERIFICATION,
                f"No verification of {', '.join(uris)} was started for this user: ask with status INITIATED first.",
            )
        return found

    def _claims(self, verification: Verification, uris: Sequence[str]) -> list[Claim]:
        tenant, user_id, provider_id = verification.tenant, verification.user_id, verification.provider_id
        with self._database.read() as connection:
            return claims.find_all(connection, tenant, user_id, provider_id, uris)

    def _wait(self, provider: Provider, verification: Verification, run_id: str, seconds: int) -> int | None:
        """Wait until a result is in; None where there is nothing to wait for, or too many wait already."""
        if seconds <= 0 or self._is_closed(verification) or not self._waiting.acquire(blocking=False):
            return None
        try:
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0 and not self._is_closed(verification):
                time.sleep(min(POLL_INTERVAL, left))
        finally:
            self._waiting.release()
        if not self._is_closed(verification):
            self._results.refresh(provider, run_id, self._deadline(), COMPLETED)  # the webhook may have been lost
        return seconds

    def _is_closed(self, verification: Verification) -> bool:
        with self._database.read() as connection:
            return verifications.get(connection, verification.verification_id).closed_at is not None

    def _deadline(self) -> float:
        return time.monotonic() + self._timing.interactive_budget


def _fields(provider: Provider, uris: Sequence[str]) -> Mapping[str, str]:
    """Give the applicant field of each claim; raises `RequestError` where one has none."""
    if not uris:
        raise RequestError(Code.CLAIMS_EMPTY, "claims: name at least one claim URI.")
    if unmapped := [uri for uri in uris if uri not in provider.claims]:
        raise RequestError(
            Code.CLAIM_NOT_MAPPED, f"The provider {provider.name} has no mapping for {', '.join(unmapped)}."
        )
    return {uri: provider.claims[uri] for uri in uris}


def _no_such_run(run_id: str) -> RequestError:
    return RequestError(Code.RUN_NOT_FOUND, f"There is no verification or run {run_id}.")


def _run_id(verification: Verification) -> str:
    if verification.run_id is None:
        raise RequestError(
            Code.NO_VERIFICATION, "The verification broke off before its run was known: ask with INITIATED again."
        )
    return verification.run_id


def _not_awaiting(status: str) -> RequestError:
    return RequestError(Code.NOT_AWAITING_INPUT, f"The run does not await input: its status is {status}.")
