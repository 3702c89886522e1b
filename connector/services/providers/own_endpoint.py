"""The notice endpoint in a provider's configuration: `studio.notices` and the property `notice_secret`.

It is stored like any other endpoint, but only changed with its provider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from connector.domain.ids import new_id
from connector.domain.notices import OWN_EVENTS, Endpoint, EndpointConfig
from connector.domain.studio.studio import Notices
from connector.services.endpoint_secrets import EndpointSecrets
from connector.services.use_case import use_case
from connector.store.deliveries import endpoints


@use_case
class OwnEndpoints:
    """Keeps the endpoints of providers in accordance with their configurations."""

    _secrets: EndpointSecrets
    _clock: Callable[[], datetime]

    def follow(
        self, connection: Connection, tenant: str, provider_id: str, configured: Notices, secret: str | None
    ) -> None:
        """Add, change or remove a provider's endpoint, in the transaction that changes the provider.

        One that was disabled because its application was gone is enabled again.
        """
        known = endpoints.find_own(connection, provider_id)
        if configured.url is None or secret is None:
            if known is not None:
                endpoints.remove(connection, known.endpoint_id)  # its queued deliveries will not find it
            return
        config = EndpointConfig(configured.url, OWN_EVENTS, provider_id, configured.tasks)
        if known is None:
            self._add(connection, tenant, config, secret)
        else:
            endpoints.change(connection, known.endpoint_id, self._changed(connection, known, config, secret))

    def _add(self, connection: Connection, tenant: str, config: EndpointConfig, secret: str) -> None:
        endpoint_id = new_id()
        sealed = self._secrets.seal(endpoint_id, secret)
        endpoints.add(connection, endpoint_id, tenant, config, sealed, self._clock(), is_of_provider=True)

    def _changed(
        self, connection: Connection, known: Endpoint, config: EndpointConfig, secret: str
    ) -> Mapping[str, Any]:
        values: dict[str, Any] = {
            "url": config.url,
            "tasks": list(config.tasks),
            "disabled_because": None,
            "failures": 0,
        }
        sealed = endpoints.find_secrets(connection, known.endpoint_id)
        if self._secrets.current(known.endpoint_id, sealed) == secret:
            return values
        return values | dict(self._secrets.replaced(known.endpoint_id, sealed, secret))
