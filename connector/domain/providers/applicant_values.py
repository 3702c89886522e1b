"""The user's values that are sent to Onfido, by field of the applicant.

mapping, values ──► each field's value: those of its claims, joined      (`values_of`)
                ──► claims that lack one                                 (`missing_claims`)
sent fields     ──► whether an applicant can be updated                   (`replaces`)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set

from connector.domain.claims import REQUIRED_FIELDS
from connector.domain.text import is_blank, tidy, visible

REPEAT = "repeat"  # a value of `missing_name`: the existing name is sent in both fields
STATE_CODE = ".state_code"  # of a number that a state issues; it is sent only with its number
_REPLACED_WHOLE = ("address", "id_numbers")  # an update replaces these as a whole if it sends any part of them


def values_of(
    mapping: Mapping[str, str], fields: Collection[str], values: Mapping[str, str], missing_name: str | None
) -> dict[str, str]:
    """Return the values of applicant fields, from a user's values by claim URI; fields without a value are left out.

    Several claims of one field are joined by a space in the order of the mapping. `missing_name` is the substitute for
    the name that a person with one name lacks.
    """
    parts: dict[str, list[str]] = {}
    for uri, name in mapping.items():
        if name in fields and not is_blank(value := values.get(uri, "")):
            parts.setdefault(name, []).append(_as_sent(name, value))
    return _with_both_names({name: " ".join(each) for name, each in parts.items()}, missing_name)


def missing_claims(
    mapping: Mapping[str, str], requested: Collection[str], values: Mapping[str, str], sent: Collection[str]
) -> list[str]:
    """Return the claims that lack a value: requested ones, and those of a name that could not be sent.

    A requested name with a substitute in `sent` does not count, if at least one other claim can be judged.
    """
    blank = {uri for uri in mapping if is_blank(values.get(uri, ""))}
    has_value = {name for uri, name in mapping.items() if uri not in blank}
    stand_ins = {uri for uri, name in mapping.items() if name in sent and name not in has_value}
    counted = blank if set(requested) <= blank else blank - stand_ins
    unsent = {uri for uri, name in mapping.items() if name in REQUIRED_FIELDS and name not in sent}
    return sorted((counted & set(requested)) | unsent)


def replaces(ever_sent: Set[str], values: Collection[str]) -> bool:
    """Whether an update with values for these fields leaves no outdated value in an applicant.

    `ever_sent` are the fields that were sent before. An update keeps fields that it does not name, except for addresses
    and lists of numbers, which it replaces.
    """
    replaced = {name.partition(".")[0] for name in values if not name.endswith(STATE_CODE)} & set(_REPLACED_WHOLE)
    return all(name in values or name.partition(".")[0] in replaced for name in ever_sent)


def _as_sent(name: str, value: str) -> str:
    """Return a value in the form that is sent: joiners are kept in names and streets, but not in dates, numbers and the
    like.

    Phones add direction marks to copied numbers.
    """
    return tidy(value) if name in REQUIRED_FIELDS or name.startswith("address.") else visible(value)


def _with_both_names(values: dict[str, str], missing_name: str | None) -> dict[str, str]:
    known = [name for name in REQUIRED_FIELDS if name in values]
    if missing_name is None or len(known) != 1:
        return values
    stand_in = values[known[0]] if missing_name == REPEAT else missing_name
    return dict.fromkeys(REQUIRED_FIELDS, stand_in) | values
