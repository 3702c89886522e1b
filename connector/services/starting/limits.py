"""The limit of attempts: the number of runs that a user may start with a provider within a window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from connector.domain.messages import message
from connector.domain.people.user_status import next_attempt_at
from connector.domain.providers.provider import Provider
from connector.domain.utc import timestamp
from connector.errors import Code, RequestError
from connector.store.verifications import attempt_limits


def check_limit(provider: Provider, started: Sequence[datetime], now: datetime) -> None:
    """Raise if a user has started as many runs as the provider allows within its window."""
    if allowed_at := next_attempt_at(started, provider, now):
        seconds = max(1, math.ceil((allowed_at - now).total_seconds()))
        raise RequestError(
            Code.ATTEMPT_LIMIT,
            message(
                "%(started)s verifications were started within %(attempt_window)s seconds, the most that is "
                "allowed. The next is allowed at %(allowed_at)s.",
                started=len(started),
                attempt_window=provider.attempt_window,
                allowed_at=timestamp(allowed_at),
            ),
            retry_after=seconds,
        )


def require_limit(connection: Connection, provider: Provider, user_id: str, now: datetime) -> None:
    """Require that the provider allows another run: otherwise the transaction fails with `NoRowError`."""
    since, environment = now - timedelta(seconds=provider.attempt_window), provider.environment
    attempt_limits.require_fewer(
        connection, provider.tenant, provider.provider_id, user_id, since, environment, provider.max_attempts
    )


def find_started(connection: Connection, provider: Provider, user_id: str, now: datetime) -> Sequence[datetime]:
    """Return the start times of the user's runs that count against the provider's limit."""
    since, environment = now - timedelta(seconds=provider.attempt_window), provider.environment
    return attempt_limits.find_started(connection, provider.tenant, provider.provider_id, user_id, since, environment)
