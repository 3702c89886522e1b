"""Reviews that can no longer be decided, because the user's next verification has a run.

    the next verification starts       its review still counts as open, but deciding is refused
    it fails, or is closed without a run ──► the review can be decided again
    it gets a run                        ──► marked, for good: no run is ever removed without its user or provider

So lists and counts of open reviews are read from one index, however many reviews were never decided.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, select, update

from connector.domain.studio.workflow_run import REVIEW
from connector.domain.verifications.verification import Verification
from connector.store import batch
from connector.store.models import verifications
from connector.store.pages import unindexed
from connector.store.times import UtcDateTime
from connector.store.verifications.fences import Fence
from connector.store.verifications.verifications import SHARED_PROVIDER

_NEEDS_REVIEW = and_(
    verifications.c.status == REVIEW, verifications.c.decision.is_(None), verifications.c.replaced_at.is_(None)
)
# All rows are locked at once, in the order of their ids, before the run is recorded in one of them.
_REPLACEABLE = (
    select(verifications.c.id)
    .where(
        verifications.c.tenant == bindparam("of_tenant"),
        verifications.c.user_id == bindparam("of_user"),
        unindexed(verifications.c.provider_id) == SHARED_PROVIDER.c.id,
        (verifications.c.id == bindparam("of")) | _NEEDS_REVIEW,
    )
    .order_by(verifications.c.id)
    .with_for_update(of=verifications)
    .cte("replaceable")
)
_REPLACE = (
    update(verifications)
    .where(verifications.c.id.in_(select(_REPLACEABLE.c.id).where(_REPLACEABLE.c.id != bindparam("of"))))
    .values(replaced_at=bindparam("now", type_=UtcDateTime))
)


def replace(connection: Connection, verification: Verification, fence: Fence, now: datetime) -> None:
    """Mark the user's reviews with the provider that can no longer be decided, because this verification has a run.

    Shares the provider and locks this verification with them, so it comes before the run is recorded.
    """
    replaced = {
        "of": verification.verification_id,
        "of_tenant": verification.tenant,
        "of_user": verification.user_id,
        "of_provider": verification.provider_id,
        "with_lapsed": fence.with_lapsed,
        "now": now,
    }
    batch.execute(connection, _REPLACE, replaced)
