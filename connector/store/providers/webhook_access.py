"""The statement that reads what a webhook needs of its provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from connector.domain.frozen import frozen
from connector.domain.studio.studio import Studio
from connector.store import batch
from connector.store.models import events, providers
from connector.store.providers.providers import NOTIFIED, WEBHOOK_TOKENS, read_studio

# In the order of the unique index: with EXISTS, PostgreSQL would read all of the provider's events by another one until
# it has statistics.
_FIRST_DIGEST = (
    select(events.c.digest)
    .where(events.c.provider_id == providers.c.id, events.c.digest >= bindparam("of_digest"))
    .order_by(events.c.digest)
    .limit(1)
    .correlate(providers)
    .scalar_subquery()
    .label("first_digest")
)
_FIND = select(
    *WEBHOOK_TOKENS,
    providers.c.studio,
    _FIRST_DIGEST,
    *NOTIFIED,
).where(providers.c.id == bindparam("provider_id"), providers.c.tenant == bindparam("of_tenant"))


@frozen
class SealedTokens:
    """The tokens that may sign a provider's events, encrypted, as they are stored."""

    webhook_token: str | None = field(repr=False)
    previous_webhook_token: str | None = field(repr=False)
    previous_webhook_token_expires_at: datetime | None

    def valid(self, now: datetime) -> Mapping[str, str]:
        """Return the tokens that have not expired, by column."""
        tokens = {} if self.webhook_token is None else {"webhook_token": self.webhook_token}
        expires_at = self.previous_webhook_token_expires_at
        if self.previous_webhook_token is not None and expires_at is not None and expires_at > now:
            tokens["previous_webhook_token"] = self.previous_webhook_token
        return tokens


@frozen
class WebhookAccess:
    """The data for receiving an event: the tokens that may sign it, and the features that use it.

    `is_known`: the same event was received before.
    """

    tokens: SealedTokens
    studio: Studio
    is_known: bool
    notifies_of_tasks: bool
    notifies_of_matches: bool


def find(connection: Connection, provider_id: str, tenant: str, digest: str = "") -> WebhookAccess | None:
    """Return the data for receiving the event with a digest; None if there is no such provider."""
    key = {"provider_id": provider_id, "of_tenant": tenant, "of_digest": digest}
    row = batch.execute(connection, _FIND, key).one_or_none()
    if row is None:
        return None
    return WebhookAccess(
        read_tokens(row),
        read_studio(row.studio),
        row.first_digest == digest,
        row.notifies_of_tasks,
        row.notifies_of_matches,
    )


def read_tokens(row: Any) -> SealedTokens:
    """Read the columns of `providers.WEBHOOK_TOKENS`."""
    return SealedTokens(row.webhook_token, row.previous_webhook_token, row.previous_webhook_token_expires_at)
