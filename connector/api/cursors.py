"""Cursors in queries and answers: opaque text, which the use cases write and read."""

from __future__ import annotations

from marshmallow import fields

from connector.api.fields import Text

LONGEST = 4096  # characters: a user's id may have 255, of four bytes each


def cursor_parameter() -> Text:
    """Return the parameter of a query that asks for the page of a cursor."""
    description = "`nextCursor` of the page before."
    return Text(limit=LONGEST, load_default=None, metadata={"description": description})


def next_cursor() -> fields.String:
    """Return the member of an answer that has the next page's cursor."""
    description = "Null on the last page."
    return fields.String(required=True, allow_none=True, attribute="next_cursor", metadata={"description": description})
