"""Cursors in queries and answers: opaque text, which the use cases write and read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from marshmallow import fields

from connector.api.fields import Text

if TYPE_CHECKING:
    from connector.services.cursors import Page

LONGEST = 4096  # characters: a user's id may have 255 characters of four bytes each


def cursor_parameter() -> Text:
    """Return the query parameter for the cursor of a page."""
    description = "`nextCursor` of the previous page."
    return Text(limit=LONGEST, load_default=None, metadata={"description": description})


def page_members(name: str, page: Page[Any], view: Callable[[Any], Any] = lambda row: row) -> dict[str, Any]:
    """Return the members that all pages have: the number of rows, the rows by a name, and the next page's cursor."""
    return {"count": len(page.rows), name: [view(each) for each in page.rows], "next_cursor": page.next_cursor}


def next_cursor() -> fields.String:
    """Return the member of an answer with the next page's cursor."""
    description = "Null on the last page."
    return fields.String(required=True, allow_none=True, attribute="next_cursor", metadata={"description": description})
