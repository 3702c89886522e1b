"""The list of a tenant's users: the verification state of each, and when the next attempt is possible."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from connector.domain.frozen import frozen
from connector.domain.people.user_status import REFUSED_STARTS_WINDOW
from connector.domain.providers.provider import LONGEST_WINDOW, Provider
from connector.domain.tenancy import Tenant
from connector.domain.verifications.verification import Verification
from connector.services.cursors import Page
from connector.services.lookup.user_status import next_start_at, verifiable
from connector.services.providers.registry import Providers
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.people import user_search
from connector.store.verifications import refused_starts
from connector.store.verifications.refused_starts import RefusedStarts

MOST = 200  # users of one page
MOST_COUNTED = 1000  # users in the total of a list


@frozen
class ListedUser:
    """A user in the list, with the number of verifiable claims and of verified ones.

    `next_attempt_at` is when the last of the providers allows another start; None if all allow it now.
    """

    user_id: str
    verified: int
    verifiable: int
    latest: Verification | None
    next_attempt_at: datetime | None


@frozen
class _Known:
    verified: Mapping[str, set[str]]
    latest: Mapping[str, Verification]
    started: Mapping[tuple[str, str], Sequence[datetime]]
    refused: Mapping[tuple[str, str], RefusedStarts]


@use_case
class UserList:
    """Lists users; the method takes the tenant and the page of ids."""

    _database: Database
    _providers: Providers
    _clock: Callable[[], datetime]

    def count(self, tenant: Tenant, prefix: str = "") -> int:
        """Return how many users with a prefix there are, up to `MOST_COUNTED`."""
        with self._database.read() as connection:
            return user_search.count(connection, tenant.name, prefix, MOST_COUNTED)

    def describe(self, tenant: Tenant, page: Page[str]) -> Page[ListedUser]:
        """Return the users of a page of ids with their state, with a constant number of statements."""
        registered = [each.limited(tenant.limits.attempts) for each in self._providers.all(tenant)]
        names = {uri for provider in registered for uri in verifiable(provider)}
        known = self._read(tenant, page.rows)
        return Page([self._user(user_id, registered, names, known) for user_id in page.rows], page.next_cursor)

    def _read(self, tenant: Tenant, user_ids: Sequence[str]) -> _Known:
        now = self._clock()
        with self._database.read() as connection:
            return _Known(
                user_search.find_verified(connection, tenant.name, user_ids),
                user_search.find_latest(connection, tenant.name, user_ids),
                user_search.find_started(connection, tenant.name, user_ids, now - timedelta(seconds=LONGEST_WINDOW)),
                refused_starts.find_of_users(connection, tenant.name, user_ids, now - REFUSED_STARTS_WINDOW),
            )

    def _user(self, user_id: str, registered: Sequence[Provider], names: set[str], known: _Known) -> ListedUser:
        now = self._clock()
        limits = [
            next_start_at(provider, known.started.get(key, ()), known.refused.get(key), now)
            for provider in registered
            if (key := (user_id, provider.provider_id))
        ]
        return ListedUser(
            user_id,
            len(known.verified[user_id]),
            len(names | known.verified[user_id]),
            known.latest.get(user_id),
            max(filter(None, limits), default=None),
        )
