"""An estimate of the claims that watchlist matches would have withdrawn, from the matches and results of the last 90
days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from connector.domain.claims import VERIFIED
from connector.domain.frozen import frozen
from connector.domain.tenancy import Tenant
from connector.services.providers.registry import Providers
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.verifications import match_history
from connector.store.verifications.match_history import Entry

DAYS = 90
MOST_MATCHES = 1000  # the number of the latest matches that are considered


@frozen
class Impact:
    """The number of matches since a time, of their users, and of verified claims that they would have withdrawn.

    `is_complete` is False if there were more matches than are considered. Removed users are not counted.
    """

    since: datetime
    matches: int
    users: int
    withdrawn: int
    is_complete: bool


@use_case
class MatchImpact:
    """Estimates the impact for one tenant's providers."""

    _database: Database
    _providers: Providers
    _clock: Callable[[], datetime]

    def estimate(self, tenant: Tenant, provider_id: str) -> Impact:
        """Return the claims that matches would have withdrawn; raises `RequestError` if there is no such provider."""
        provider = self._providers.get(tenant, provider_id)
        since = self._clock() - timedelta(days=DAYS)
        with self._database.read() as connection:
            latest = match_history.find_matches(connection, provider.provider_id, since, MOST_MATCHES + 1)
            matches = latest[-MOST_MATCHES:] if len(latest) > MOST_MATCHES else latest
            entries = match_history.find_claims(
                connection, tenant.name, provider.provider_id, {e.user for e in matches}
            )
        known = {entry.user for entry in entries}
        return Impact(
            since=since,
            matches=len(matches),
            users=len({match.user for match in matches}),
            withdrawn=_withdrawn([each for each in matches if each.user in known], entries),
            is_complete=len(latest) <= MOST_MATCHES,
        )


def _withdrawn(matches: Iterable[Entry], entries: Iterable[Entry]) -> int:
    """Process matches and claims in chronological order; a match withdraws its user's verified claims."""
    verified: dict[str, set[str]] = {}
    withdrawn = 0
    for each in sorted((*matches, *entries), key=lambda entry: entry.number):
        claims = verified.setdefault(each.user, set())
        if each.claim is None:
            withdrawn += len(claims)
            claims.clear()
        elif each.current == VERIFIED:
            claims.add(each.claim)
        else:
            claims.discard(each.claim)
    return withdrawn
