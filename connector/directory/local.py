"""The embedded user directory, for use without another directory; values are encrypted at rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from sqlalchemy import Connection

from connector.domain.tenancy import Tenant
from connector.store.batch import Answer, Ask, nothing
from connector.store.engine import Database
from connector.store.people import users
from connector.store.sealed import user_value
from connector.store.vault import Vault

AskedValues = Callable[[], Mapping[str, str] | None]


class LocalDirectory:
    """Users and values in the connector's own database; `connector.services.users` writes them."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def has_user(self, tenant: Tenant, user_id: str) -> bool:
        """Whether there is such a user."""
        with self._database.read() as connection:
            return users.has(connection, tenant.name, user_id)

    def values(self, tenant: Tenant, user_id: str, ask: Ask = nothing) -> Mapping[str, str] | None:
        """Return the user's values, after waiting for changes in flight. `ask` may send further queries with them."""
        with self._database.read() as connection:
            values = self.ask(connection, tenant, user_id)
            ask(connection)
        return values()

    def ask(self, connection: Connection, tenant: Tenant, user_id: str) -> AskedValues:
        """Send the queries of `values`; the result returns the values once the answers have arrived."""
        user, sealed = users.share_values(connection, tenant.name, user_id)
        return partial(self._open, tenant, user_id, user, sealed)

    def share(self, connection: Connection, tenant: Tenant, user_id: str) -> Mapping[str, str] | None:
        """Return the user's values, which cannot change until the caller's transaction ends."""
        return self.ask(connection, tenant, user_id)()

    def _open(self, tenant: Tenant, user_id: str, user: Answer, sealed: Answer) -> Mapping[str, str] | None:
        if not user.rows:
            return None
        return {uri: self._vault.open(value, user_value(tenant.name, user_id, uri)) for uri, value in sealed.rows}
