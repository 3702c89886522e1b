"""The stored data of a user whose verification starts, read in one round trip with the user's values.

They are read after the verification has been committed, in the same round trip (`ReadAhead`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from connector.directory.local import AskedValues
from connector.domain.providers.provider import Provider
from connector.store.claims import verified_claims
from connector.store.claims.verified_claims import VerifiedClaim
from connector.store.verifications import applicants
from connector.store.verifications.applicants import KnownApplicant


class KnownUser:
    """The user's applicant with a provider, and the claims that are verified; `ask` has to be called first."""

    def __init__(self, provider: Provider, user_id: str) -> None:
        self._provider = provider
        self._user_id = user_id
        self.verified: Sequence[VerifiedClaim] = ()
        self._applicants: Sequence[KnownApplicant | None] = ()

    def ask(self, connection: Connection) -> None:
        """Send the queries; their answers arrive with the next statement whose answer is read."""
        provider = self._provider
        self._applicants = applicants.ask_latest(
            connection, provider.tenant, self._user_id, provider.provider_id, provider.environment
        )
        self.verified = verified_claims.find(connection, provider.tenant, self._user_id)

    @property
    def applicant(self) -> KnownApplicant | None:
        """The user's latest applicant, if the fields that were sent are known."""
        return self._applicants[0] if self._applicants else None


class ReadAhead:
    """The first reading of a user's values, whose queries are sent with the commit of the verification."""

    def __init__(self, known: KnownUser, ask_values: Callable[[Connection], AskedValues | None]) -> None:
        self.known = known
        self._ask_values = ask_values
        self._values: AskedValues | None = None

    def ask(self, connection: Connection) -> None:
        """Send the queries, unless the values are not in the database."""
        self._values = self._ask_values(connection)
        if self._values is not None:
            self.known.ask(connection)

    def take(self) -> AskedValues | None:
        """Return the values of the reading, once; None if it was not sent."""
        values, self._values = self._values, None
        return values
