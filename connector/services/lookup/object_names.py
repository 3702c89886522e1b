"""The names of endpoints, OpenID clients and streams of signals, which are elsewhere known by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connector.domain.tenancy import Tenant
from connector.services.use_case import use_case
from connector.store import object_names
from connector.store.engine import Database
from connector.store.object_names import NAMED

__all__ = ["NAMED", "ObjectNames"]


@use_case
class ObjectNames:
    """Finds the names of the objects of one tenant."""

    _database: Database

    def of(self, tenant: Tenant, objects: Iterable[tuple[str, str | None]]) -> Mapping[tuple[str, str], str]:
        """Return the names of those of some objects, each a kind and an id, that have one and still exist."""
        ids: dict[str, set[str]] = {}
        for kind, object_id in objects:
            if kind in NAMED and object_id:
                ids.setdefault(kind, set()).add(object_id)
        if not ids:
            return {}
        with self._database.read() as connection:
            return object_names.find(connection, tenant.name, ids)
