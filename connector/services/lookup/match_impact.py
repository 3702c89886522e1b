"""What if watchlist matches withdrew what is verified: estimated from the matches and results of the last 90 days."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.domain.claims import VERIFIED
from connector.domain.tenancy import Tenant
from connector.services.providers.registry import Providers
from connector.store import match_history
from connector.store.engine import Database
from connector.store.match_history import Entry

DAYS = 90
MOST_MATCHES = 1000  # the latest that are looked at


@dataclass(frozen=True)
class Impact:
    """The matches since a moment, of how many users, and how many verified claims they would have withdrawn.

    `is_complete` is False if there were more matches than are looked at. Users who were removed are not counted.
    """

    since: datetime
    matches: int
    users: int
    withdrawn: int
    is_complete: bool


class MatchImpact:
    """Estimates for one tenant's providers."""

    def __init__(self, database: Database, providers: Providers, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._providers = providers
        self._clock = clock

    def estimate(self, tenant: Tenant, provider_id: str) -> Impact:
        """Return what `unverifyOnMatch` would have done; raises `RequestError` if there is no such provider."""
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
    """Go through matches and claims in their order; a match withdraws what is verified of its user by then."""
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
