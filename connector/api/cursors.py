"""Cursors: the position of the next page of a list, opaque to the caller."""

from __future__ import annotations

import base64
import binascii

import marshmallow as ma
from marshmallow import fields

LONGEST = 64  # characters
LARGEST = 2**63


class Cursor(fields.Field[int]):
    """A number that callers return unchanged, as an opaque text."""

    def _serialize(self, value: int | None, attr: str | None, obj: object, **_: object) -> str | None:
        return None if value is None else base64.urlsafe_b64encode(str(value).encode()).rstrip(b"=").decode()

    def _deserialize(self, value: object, attr: str | None, data: object, **_: object) -> int:
        try:
            text = str(value)[:LONGEST]
            number = int(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
        except (binascii.Error, ValueError) as error:  # ValueError: no ASCII, no number
            raise ma.ValidationError("Must be a `nextCursor` of an earlier answer.") from error
        if not 0 <= number < LARGEST:
            raise ma.ValidationError("Must be a `nextCursor` of an earlier answer.")
        return number
