"""The lock on a run, with all data for applying its status, in one round trip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, select

from connector.domain.claims import ClaimState
from connector.domain.frozen import frozen
from connector.domain.verifications.verification import Verification, VerificationClaim
from connector.store import batch
from connector.store.batch import Answer
from connector.store.claims import claims
from connector.store.models import verifications as table
from connector.store.pages import unindexed
from connector.store.providers import providers
from connector.store.providers.providers import SharedProvider
from connector.store.verifications import verification_claims, verifications

_IS_THIS_RUN = (
    unindexed(table.c.provider_id) == bindparam("of_provider"),
    table.c.run_id == bindparam("of_run"),
    verifications.IS_OPEN,
)
_FIND_CLAIMS = verification_claims.SELECT.join(table).where(*_IS_THIS_RUN)
_LOCK_STATES = claims.lock_states_of(select(table.c.user_id).where(*_IS_THIS_RUN).scalar_subquery())


@frozen
class LockedRun:
    """A run's verification, None if none is known; its claims, and the state of the user's claims.

    The provider's data cannot change before the transaction's end. Claims are only read if they are needed, and the
    verification is open. `has_audience`: whether anything may be notified of changes (`deliveries/audience.py`).
    """

    provider: SharedProvider
    verification: Verification | None
    claims: Sequence[VerificationClaim]
    states: Mapping[str, ClaimState]
    has_audience: bool


def lock(
    connection: Connection, provider_id: str, run_id: str, *, with_claims: bool, shared: Answer | None = None
) -> LockedRun:
    """Lock a run, in lock order: share-lock its provider, lock its verification and the user's claims with the
    provider.

    `shared` is the answer to the share lock, if the transaction has it already.
    """
    key = {"of_provider": provider_id, "of_run": run_id}
    shared = shared or providers.share(connection, provider_id)
    locked = batch.execute(connection, verifications.LOCK_RUN_OF_SHARED, key)
    if not with_claims:
        return _read(shared, locked, (), {})
    sent = batch.execute(connection, _FIND_CLAIMS, key)
    states = batch.execute(connection, _LOCK_STATES, key)
    return _read(shared, locked, verification_claims.read(sent.rows), claims.read_states(states.rows))


def _read(
    shared: Answer, locked: Answer, claims: Sequence[VerificationClaim], states: Mapping[str, ClaimState]
) -> LockedRun:
    """Return the locked run; without a verification if the provider was removed, and is therefore not locked."""
    provider, row = providers.read_shared(shared), locked.one_or_none()
    if row is None or not shared.rows:
        return LockedRun(provider, None, claims, states, has_audience=False)
    *columns, has_audience = row
    return LockedRun(provider, Verification(*columns), claims, states, has_audience=has_audience or provider.watches)
