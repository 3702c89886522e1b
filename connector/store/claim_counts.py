"""Numbers of verified claims."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, Select, func, select, text, union_all

from connector.store.lapsed import is_verified
from connector.store.models import claims


def count_verified(connection: Connection, provider_id: str, uris: Collection[str], most: int) -> int:
    """Return the number of verified claims with some URIs and a provider, up to `most`."""
    if not uris:
        return 0
    each = [select(_of_kind(provider_id, uri, most).subquery()) for uri in sorted(uris)]
    some = union_all(*each).subquery()
    return min(most, connection.execute(select(func.count()).select_from(some)).scalar_one())


def _of_kind(provider_id: str, uri: str, most: int) -> Select[str]:
    """Return the statement for claims with one URI, ordered by their index, because with only a limit the table would
    be read.

    An equality condition would make the order irrelevant.
    """
    of_kind = (
        claims.c.provider_id == provider_id,
        claims.c.uri.between(uri, uri),
        text("claims.is_verified"),
        is_verified(),
    )
    return select(claims.c.uri).where(*of_kind).order_by(claims.c.provider_id, claims.c.uri).limit(most)
