"""How many claims there are of which kind."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, func, select, text

from connector.store.models import claims


def count_verified(connection: Connection, provider_id: str, uris: Collection[str], most: int) -> int:
    """Return how many claims of some kinds are verified with a provider, up to `most`."""
    of_kinds = (claims.c.provider_id == provider_id, claims.c.uri.in_(uris), text("claims.is_verified"))
    some = select(claims.c.uri).where(*of_kinds).limit(most).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one() if uris else 0
