"""Custom fields of schemas."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api import requirements  # noqa: F401  before any field is created
from connector.domain.ids import normal_id
from connector.domain.numbers import is_digits, whole_number
from connector.domain.text import is_blank, is_label
from connector.domain.utc import timestamp

MANY = 100  # elements of a list
MAX_DIGITS = 12  # digits of a limit; a number that is truncated to these is above every maximum


class Text(fields.String):
    """A string that every database and log can store: bounded, without NUL and lone surrogates."""

    def __init__(self, *, limit: int = 255, **options: Any) -> None:
        self._check_length = validate.Length(max=limit, error="must have at most {max} characters")
        super().__init__(validate=self._check_length, **options)  # the document shows its limit

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options)
        self._check_length(text)  # before its content is checked, which takes time
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise ma.ValidationError("must not contain NUL characters or lone surrogates")
        return text


class Id(Text):
    """An id; a UUID is accepted in upper and lower case."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        return normal_id(super()._deserialize(value, attr, data, **options))


class Name(Text):
    """A name, which must not be blank."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options)
        if is_blank(text):
            raise ma.ValidationError("must not be empty")
        if not is_label(text):
            raise ma.ValidationError("must not contain control characters, line separators or direction marks")
        return text


class Items(fields.List[Any]):
    """A list whose length is checked before its elements, because checking each of them takes time."""

    def __init__(self, item: fields.Field[Any], *, most: int = MANY, **options: Any) -> None:
        super().__init__(item, validate=validate.Length(max=most), **options)
        self._most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        if isinstance(value, list):
            check_length(value, self._most)
        return super()._deserialize(value, attr, data, **options)


class Metadata(fields.Dict):
    """An object from an administrator, whose size is checked before its members."""

    def __init__(self, *, limit: int, **options: Any) -> None:
        super().__init__(keys=Text(), **options)
        self._limit = limit

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        if len(json.dumps(value)) > self._limit:
            raise ma.ValidationError(f"must have at most {self._limit} characters as JSON")
        return super()._deserialize(value, attr, data, **options)  # type: ignore[no-untyped-call]  # marshmallow's


def check_length(items: list[Any], most: int = MANY) -> None:
    """Raise `marshmallow.ValidationError` for a list of too many elements."""
    if len(items) > most:
        raise ma.ValidationError(f"must have at most {most} elements")


class Flag(fields.Boolean):
    """A JSON boolean; other values are refused."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class WholeNumber(fields.Integer):
    """A whole number in a query, in ASCII digits."""

    def _validated(self, value: Any) -> int:
        if isinstance(value, str):
            try:
                value = whole_number(value.strip())
            except ValueError as error:
                raise self.make_error("invalid", input=value) from error
        return super()._validated(value)


class Limit(WholeNumber):
    """The number of elements of a page; a larger number than the maximum means the maximum."""

    def __init__(self, *, maximum: int, **options: Any) -> None:
        super().__init__(validate=validate.Range(min=0), **options)
        self.maximum = maximum

    def _validated(self, value: Any) -> int:
        if isinstance(value, str) and is_digits(value):
            value = value.lstrip("0")[:MAX_DIGITS] or "0"  # Python refuses numbers of thousands of digits
        return min(super()._validated(value), self.maximum)


class Since(fields.AwareDateTime):
    """The beginning of a period, in UTC if it names no zone."""

    def __init__(self) -> None:
        super().__init__(
            format="iso", default_timezone=UTC, required=True, metadata={"example": "2026-01-31T09:30:00Z"}
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> datetime:
        try:
            return super()._deserialize(value, attr, data, **options).astimezone(UTC)
        except OverflowError as error:  # at the ends of the calendar, UTC's year can be 0 or 10000
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from error


class Moment(fields.String):
    """A time in an answer: ISO 8601 in UTC, to the second."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"format": "date-time"}, **options)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **_: Any) -> str | None:
        moment: datetime | None = value
        return timestamp(moment)
