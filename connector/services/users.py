"""Keeping the embedded user directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from connector.directory.local import value_context
from connector.errors import Code, RequestError
from connector.services.claims import value_changed
from connector.store import users
from connector.store.engine import Database
from connector.store.vault import Fingerprints, Vault

PAGE_SIZE = 500


class Users:
    """The users of every tenant; each method takes the tenant it may see."""

    def __init__(
        self, database: Database, vault: Vault, fingerprints: Fingerprints, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._vault = vault
        self._fingerprints = fingerprints
        self._clock = clock

    def add(self, tenant: str, user_id: str, values: Mapping[str, str]) -> None:
        """Add a user with attribute values by claim URI; raises `RequestError` where the id is taken."""
        with self._database.write() as connection:
            if not users.add(connection, tenant, user_id, self._clock()):
                raise RequestError(Code.CLAIM_INVALID, f"There is a user {user_id} already.")
            users.set_values(connection, tenant, user_id, self._sealed(tenant, user_id, values))

    def change(self, tenant: str, user_id: str, values: Mapping[str, str]) -> None:
        """Change some of a user's values; an empty one is removed.

        A claim that was verified for another value is verified no longer, from the same moment on.
        Raises `RequestError` where there is no such user.
        """
        with self._database.write() as connection:
            if not users.lock(connection, tenant, user_id):
                raise _not_found(user_id)
            users.set_values(connection, tenant, user_id, self._sealed(tenant, user_id, values))
            for uri, value in sorted(values.items()):
                fingerprint = self._fingerprints.of(tenant, user_id, uri, value) if value else None
                value_changed(connection, tenant, user_id, uri, fingerprint, self._clock())

    def put(self, tenant: str, user_id: str, values: Mapping[str, str]) -> bool:
        """Add the user, or change the values of the one there is; True where it was added."""
        with self._database.write() as connection:
            is_new = users.add(connection, tenant, user_id, self._clock())
        self.change(tenant, user_id, values)
        return is_new

    def values(self, tenant: str, user_id: str) -> Mapping[str, str]:
        """Give a user's values by claim URI; raises `RequestError` where there is no such user."""
        with self._database.read() as connection:
            if not users.has(connection, tenant, user_id):
                raise _not_found(user_id)
            sealed = users.find_values(connection, tenant, user_id)
        return {uri: self._vault.open(value, value_context(tenant, user_id, uri)) for uri, value in sealed.items()}

    def ids(self, tenant: str) -> Iterator[str]:
        """Give the ids of all users of the tenant, in their order."""
        page: list[str] = []
        while True:
            with self._database.read() as connection:
                page = users.find_page(connection, tenant, limit=PAGE_SIZE, after=page[-1] if page else "")
            yield from page
            if len(page) < PAGE_SIZE:
                return

    def _sealed(self, tenant: str, user_id: str, values: Mapping[str, str]) -> dict[str, str | None]:
        return {
            uri: self._vault.seal(value, value_context(tenant, user_id, uri)) if value else None
            for uri, value in values.items()
        }


def _not_found(user_id: str) -> RequestError:
    return RequestError(Code.USER_NOT_FOUND, f"There is no user {user_id}.")
