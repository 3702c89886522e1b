"""Cursors in queries and answers: opaque text, which the use cases write and read."""

from __future__ import annotations

from marshmallow import fields

from connector.api.fields import Text

LONGEST = 4096  # characters: a user's id may have 255 characters of four bytes each


def cursor_parameter() -> Text:
    """Return the query parameter for the cursor of a page."""
    description = "`nextCursor` of the previous page."
    return Text(limit=LONGEST, load_default=None, metadata={"description": description})


def next_cursor() -> fields.String:
    """Return the member of an answer with the next page's cursor."""
    description = "Null on the last page."
    return fields.String(required=True, allow_none=True, attribute="next_cursor", metadata={"description": description})
