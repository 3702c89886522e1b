"""The retention of guests: persons whom clients of the OpenID provider had verified with values of their own.

the sweep ──► guests whose verification began `retention` ago ──► each removed as a user is, here and at Onfido

No request concerns a guest once its authorization request is answered, so nothing else would ever remove one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import takewhile

from connector.domain.tenancy import Tenants
from connector.services.batches import BATCH
from connector.services.not_found import unless_unknown
from connector.services.people.users import Users
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.openid import guests

RETENTION = "retention"  # the actor
SECONDS = 10.0  # of one sweep, which has other work; the next one continues


@use_case
class Guests:
    """Removes old guests of all tenants; one call works for at most `seconds`."""

    _database: Database
    _tenants: Tenants
    _people: Users
    _retention: timedelta
    _clock: Callable[[], datetime]
    _seconds: float = SECONDS

    def remove_old(self) -> None:
        """Remove guests whose retention has ended; part of the sweep."""
        end, is_left = time.monotonic() + self._seconds, True
        while is_left and time.monotonic() < end:
            with self._database.read() as connection:
                old = guests.find_old(connection, self._clock() - self._retention, BATCH)
            for tenant, user_id in takewhile(lambda _: time.monotonic() < end, old):
                self._remove(tenant, user_id)
            is_left = len(old) == BATCH

    def _remove(self, tenant: str, user_id: str) -> None:
        with unless_unknown():
            self._people.remove(self._tenants.named(tenant), user_id, RETENTION)
