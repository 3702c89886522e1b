"""Validation of JSON with marshmallow, with Onfido's messages.

A schema lists what is wrong with each field. The problems of an object inside an object are themselves an object, as in
`{"address": [{"postcode": ["must be given"]}]}`. Values are checked only, and kept as they were sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields
from marshmallow.validate import Length, OneOf, Range, Regexp

from connector.simulator.errors import invalid

Json = dict[str, Any]

REQUIRED = "must be given"
MOST_CHOICES = 10  # that a sentence lists
MAX_ADDRESS = 2048  # characters

_DATE_TIME = r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"  # RFC 3339
_NOT_A_DAY = "must be a date, YYYY-MM-DD"
_NOT_AN_ADDRESS = "must be an http or https URL"


class Input(Schema):
    """The fields of a request; unknown ones are dropped, as Onfido does."""

    class Meta:
        unknown = EXCLUDE


class ClosedInput(Schema):
    """The fields of a request; unknown ones are refused."""

    error_messages = {"unknown": "must be left out: it is unknown"}  # noqa: RUF012  marshmallow's own form

    class Meta:
        unknown = RAISE


def check(body: Mapping[str, Any], schema: Schema) -> Json:
    """Return the known fields of `body`; raise `ApiError` 422 naming each field that breaks its rule."""
    if problems := schema.validate(body):
        raise invalid(problems)
    return {name: value for name, value in body.items() if name in schema.fields}


class Array(fields.List[Any]):
    """An array; the problems of its elements are listed one after the other."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        try:
            return super()._deserialize(value, *args, **kwargs)
        except ValidationError as error:
            raise ValidationError([problem for each in _by_key(error).values() for problem in each]) from None


class Record(fields.Nested):
    """An object; its problems are one object."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise self.make_error("type")
        if problems := self.schema.validate(value):
            raise ValidationError([problems])
        return value


class ByName(fields.Dict):
    """An object with any short keys; its problems are one object."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        try:
            return super()._deserialize(value, *args, **kwargs)  # type: ignore[no-untyped-call]
        except ValidationError as error:
            problems = {name: [*each.get("key", ()), *each.get("value", ())] for name, each in _by_key(error).items()}
            raise ValidationError([problems]) from None


class Instant(fields.AwareDateTime):
    """A date and time with its zone, such as 2030-01-31T12:00:00Z."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not re.fullmatch(_DATE_TIME, value):
            raise self.make_error("invalid")
        return super()._deserialize(value, *args, **kwargs)


def text(minimum: int = 0, maximum: int | None = None, pattern: str = "", **options: Any) -> fields.String:
    """A string of so many characters that matches the whole pattern; with a minimum, a blank one is refused."""
    rules: list[Any] = [_check_unicode]
    if minimum:
        rules.append(Regexp(r"\s*\S", error="must not be blank"))
    if maximum is not None:
        rules.append(Length(max=maximum, error=f"must have at most {maximum} characters"))
    if pattern:
        rules.append(Regexp(rf"(?:{pattern})\Z", error="must have the documented format"))
    return fields.String(validate=rules, error_messages=_saying("must be a string"), **options)


def integer(minimum: int, maximum: int) -> fields.Integer:
    """A whole number within these bounds."""
    reason = f"must be a whole number from {minimum} to {maximum}"
    return fields.Integer(strict=True, validate=Range(minimum, maximum, error=reason), error_messages=_saying(reason))


def number(**options: Any) -> fields.Raw:
    """A number, whole or not."""
    return _raw("must be a number", int, float, **options)


def boolean(**options: Any) -> fields.Raw:
    """True or false."""
    return _raw("must be true or false", bool, **options)


def anything() -> fields.Raw:
    """Any value."""
    return fields.Raw(allow_none=True)


def choice(*values: str, **options: Any) -> fields.Raw:
    """One of these strings."""
    known = ", ".join(values) if len(values) <= MOST_CHOICES else "the documented values"
    reason = f"must be one of {known}"
    return fields.Raw(validate=OneOf(values, error=reason), error_messages=_saying(reason), **options)


def list_of(element: fields.Field[Any], maximum: int | None = None, **options: Any) -> Array:
    """An array of at most so many elements."""
    most = Length(max=maximum, error=f"must have at most {maximum} elements")
    return Array(element, validate=most, error_messages=_saying("must be an array"), **options)


def record(schema: type[Schema], **options: Any) -> Record:
    """An object with the fields of a schema."""
    return Record(schema, error_messages=_saying("must be an object"), **options)


def mapping_of(element: fields.Field[Any], **options: Any) -> ByName:
    """An object with any short keys."""
    return ByName(keys=text(1, 64), values=element, error_messages=_saying("must be an object"), **options)


def json_object(**options: Any) -> fields.Dict:
    """Any object."""
    return fields.Dict(error_messages=_saying("must be an object"), **options)


def identifier(**options: Any) -> fields.UUID:
    """A UUID."""
    return fields.UUID(error_messages=_saying("must be a UUID"), **options)


def day() -> fields.String:
    """A date such as 1990-01-31."""
    return fields.String(validate=_check_day, error_messages=_saying(_NOT_A_DAY))


def moment() -> fields.AwareDateTime:
    """An ISO 8601 date, or date and time."""
    return fields.AwareDateTime(default_timezone=UTC, error_messages=_saying("must be an ISO 8601 date"))


def date_time(**options: Any) -> Instant:
    """A date and time with its zone."""
    return Instant(error_messages=_saying("must be a date and time, YYYY-MM-DDThh:mm:ssZ"), **options)


def future(**options: Any) -> Instant:
    """A date and time that is yet to come."""
    return date_time(validate=_check_future, **options)


def as_moment(value: str) -> datetime:
    """Read an ISO 8601 date or date and time; a date alone is its midnight, and the zone is UTC if none is given."""
    parsed = datetime.fromisoformat(value)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def web_address(check_value: Callable[[str], None] | None = None, **options: Any) -> fields.String:
    """An http or https URL; `check_value` may be stricter than `check_address`."""
    return fields.String(validate=check_value or check_address, error_messages=_saying(_NOT_AN_ADDRESS), **options)


def _saying(reason: str) -> dict[str, Any]:
    """Return marshmallow's messages for a value of another kind, and for none."""
    return {"required": REQUIRED} | dict.fromkeys(("invalid", "invalid_uuid", "null", "type"), reason)


def _by_key(error: ValidationError) -> dict[Any, Any]:
    """Return what is wrong with each element of an array, or with each key and value of an object."""
    return error.messages if isinstance(error.messages, dict) else {}


def _raw(reason: str, *kinds: type, **options: Any) -> fields.Raw:
    """A value of one of these types; true and false are not numbers."""

    def check_kind(value: Any) -> None:
        if type(value) not in kinds:
            raise ValidationError(reason)

    return fields.Raw(validate=check_kind, error_messages=_saying(reason), **options)


def _check_unicode(value: str) -> None:
    """JSON can spell half a surrogate pair, which no page and no UTF-8 body can hold."""
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValidationError("must be a string")


def _check_day(value: str) -> None:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValidationError(_NOT_A_DAY)
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValidationError(_NOT_A_DAY) from None


def _check_future(value: datetime) -> None:
    if value <= datetime.now(UTC):
        raise ValidationError("must be in the future")


def check_address(value: str) -> None:
    """Raise `ValidationError` for all but an http or https URL."""
    _check_unicode(value)
    try:
        url = urlsplit(value)
        host, _port = url.hostname, url.port  # a port that cannot be one raises as well
    except ValueError:
        raise ValidationError(_NOT_AN_ADDRESS) from None
    if url.scheme not in ("http", "https") or not host or len(value) > MAX_ADDRESS:
        raise ValidationError(_NOT_AN_ADDRESS)
