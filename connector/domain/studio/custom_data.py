"""A workflow's custom input data: typed properties, from constants, from the user's claims or from the request.

The types are those of Studio's Workflow Builder (product guide, "Custom input data").
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connector.domain.claims import MAX_CLAIM
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.stored import StoredEnum
from connector.domain.text import is_blank
from connector.errors import Code, InvalidField, RequestError

MAX_TEXT = 2048
MAX_LIST = 100
_NAME = re.compile(r"[^\W\d]\w{0,127}", re.ASCII)
_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
# RFC 3339
_DATE_TIME = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})")
_UNSENDABLE = re.compile("[\0\ud800-\udfff]")


class InputType(StoredEnum):
    """The type of a value that Studio expects."""

    STRING = "string"
    BOOLEAN = "boolean"
    LIST = "list"  # of strings
    NUMBER = "number"
    DATE_TIME = "date-time"


@frozen
class CustomInput:
    """One property: `value` is a constant; otherwise `claim` names the user's claim; otherwise the request has the
    value.
    """

    name: str
    type: InputType
    value: Any = None
    claim: str | None = None
    is_required: bool = True

    @property
    def is_given_by_request(self) -> bool:
        """Whether the request, and nothing else, gives the value."""
        return self.value is None and self.claim is None

    def objection(self) -> str | None:
        """Return what is wrong with the declaration; None if it is valid."""
        if not _NAME.fullmatch(self.name):
            return message(
                "must have a name of 1 to 128 letters, digits and underscores that does not begin with a digit"
            )
        if self.value is not None and self.claim is not None:
            return message("must have a value or a claim, not both")
        if self.claim is not None and not (self.claim.strip() and len(self.claim) <= MAX_CLAIM):
            return message("must have a claim of 1 to %(most)s characters", most=MAX_CLAIM)
        if self.type not in _FITS:  # stored by another version
            return message(
                "must have one of the types %(types)s, not %(type)s", types=", ".join(InputType), type=self.type
            )
        if self.value is not None and not _FITS[self.type](self.value):
            return message("must have a value that is a %(type)s", type=self.type)
        return None

    def read(self, text: str) -> Any:
        """Read the value of a claim or of a request; raises `ValueError` if it is not of the type.

        A type that another version has stored has no values.
        """
        if self.type not in _FITS:
            raise ValueError(self.type)
        value = _READ[self.type](text)
        if not _FITS[self.type](value):
            raise ValueError(self.type)
        return value


def custom_data(declared: Sequence[CustomInput], given: Mapping[str, str], values: Mapping[str, str]) -> dict[str, Any]:
    """Create the run's input from constants, from the request's `given` and from the user's `values` by claim.

    Raises `RequestError`, naming the property or the claim, if a required value is missing or a value is of another
    type.
    """
    check_given(declared, given)
    data: dict[str, Any] = {}
    for each in declared:
        if each.value is not None:
            data[each.name] = each.value
        elif each.claim is None:
            if each.name in given:
                data[each.name] = each.read(given[each.name])
        elif not is_blank(text := values.get(each.claim, "")):
            data[each.name] = _read_claim(each, each.claim, text)
        elif each.is_required:
            raise RequestError(
                Code.VALUE_MISSING,
                message(
                    "The user must have a value for %(claim)s, which the workflow requires as its input %(name)s.",
                    claim=each.claim,
                    name=each.name,
                ),
            )
    return data


def check_given(declared: Sequence[CustomInput], given: Mapping[str, str]) -> None:
    """Raise `InvalidField` for a value of the request that is unknown or of another type, or for a missing one."""
    known = {each.name: each for each in declared if each.is_given_by_request}
    for name, text in given.items():
        if name not in known:
            raise _refused(name, "must be an input that the provider declares for requests")
        try:
            known[name].read(text)
        except ValueError:
            raise _refused(name, f"must be a {known[name].type}") from None
    for name, each in known.items():
        if each.is_required and name not in given:
            raise _refused(name, f"must be given: the workflow requires a {each.type}")


def _read_claim(each: CustomInput, claim: str, text: str) -> Any:
    try:
        return each.read(text)
    except ValueError:
        raise RequestError(
            Code.APPLICANT_REFUSED,
            message(
                "The user's value for %(claim)s must be a %(type)s, as the workflow's input %(name)s requires.",
                claim=claim,
                type=each.type,
                name=each.name,
            ),
        ) from None


def _refused(name: str, why: str) -> InvalidField:
    return InvalidField(f"properties: custom_data.{name}", why)


def _read_boolean(text: str) -> bool:
    value = {"true": True, "false": False}.get(text.strip().lower())
    if value is None:
        raise ValueError(text)
    return value


def _read_number(text: str) -> int | float:
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(text)
    number = float(text)  # infinite if there are too many digits, which is refused
    return number if re.search(r"[.eE]", text) or not _is_number(number) else int(text)


def _read_list(text: str) -> Any:
    if not text.lstrip().startswith("["):
        return [each.strip() for each in text.split(",") if each.strip()]
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(text) from error


def _read_date_time(text: str) -> str:
    moment = datetime.fromisoformat(text.strip())
    return moment.replace(tzinfo=moment.tzinfo or UTC).isoformat()


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT and not _UNSENDABLE.search(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _is_date_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(_DATE_TIME.fullmatch(value) and datetime.fromisoformat(value))
    except ValueError:
        return False


_READ: Mapping[InputType, Callable[[str], Any]] = {
    InputType.STRING: str,
    InputType.BOOLEAN: _read_boolean,
    InputType.LIST: _read_list,
    InputType.NUMBER: _read_number,
    InputType.DATE_TIME: _read_date_time,
}
_FITS: Mapping[InputType, Callable[[Any], bool]] = {
    InputType.STRING: _is_text,
    InputType.BOOLEAN: lambda value: isinstance(value, bool),
    InputType.LIST: lambda value: isinstance(value, list) and len(value) <= MAX_LIST and all(map(_is_text, value)),
    InputType.NUMBER: _is_number,
    InputType.DATE_TIME: _is_date_time,
}
