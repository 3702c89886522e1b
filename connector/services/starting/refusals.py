"""The record of a refused start: its code, claims, time and caller; never a value.

It answers the help desk's question why a user is not verified if there is no run. The number of records is limited
(`services/refusals/refusal_limit.py`), and the sweep removes them after their retention.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from connector.domain.audit.history import REFUSED, START, Change
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.people.user_status import REFUSED_STARTS_WINDOW
from connector.domain.providers.provider import Provider
from connector.domain.tenancy import Tenant
from connector.domain.utc import timestamp
from connector.errors import Code, OnfidoError, RequestError
from connector.services.refusals.refusal_record import RefusalRecord
from connector.services.use_case import use_case
from connector.store.verifications import refused_starts
from connector.store.verifications.refused_starts import RefusedStarts

WINDOW = REFUSED_STARTS_WINDOW
MAX_CLAIMS = 20  # that one record names
MAX_PROVIDER_ID = 36  # characters; no user has a longer one
# Refusals in normal use, which the open run or the claims already explain.
ORDINARY = frozenset({Code.VERIFICATION_OPEN, Code.BEING_STARTED, Code.NOTHING_TO_VERIFY, Code.CLAIMS_EMPTY})


@frozen
class StartRequest:
    """A request: the caller, the user and the claims."""

    tenant: Tenant
    user_id: str
    provider_id: str
    claims: Sequence[str]
    actor: str


@use_case
class Refusals:
    """Records refused starts, and limits those that Onfido refuses.

    These are counted separately from the limit of attempts: a wrong API token must not use up a user's attempts, and
    repeated refusals must not use up the account's calls. Starts that the connector refuses itself, before anything is
    sent, do not count.
    """

    _refusals: RefusalRecord
    _clock: Callable[[], datetime]

    def ask(self, connection: Connection, provider_id: str, user_id: str) -> Sequence[RefusedStarts]:
        """Query the number of Onfido's refusals, for `check`."""
        return refused_starts.ask(connection, provider_id, user_id, self._clock() - WINDOW)

    def check(self, provider: Provider, counted: Sequence[RefusedStarts]) -> None:
        """Raise `RequestError` if Onfido refused as many starts as the provider allows attempts."""
        if not counted or counted[0].number < provider.max_attempts:
            return
        refused, now = counted[0], self._clock()
        allowed_at = refused.since + WINDOW
        raise RequestError(
            Code.ATTEMPT_LIMIT,
            message(
                "Onfido refused %(number)s starts for this user in a row. Correct what it refused: the next is "
                "allowed at %(allowed_at)s, or after a change of the provider.",
                number=refused.number,
                allowed_at=timestamp(allowed_at),
            ),
            retry_after=max(1, math.ceil((allowed_at - now).total_seconds())),
        )

    @contextmanager
    def traced(self, request: StartRequest) -> Iterator[None]:
        """Record the refusal that ends the block, if any, and count it if it is Onfido's."""
        try:
            yield
        except (RequestError, OnfidoError) as error:
            if error.code not in ORDINARY:
                self._record(request, error)
            raise

    def _record(self, request: StartRequest, error: RequestError | OnfidoError) -> None:
        claims = error.claims if isinstance(error, RequestError) and error.claims else request.claims
        entry = Change(
            at=self._clock(),
            tenant=request.tenant.name,
            subject=START,
            current=error.code,
            cause=REFUSED,
            provider_id=request.provider_id if len(request.provider_id) <= MAX_PROVIDER_ID else None,
            user_id=request.user_id,
            actor=request.actor,
            detail={"claims": list(claims[:MAX_CLAIMS])},
        )
        is_counted = isinstance(error, OnfidoError) and error.is_refusal and not error.is_retryable
        self._refusals.add(entry, partial(_count, request, entry.at) if is_counted else None)


def _count(request: StartRequest, at: datetime, connection: Connection) -> None:
    refused_starts.add(connection, request.provider_id, request.user_id, at - WINDOW, at)


def open_already(run_id: str) -> RequestError:
    """Create the error for a request that comes while the user has an open run."""
    return RequestError(
        Code.VERIFICATION_OPEN,
        message(
            "A verification is open: run %(run_id)s. Ask with status REINITIATED for its SDK token, or with "
            "COMPLETED for its result.",
            run_id=run_id,
        ),
    )
