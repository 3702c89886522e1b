"""Statements on the numbers of refused posts to a provider's webhook, by cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Integer, String, bindparam, case, cast, select

from connector.domain.events import RefusedPosts
from connector.store.dialect import insert
from connector.store.hidden import IS_REGISTERED
from connector.store.models import providers, refused_posts
from connector.store.times import UtcDateTime

_T = refused_posts.c
_COLUMNS = ("provider_id", "cause", "number", "first_at", "last_at")
# Nothing is written for a provider that does not exist, or no longer exists.
_OF_KNOWN = select(
    providers.c.id,
    cast(bindparam("of_cause"), String),
    cast(bindparam("of_number"), Integer),
    bindparam("of_first", type_=UtcDateTime),
    bindparam("of_last", type_=UtcDateTime),
).where(providers.c.id == bindparam("of_provider"), IS_REGISTERED)
_ADD = insert(
    refused_posts,
    lambda statement: statement.from_select(_COLUMNS, _OF_KNOWN).on_conflict_do_update(
        index_elements=[_T.provider_id, _T.cause],
        set_={
            "number": _T.number + statement.excluded.number,
            "last_at": case((statement.excluded.last_at > _T.last_at, statement.excluded.last_at), else_=_T.last_at),
        },
    ),
)


def add_all(connection: Connection, counts: Sequence[RefusedPosts]) -> None:
    """Add counts to the stored ones, in an order that avoids deadlocks."""
    statement = _ADD(connection)
    for each in sorted(counts, key=lambda one: (one.provider_id, one.cause)):
        row = {"of_provider": each.provider_id, "of_cause": each.cause, "of_number": each.number}
        connection.execute(statement, row | {"of_first": each.first_at, "of_last": each.last_at})


def find(connection: Connection, tenant: str, provider_id: str | None = None) -> list[RefusedPosts]:
    """Return the counts of a tenant's providers, or of one of them, the latest first."""
    of_tenant = [providers.c.tenant == tenant]
    if provider_id is not None:
        of_tenant.append(providers.c.id == provider_id)
    columns: Any = (_T.provider_id, providers.c.name, _T.cause, _T.number, _T.first_at, _T.last_at)
    statement = select(*columns).join(providers, providers.c.id == _T.provider_id).where(*of_tenant)
    return [RefusedPosts(*row) for row in connection.execute(statement.order_by(_T.last_at.desc(), _T.cause))]
