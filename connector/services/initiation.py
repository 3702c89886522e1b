"""Starting a verification, step by step, so that a crash between any two steps loses and doubles nothing.

    take the attempt ─► values ─► applicant ─► announce the run ─► run ─► hand over run id and SDK token

Each step is recorded before the next begins; who works on the attempt holds a lease on it (`attempts.py`), and who
finds a lease that ran out goes on from there. The one step that costs money is announced before it is taken
(`run_requested_at`), and the run carries the attempt's id as a tag: whoever resumes looks for that run at Onfido
before starting another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from connector.directory import Directory
from connector.domain.claims import REQUIRED_FIELDS, fields_to_send
from connector.domain.history import RUN
from connector.domain.provider import Provider
from connector.domain.runs import PROCESSING, RunSnapshot, next_check
from connector.domain.verification import Verification
from connector.errors import Code, ConnectorError, ProviderError, RequestError
from connector.onfido.payloads import applicant_fields
from connector.services.attempts import GONE, INITIATED, ROUNDS, Attempt, Attempts, Timing, being_started, open_already
from connector.services.events import Events
from connector.services.results import Results, change, claim_row
from connector.store import claims, history, verifications
from connector.store.engine import Database
from connector.store.vault import Fingerprints


@dataclass(frozen=True)
class Started:
    """What an application needs to let the user go through capture; no token where the run has ended already."""

    verification: Verification
    sdk_token: str | None = field(repr=False)


class Initiation:
    """Starts verifications; of any number of requests at once for one user and provider, one gets the run."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        fingerprints: Fingerprints,
        attempts: Attempts,
        results: Results,
        events: Events,
        timing: Timing,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._directory = directory
        self._fingerprints = fingerprints
        self._attempts = attempts
        self._results = results
        self._events = events
        self._timing = timing
        self._clock = clock

    def start(self, provider: Provider, user_id: str, fields: Mapping[str, str], deadline: float) -> Started:
        """Start a verification of the claims in `fields` (URI -> applicant field), or go on with one that broke off.

        Raises `RequestError` where the request cannot be met, `ProviderError` where Onfido refuses, fails or is away.
        """
        attempt = self._attempts.take(provider, user_id, fields, deadline)
        try:
            return self._carry_out(attempt)
        except ConnectorError as error:
            self._attempts.give_back(attempt, error)
            raise

    def settle(self, provider: Provider, found: Verification, deadline: float) -> None:
        """Resume or close an attempt that broke off before its run was known; the sweep's part.

        Raises `ProviderError` where Onfido does not say yet.
        """
        attempt = self._attempts.take_over(provider, found, deadline)
        if attempt is None:
            return
        try:
            requested_at = attempt.verification.run_requested_at
            if requested_at is not None and self._adopt_if_started(attempt, requested_at):
                return
        except ConnectorError as error:
            self._attempts.give_back(attempt, error)
            raise
        broke_off = RequestError(Code.NO_VERIFICATION, "The attempt broke off before its run was started.")
        self._attempts.give_back(attempt, broke_off)

    def _adopt_if_started(self, attempt: Attempt, run_requested_at: datetime) -> bool:
        if run := attempt.onfido.find_run(tag=attempt.tag, deadline=attempt.deadline):
            self._adopt(attempt, run)
            return True
        self._check_settled(run_requested_at)
        self._attempts.advance(attempt, run_requested_at=None)
        return False

    def _carry_out(self, attempt: Attempt) -> Started:
        verification = attempt.verification
        if verification.run_id is not None:
            return self._hand_over_known(
                attempt, attempt.onfido.get_run(verification.run_id, deadline=attempt.deadline)
            )
        if verification.run_requested_at is not None:
            if run := attempt.onfido.find_run(tag=attempt.tag, deadline=attempt.deadline):
                return self._hand_over_known(attempt, run)
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

    def _bind_values(self, attempt: Attempt) -> dict[str, str]:
        """Read the values to send, by applicant field, and record which ones the verification will hold for."""
        if attempt.is_resumed:
            self._replace_claims(attempt)
        for _ in range(ROUNDS):
            to_send, fingerprints = self._read_values(attempt)
            if self._record_values(attempt, fingerprints):
                return to_send
        raise RequestError(Code.NOTHING_TO_START, "The user's values keep changing: ask again in a moment.")

    def _read_values(self, attempt: Attempt) -> tuple[dict[str, str], dict[str, str]]:
        """Give the values to send by applicant field, and the requested claims' fingerprints by URI."""
        tenant, user_id = attempt.provider.tenant, attempt.verification.user_id
        values = self._directory.values(tenant, user_id)
        if values is None:
            raise RequestError(Code.USER_NOT_FOUND, f"There is no user {user_id}.")
        to_send = _select(attempt, values)
        return to_send, {uri: self._fingerprints.of(tenant, user_id, uri, values[uri]) for uri in attempt.fields}

    def _replace_claims(self, attempt: Attempt) -> None:
        """Let the attempt be about the claims of this request, in place of those of the one that broke off.

        Not before it is clear that this request can be met; but before the values to send are read: a change from
        then on finds the new rows.
        """
        _, fingerprints = self._read_values(attempt)
        with self._database.write() as connection:
            self._lock(connection, attempt)
            _check_needed(connection, attempt, fingerprints)
            verifications.replace_claims(connection, attempt.verification.verification_id, attempt.fields)

    def _record_values(self, attempt: Attempt, fingerprints: Mapping[str, str]) -> bool:
        """Record what is sent; False where a value has changed since it was read."""
        verification = attempt.verification
        with self._database.write() as connection:
            self._lock(connection, attempt)
            if not verifications.bind_values(connection, verification.verification_id, fingerprints):
                return False
            tenant, user_id = verification.tenant, verification.user_id
            claims.unverify_changed(connection, tenant, user_id, fingerprints, self._clock())
            _check_needed(connection, attempt, fingerprints)
            return True

    def _lock(self, connection: Connection, attempt: Attempt) -> None:
        verification_id, owner = attempt.verification.verification_id, attempt.lease.owner
        if not verifications.advance(connection, verification_id, owner, {"updated_at": self._clock()}):
            raise being_started()

    def _put_applicant(self, attempt: Attempt, values: Mapping[str, str]) -> str:
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
        self._attempts.advance(attempt, applicant_id=applicant_id, run_requested_at=self._clock())
        return applicant_id

    def _start_run(self, attempt: Attempt, applicant_id: str) -> RunSnapshot:
        try:
            return attempt.onfido.create_run(
                workflow_id=attempt.provider.workflow_id,
                applicant_id=applicant_id,
                tags=[attempt.tag],
                deadline=attempt.deadline,
            )
        except ProviderError as error:
            has_no_run = error.is_refusal or not error.is_sent
            # Otherwise Onfido may be making it still: it has its time to settle from now on.
            self._attempts.advance(attempt, run_requested_at=None if has_no_run else self._clock())
            raise

    def _hand_over_known(self, attempt: Attempt, run: RunSnapshot) -> Started:
        """Hand over a run that an earlier request started, unless it is about other claims than this one's."""
        with self._database.read() as connection:
            about = verifications.find_claims(connection, attempt.verification.verification_id)
        if not set(attempt.fields) <= {claim.uri for claim in about}:
            self._adopt(attempt, run)
            raise open_already(run.run_id)
        return self._hand_over(attempt, run)

    def _hand_over(self, attempt: Attempt, run: RunSnapshot) -> Started:
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

    def _adopt(self, attempt: Attempt, run: RunSnapshot) -> None:
        """Record the run, and apply what is known of it already."""
        self._record_run(attempt, run)
        self._events.match(attempt.provider.provider_id, run.run_id)
        if run.is_final:
            self._results.refresh(attempt.provider, run.run_id, attempt.deadline, INITIATED)

    def _record_run(self, attempt: Attempt, run: RunSnapshot) -> None:
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
                raise being_started()
            if verification.run_id is None:
                status = str(values["status"])
                started = change(verification, now, INITIATED, None, RUN, run.run_id, verification.status, status)
                history.append(connection, [started])
            about = verifications.find_claims(connection, verification.verification_id)
            claims.open_attempt(connection, [claim_row(verification, claim, now) for claim in about])


_NO_LEASE: dict[str, object] = {"lease_owner": None, "lease_until": None}


def _check_needed(connection: Connection, attempt: Attempt, fingerprints: Mapping[str, str]) -> None:
    """Raise where every requested claim is verified for the value that the user has."""
    verification = attempt.verification
    tenant, user_id, provider_id = verification.tenant, verification.user_id, verification.provider_id
    known = claims.find_all(connection, tenant, user_id, provider_id, [*fingerprints])
    held = {claim.uri for claim in known if claim.is_verified and claim.fingerprint == fingerprints[claim.uri]}
    if held == set(fingerprints):
        raise RequestError(
            Code.NOTHING_TO_START, "Every requested claim is verified already, and no value has changed since."
        )


def _select(attempt: Attempt, values: Mapping[str, str]) -> dict[str, str]:
    """Give the values that Onfido needs for the requested claims, by applicant field; raises where one is missing."""
    mapped = attempt.provider.claims
    fields = fields_to_send(frozenset(attempt.fields.values()), frozenset(mapped.values()))
    wanted = {uri: name for uri, name in mapped.items() if name in fields}
    required = {uri for uri, name in wanted.items() if uri in attempt.fields or name in REQUIRED_FIELDS}
    if missing := sorted(uri for uri in required if not values.get(uri)):
        raise RequestError(Code.VALUE_MISSING, f"The user has no value for {', '.join(missing)}.")
    return {name: values[uri] for uri, name in wanted.items() if values.get(uri)}
