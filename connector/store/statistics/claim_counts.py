"""Numbers of verified claims."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, Select, func, select, text, true, union_all

from connector.store.lapsed import is_verified
from connector.store.models import claims, providers


def count_verified(connection: Connection, provider_id: str, uris: Collection[str], most: int) -> int:
    """Return the number of verified claims with some URIs and a provider, up to `most`.

    The rows are read only while claims have lapsed, which their index does not show.
    """
    if not uris:
        return 0
    with_lapsed = select(providers.c.has_lapsed_claims).where(providers.c.id == provider_id)
    condition = is_verified() if connection.execute(with_lapsed).scalar() else true()
    each = [select(_of_kind(provider_id, uri, condition, most).subquery()) for uri in sorted(uris)]
    some = union_all(*each).subquery()
    return min(most, connection.execute(select(func.count()).select_from(some)).scalar_one())


def _of_kind(provider_id: str, uri: str, condition: ColumnElement[bool], most: int) -> Select[str]:
    """Return the statement for claims with one URI, ordered by their index, because with only a limit the table would
    be read.

    An equality condition would make the order irrelevant.
    """
    of_kind = (claims.c.provider_id == provider_id, claims.c.uri.between(uri, uri), text("claims.is_verified"))
    return select(claims.c.uri).where(*of_kind, condition).order_by(claims.c.provider_id, claims.c.uri).limit(most)
