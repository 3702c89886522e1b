"""The tokens that may sign the events of a provider, remembered by each process.

    read ──► a provider's tokens, features and notices, and whether an event is known: one statement
      └──► the tokens stay in memory; a transaction that applies an event compares them with those in the database

Remembered tokens may accept an event only together with this comparison, and never refuse one: another process may have
changed them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime

from connector.domain.frozen import frozen
from connector.domain.tenancy import Tenant
from connector.onfido.webhooks import is_signed
from connector.services.providers.refusals import webhook_not_found
from connector.services.providers.secrets import Secrets
from connector.store.engine import Database
from connector.store.providers import webhook_access
from connector.store.providers.webhook_access import SealedTokens, WebhookAccess

MOST = 1_000  # providers whose tokens are remembered; beyond that, all are read again when they are used


@frozen
class SigningTokens:
    """The tokens that may sign a provider's events, as they are stored, and decrypted by column."""

    sealed: SealedTokens
    opened: Mapping[str, str] = field(repr=False)

    def have_signed(self, body: bytes, signature: str | None, now: datetime) -> bool:
        """Check a body's signature against every token that has not expired."""
        valid = self.sealed.valid(now)  # a clock that was set back may find one valid that was not when it was read
        return is_signed(body, signature, [token for name, token in self.opened.items() if name in valid])


class WebhookAccesses:
    """Reads the data for receiving an event, and remembers tokens; thread-safe."""

    def __init__(self, database: Database, secrets: Secrets, clock: Callable[[], datetime], most: int = MOST) -> None:
        self._database = database
        self._secrets = secrets
        self._clock = clock
        self._most = most
        self._remembered: dict[tuple[str, str], SigningTokens] = {}

    def recall(self, tenant: Tenant, provider_id: str) -> SigningTokens | None:
        """Return the tokens of a provider as they were when they were read last; None if they were not."""
        return self._remembered.get((tenant.name, provider_id))

    def read(self, tenant: Tenant, provider_id: str, digest: str) -> tuple[WebhookAccess, SigningTokens]:
        """Return the data for receiving the event with a digest, and the tokens that may sign it.

        Raises `RequestError` if the tenant has no such provider.
        """
        with self._database.read() as connection:
            access = webhook_access.find(connection, provider_id, tenant.name, digest)
        if access is None:
            self._remembered.pop((tenant.name, provider_id), None)
            raise webhook_not_found(provider_id)
        valid = access.tokens.valid(self._clock())
        opened = {name: self._secrets.open(provider_id, name, token) for name, token in valid.items()}
        tokens = SigningTokens(access.tokens, opened)
        if len(self._remembered) >= self._most:
            self._remembered.clear()
        self._remembered[tenant.name, provider_id] = tokens
        return access, tokens
