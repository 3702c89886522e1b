"""The deliveries about watchlist monitors, queued only if a monitor may exist, or is required.

a transaction ──► INSERT … SELECT, if a provider has the setting or a monitor is recorded at that moment
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, literal, or_, select

from connector.domain.frozen import frozen
from connector.store.deliveries.audience import WATCHES, is_any
from connector.store.deliveries.queueing import Candidate, ConditionalPayload, Parameter, Source, candidate_of
from connector.store.models import outbox, providers, watchlist_monitors

_M = watchlist_monitors


@frozen
class MonitorPayload(ConditionalPayload):
    """The base of a payload about monitors: of a user, of a provider, or of a user with one provider."""

    tenant: str
    provider_id: str | None
    user_id: str | None

    def candidate(self) -> Candidate:
        """Return the payload with the condition that a monitor is recorded, or a provider has the setting."""
        describe = _DESCRIBE[self.provider_id is not None, self.user_id is not None]
        return candidate_of(self, describe, self.tenant, provider_id=self.provider_id, user_id=self.user_id)


def _of_provider(parameter: Parameter) -> Source:
    provider_id = parameter("provider_id", outbox.c.provider_id)
    return _concerning(provider_id, [_M.c.provider_id == provider_id], providers.c.id == provider_id)


def _of_user(parameter: Parameter) -> Source:
    provider_id = parameter("provider_id", outbox.c.provider_id)
    tenant, user_id = parameter("tenant", _M.c.tenant), parameter("user_id", _M.c.user_id)
    recorded = [_M.c.tenant == tenant, _M.c.user_id == user_id]
    return _concerning(provider_id, recorded, providers.c.tenant == tenant)


def _of_user_with_provider(parameter: Parameter) -> Source:
    provider_id, user_id = parameter("provider_id", outbox.c.provider_id), parameter("user_id", _M.c.user_id)
    recorded = [_M.c.provider_id == provider_id, _M.c.user_id == user_id]
    return _concerning(provider_id, recorded, providers.c.id == provider_id)


def _concerning(
    provider_id: ColumnElement[str], recorded: Sequence[ColumnElement[bool]], configured: ColumnElement[bool]
) -> Source:
    """Return the condition that a monitor is recorded, or that a provider has the setting."""
    has_setting = select(literal(1)).where(configured, WATCHES).exists()
    return Source([or_(is_any(_M.c.user_id, *recorded), has_setting)], {"provider_id": provider_id})


_DESCRIBE = {  # by whether a payload names a provider, and a user
    (True, True): _of_user_with_provider,
    (False, True): _of_user,
    (True, False): _of_provider,
}
