"""Names of claims for users."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import lazy_gettext

_WORDS = {
    "given_name": lazy_gettext("First name"),
    "middle_name": lazy_gettext("Middle name"),
    "family_name": lazy_gettext("Last name"),
    "name": lazy_gettext("Name"),
    "birthdate": lazy_gettext("Date of birth"),
    "email": lazy_gettext("Email address"),
    "phone_number": lazy_gettext("Phone number"),
    "nationalities": lazy_gettext("Nationality"),
}
_GROUPS = {"address": lazy_gettext("Address"), "place_of_birth": lazy_gettext("Place of birth")}


def claim_words(names: list[str]) -> list[str]:
    """Return the names of claims, each once: an address is one item."""
    words = (
        _GROUPS.get(name.partition(".")[0]) or _WORDS.get(name) or _("Another detail: %(name)s", name=name)
        for name in names
    )
    return list(dict.fromkeys(str(each) for each in words))
