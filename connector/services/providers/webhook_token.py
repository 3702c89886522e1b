"""A provider's tokens: the environment of the API token, and the webhook token that is registered here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from connector.domain.audit.history import CHANGED, PROVIDER, by_administrator
from connector.domain.providers.health import AFTER_CHANGE
from connector.domain.providers.provider import Provider
from connector.errors import Code, ConfigurationError, RequestError
from connector.services.journal import Journal
from connector.services.providers.secrets import Secrets, provider_differences
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.providers import events, provider_health, providers, webhook_access

KEPT, REPAIRED, CREATED, REMOVED = "kept", "repaired", "created", "removed"  # the result for a webhook at Onfido
_FORGOTTEN = dict.fromkeys(("webhook_token", "previous_webhook_token", "previous_webhook_token_expires_at"))


@use_case
class WebhookTokens:
    """Reads the tokens of a provider, and changes its webhook token by compare-and-set."""

    _database: Database
    _secrets: Secrets
    _journal: Journal
    _clock: Callable[[], datetime]

    def last_event_at(self, provider: Provider) -> datetime | None:
        """Return the time of Onfido's last relevant event."""
        with self._database.read() as connection:
            return events.find_last(connection, provider.provider_id)

    def webhook_token(self, provider: Provider) -> str | None:
        """Return the registered webhook token, without the previous one."""
        with self._database.read() as connection:
            access = webhook_access.find(connection, provider.provider_id, provider.tenant)
        return self._open(provider, "webhook_token", access.tokens.webhook_token if access else None)

    def change_webhook_token(
        self, provider: Provider, known: str | None, token: str | None, webhook: str, actor: str
    ) -> bool:
        """Register a webhook token instead of `known`; False if another was registered meanwhile.

        The replaced one stays valid for a limited time, as in every change of a provider. None removes both at once.
        `webhook` is the result for the webhook at Onfido, for the history.
        """
        with self._database.write() as connection:
            stored = providers.lock(connection, provider.provider_id, provider.tenant)
            current = self._open(provider, "webhook_token", stored["webhook_token"]) if stored else None
            if stored is None or current not in (known, token):
                return False
            columns = {} if current == token else self._columns(provider, token, stored)
            if columns or webhook != KEPT:
                columns["webhook_set_at"] = self._clock()
                providers.change(connection, provider.provider_id, columns, self._clock())
                provider_health.put_due(connection, provider.provider_id, self._clock() + AFTER_CHANGE)
                self._record_change(connection, provider, stored, columns, webhook, actor)
        return True

    def _columns(self, provider: Provider, token: str | None, stored: Mapping[str, Any]) -> dict[str, Any]:
        if token is None:
            return dict(_FORGOTTEN)
        return self._secrets.webhook_columns(provider.provider_id, token, stored)

    def _open(self, provider: Provider, name: str, sealed: str | None) -> str | None:
        try:
            return None if sealed is None else self._secrets.open(provider.provider_id, name, sealed)
        except ConfigurationError as error:
            description = f"The provider {provider.name} cannot be used: {error.description}"
            raise RequestError(Code.CONFIGURATION_INVALID, description) from error

    def _record_change(
        self,
        connection: Connection,
        provider: Provider,
        before: Mapping[str, Any],
        columns: dict[str, Any],
        webhook: str,
        actor: str,
    ) -> None:
        properties = sorted(name for name in columns if not name.endswith("_set_at"))
        detail, changes = {"properties": properties, "webhook": webhook}, provider_differences(before, columns)
        key = provider.tenant, PROVIDER, provider.name, CHANGED
        entry = by_administrator(self._clock(), actor, *key, detail, provider.provider_id, changes)
        self._journal.record(connection, [entry])
