"""Leases on verifications: they last as long as a request may take, and are released if a request fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.exc import IntegrityError

from connector.domain.ids import new_id
from connector.errors import Code, ConnectorError, RequestError
from connector.services.afterwards import Afterwards
from connector.services.timing import Timing
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.required import NoRowError
from connector.store.verifications import verifications
from connector.store.verifications.fences import Lease
from connector.store.verifications.verifications import RemovedError

START_TIME = 2  # seconds; by then, the request that is starting a verification usually has its answer
MARGIN = timedelta(seconds=15)  # beyond the budget of the Onfido calls that a lease covers


class LeaseLostError(RequestError):
    """Another request holds the lease now, or has closed the verification."""

    def __init__(self) -> None:
        super().__init__(
            Code.BEING_STARTED,
            "A verification is being started by another request: wait for its answer, or try again later.",
            retry_after=START_TIME,
        )


NOT_OURS = (LeaseLostError, RemovedError)  # the lease belongs to another request, or the verification was removed


@use_case
class Leases:
    """Creates leases, and releases those whose holders fail."""

    _database: Database
    _afterwards: Afterwards
    _timing: Timing
    _clock: Callable[[], datetime]

    def new(self) -> Lease:
        """Return a lease that starts now."""
        length = timedelta(seconds=self._timing.interactive_budget) + MARGIN
        return Lease(new_id(), self._clock() + length)

    @contextmanager
    def held(self, verification_id: str, lease: Lease) -> Iterator[None]:
        """Release a lease if its holder fails without an answer, as soon as the database is available.

        The lease may never have been acquired: a failed commit may or may not have been applied.
        """
        try:
            yield
        except (ConnectorError, IntegrityError, NoRowError):  # the database answers: the holder releases the lease
            raise
        except Exception:
            release_after_failure = partial(self._release_after_failure, verification_id, lease)
            self._afterwards.leave("release the lease", release_after_failure, verification_id=verification_id)
            raise

    def _release_after_failure(self, verification_id: str, lease: Lease) -> None:
        with self._database.write() as connection:
            verifications.advance(connection, verification_id, lease.owner, verifications.RELEASED)
