"""The data of a verification for answers to applications, read together with a transaction's other statements."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from connector.domain.claims import Claim
from connector.domain.frozen import frozen
from connector.domain.verifications.verification import Verification
from connector.store import batch
from connector.store.claims import claims
from connector.store.verifications import verifications
from connector.store.verifications.verifications import RemovedError


@frozen
class Snapshot:
    """A verification and the user's claims with its provider, as they were when they were read; empty if removed."""

    verifications: Sequence[Verification]
    claims: Sequence[Claim]

    @property
    def verification(self) -> Verification:
        """The verification; raises `RemovedError` if it was removed meanwhile."""
        if not self.verifications:
            raise RemovedError
        return self.verifications[0]

    def named(self, uris: Collection[str]) -> list[Claim]:
        """Return some claims, which exist from the run's start on; raises `RemovedError` if they were removed."""
        if named := [claim for claim in self.claims if claim.uri in uris]:
            return named
        raise RemovedError


def take(connection: Connection, verification: Verification) -> Snapshot:
    """Read a verification and its claims, on first access."""
    tenant, user_id, provider_id = verification.tenant, verification.user_id, verification.provider_id
    answer = batch.execute(connection, verifications.FIND, {"verification_id": verification.verification_id})
    return Snapshot(answer.each(verifications.read_row), claims.find_all(connection, tenant, user_id, provider_id))
