"""Cursors: the position of the next page of a list, opaque to the caller.

A cursor is encrypted for one list of one tenant: any other text is refused, including cursors of another tenant's list.
The content of a page is always limited to the caller's tenant.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.errors import InvalidQuery
from connector.services.use_case import use_case
from connector.store.pages import Position
from connector.store.vault import OpaqueTexts

T = TypeVar("T")


@frozen
class Page(Generic[T]):
    """Some rows of a list; `next_cursor` is None on the last page."""

    rows: Sequence[T]
    next_cursor: str | None


@use_case
class Cursors:
    """Writes and reads the cursors of one list; `name` distinguishes it from other lists."""

    _texts: OpaqueTexts
    _name: str

    def page(self, tenant: str, matches: Sequence[T], limit: int, key: Callable[[T], Sequence[str | int]]) -> Page[T]:
        """Return the first `limit` of the matching rows, with a cursor if there are more."""
        rows = matches[:limit]
        is_last = not rows or len(matches) <= limit
        return Page(rows, None if is_last else self.write(tenant, key(rows[-1])))

    def write(self, tenant: str, key: Sequence[str | int]) -> str:
        """Return the cursor of the position after a key."""
        return self._texts.seal(json.dumps(key), self._context(tenant))

    def read(self, tenant: str, cursor: str) -> list[Any]:
        """Return the key of a cursor; raise `InvalidQuery` if it is not a cursor of this list."""
        try:
            key: list[Any] = json.loads(self._texts.open(cursor, self._context(tenant)))
        except ValueError as error:
            raise InvalidQuery("cursor", message("must be the `nextCursor` of an earlier page of this list")) from error
        return key

    def position(self, tenant: str, cursor: str | None) -> Position | None:
        """Return the position in a list by time, None without a cursor; raise as `read` does."""
        if cursor is None:
            return None
        at, row_id = self.read(tenant, cursor)
        return Position(datetime.fromisoformat(at), row_id)

    def _context(self, tenant: str) -> str:
        return f"{self._name}/{tenant}"


def key_of(at: datetime, row_id: str | int) -> tuple[str, str | int]:
    """Return the key of a row in a list by time."""
    return at.isoformat(), row_id
