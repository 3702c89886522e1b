"""Claims as people read them: their names, in the order of a form: the names first, the address last."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar

from babel.lists import format_list
from flask_babel import get_locale
from flask_babel import lazy_gettext as _l

T = TypeVar("T")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_NAMES = {
    ("fullname", "name"): _l("Full name"),
    ("givenname", "given_name"): _l("Given name"),
    ("middlename", "middle_name"): _l("Middle name"),
    ("lastname", "family_name"): _l("Last name"),
    ("dob", "birthdate"): _l("Date of birth"),
    ("gender",): _l("Gender"),
    ("nationality", "nationalities"): _l("Nationality"),
    ("emailaddress", "email"): _l("Email address"),
    ("mobile", "phone_number"): _l("Phone number"),
    ("streetaddress", "street_address"): _l("Street"),
    ("postalcode", "postal_code"): _l("Postcode"),
    ("locality",): _l("Town"),
    ("region",): _l("Region"),
    ("country",): _l("Country"),
}
_CLAIMS = {each: name for some, name in _NAMES.items() for each in some}
_PLACES = {each: place for place, each in enumerate(_CLAIMS)}


def claim_name(uri: str) -> str:
    """Return a claim's name for people: its last part, separated into words."""
    if known := _CLAIMS.get(_key(uri)):
        return str(known)
    return _last_part(uri).replace("_", " ").replace(".", " ").capitalize()


def names_of(uris: Iterable[str]) -> str:
    """Return the names of claims as a sentence enumerates them: Given name and Last name.

    Of claims with the same name, the URI is added.
    """
    listed = in_order(uris)
    shared = Counter(map(claim_name, listed))
    return format_list(
        [f"{name} ({uri})" if shared[name := claim_name(uri)] > 1 else name for uri in listed], locale=get_locale()
    )


def in_order(items: Iterable[T], uri_of: Callable[[T], str] = str) -> list[T]:
    """Return claims, or what has a claim each, in the order in which people expect them; unknown claims by name."""
    return sorted(items, key=lambda item: _place(uri_of(item)))


def _place(uri: str) -> tuple[int, str, str]:
    return _PLACES.get(_key(uri), len(_PLACES)), claim_name(uri).casefold(), uri


def _key(uri: str) -> str:
    """Return the part of a claim by which it is known; an address's part without `address.`."""
    return _last_part(uri).rpartition(".")[2]


def _last_part(uri: str) -> str:
    return re.split(r"[/#:]", uri.rstrip("/#:"))[-1] if _SCHEME.match(uri) else uri
