"""The applicant data that Onfido is known to refuse: only the rules of its API v3.6.

Schemas `applicant_shared`, `applicant_first_name`, `address_shared`, `country_codes` and `id_number`. Onfido would
refuse all data that is refused here; what only Onfido can check, such as the existence of a country, is not checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date

from connector.domain.claims import CONSENTS
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.providers.applicant_values import STATE_CODE
from connector.domain.text import is_blank, is_usable
from connector.errors import Code, RequestError

USA = "USA"
MAX_NAME = 255  # characters of a placeholder
ADDRESS = "address."
_OF_AN_ADDRESS = ("address.postcode", "address.country")  # required by Onfido in every address


@frozen
class RemoteApplicant:
    """An applicant at Onfido, and the environment that it is in; None if Onfido does not say."""

    applicant_id: str
    environment: str | None = None


@frozen
class _Rule:
    is_kept: Callable[[str], bool]
    otherwise: str


def check_applicant(fields: Mapping[str, str], claims: Mapping[str, str]) -> None:
    """Raise `RequestError` for values, by applicant field, that Onfido would refuse.

    `claims` maps claim URIs to applicant fields. Claims, fields and reasons are named, never a value.
    """
    if objections := [f"{_named(name, claims)}: {why}" for name, why in _objections(fields)]:
        raise RequestError(
            Code.APPLICANT_REFUSED,
            message(
                "Onfido would refuse %(objections)s. Correct the user's values, then ask again.",
                objections="; ".join(objections),
            ),
        )


def is_acceptable(fields: Mapping[str, str]) -> bool:
    """Whether these values break none of Onfido's known rules."""
    return not any(_objections(fields))


def name_objection(name: str) -> str | None:
    """Return why Onfido would refuse a name; None if it would not."""
    if is_blank(name) or len(name) > MAX_NAME:
        return message("it is blank or longer than %(max_name)s characters", max_name=MAX_NAME)
    return next((why for _, why in _objections({"first_name": name})), None)


def missing_of_address(fields: Collection[str]) -> list[str]:
    """Return the missing fields that Onfido requires with the given fields of an address."""
    has_address = any(name.startswith(ADDRESS) for name in fields)
    return [name for name in _OF_AN_ADDRESS if has_address and name not in fields]


def without_incomplete_address(fields: Mapping[str, str]) -> dict[str, str]:
    """Return applicant fields without those of an address that Onfido would refuse."""
    is_incomplete = bool(missing_of_address(fields))
    return {name: value for name, value in fields.items() if not (is_incomplete and name.startswith(ADDRESS))}


def _objections(fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if not is_usable(value):
            yield name, "it contains a control character"
        is_sent = name.removesuffix(STATE_CODE) in fields  # a state's code is sent only with its number
        if is_sent and (rule := _RULES.get(name)) and not rule.is_kept(value):
            yield name, rule.otherwise
    for missing in missing_of_address(fields):
        yield missing, message("it is missing, but required in every address")
    if fields.get("address.country") == USA and not _STATE.is_kept(fields.get("address.state", "NY")):
        yield "address.state", _STATE.otherwise


def _named(name: str, claims: Mapping[str, str]) -> str:
    """Return a field's name, preceded by its claim if one is mapped to it."""
    return next((f"{uri} (sent as {name})" for uri, mapped in claims.items() if mapped == name), name)


def _without(characters: str) -> _Rule:
    return _Rule(set(characters).isdisjoint, f"it contains one of {' '.join(characters)}")


def _like(pattern: str, otherwise: str) -> _Rule:
    return _Rule(lambda value: re.fullmatch(pattern, value) is not None, otherwise)


def is_day(value: str) -> bool:
    """Whether a text is a date in Onfido's format, such as 1990-01-31."""
    try:
        return bool(re.fullmatch(r"[0-9]{4}(-[0-9]{2}){2}", value) and date.fromisoformat(value))
    except ValueError:
        return False


_NAME = _without('!#$%*=<>;{}"')
_LINE = _without("!$%^*=<>")
_DAY = _Rule(is_day, "it must be a date such as 1990-01-31")
_COUNTRY = _like("[A-Z]{3}", "it must be a country's ISO code, such as GB or GBR, or its English name")
_STATE = _like("[A-Za-z]{2}", "it must be a state's code of two letters, such as NY, or its name")
_CONSENT = _Rule(lambda value: value.strip().lower() in ("true", "false"), "it must be true or false")
_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(("first_name", "last_name"), _NAME),
    "dob": _DAY,
    **dict.fromkeys(("address.line1", "address.line2", "address.line3"), _LINE),
    **dict.fromkeys(("address.country", "location.country_of_residence"), _COUNTRY),
    **dict.fromkeys((f"id_numbers.{name}{STATE_CODE}" for name in ("driving_license", "driving_licence")), _STATE),
    **dict.fromkeys((f"consents.{name}" for name in CONSENTS), _CONSENT),
}
