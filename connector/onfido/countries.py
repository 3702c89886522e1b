"""Names of countries and states of the USA, converted to the codes that Onfido accepts.

Codes and names are those of ISO 3166 from `pycountry` (alpha-2, alpha-3, English names), with common names that the
standard lacks. Letter case, accents, invisible characters and punctuation are ignored, and so are the words "and" and
"the". A text that names one country twice, such as "United Kingdom (UK)" or "England, UK", means that country.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from connector.domain.text import fold

# By Onfido's code; Kosovo has no ISO code.
_EVERYDAY: Mapping[str, tuple[str, ...]] = {
    "ALA": ("Aland",),
    "ARE": ("Emirates",),
    "ATG": ("Antigua",),
    "BES": ("Caribbean Netherlands", "Bonaire"),
    "BIH": ("Bosnia",),
    "BLM": ("Saint Barts", "Saint Barths"),
    "BRN": ("Brunei",),
    "CCK": ("Keeling Islands",),
    "CHN": ("China mainland", "Mainland China"),
    "CIV": ("Ivory Coast", "Cote d Ivoire"),
    "COD": ("Congo-Kinshasa", "Congo (DRC)", "Congo (Dem. Rep.)", "Congo, Democratic Republic", "DR Congo", "Zaire"),
    "COG": ("Congo-Brazzaville", "Congo (Republic)", "Congo (Rep.)", "Congo, Republic of the"),
    "CPV": ("Cape Verde",),
    "FLK": ("Falklands",),
    "FSM": ("Micronesia",),
    "GBR": ("Great Britain", "Britain", "England", "Scotland", "Wales", "Northern Ireland"),
    "HKG": ("Hong Kong SAR", "Hong Kong SAR China", "Hong Kong (China)"),
    "IRL": ("Republic of Ireland", "Eire"),
    "KOR": ("Korea (South)", "S. Korea"),
    "LAO": ("Lao PDR",),
    "MAC": ("Macau", "Macao SAR", "Macau SAR", "Macao SAR China", "Macau SAR China"),
    "MKD": ("Macedonia", "FYROM", "FYR Macedonia", "Former Yugoslav Republic of Macedonia"),
    "MMR": ("Burma", "Myanmar (Burma)"),
    "NLD": ("Holland",),
    "PCN": ("Pitcairn Islands",),
    "PRK": ("Korea (North)", "N. Korea"),
    "PSE": ("Palestine", "Palestinian Territories", "Palestinian Territory"),
    "RKS": ("Kosovo", "Kosova", "Republic of Kosovo"),
    "RUS": ("Russia",),
    "SHN": ("Saint Helena",),
    "SJM": ("Svalbard",),
    "STP": ("Sao Tome",),
    "SWZ": ("Swaziland",),
    "SXM": ("Saint Maarten",),
    "TCA": ("Turks and Caicos",),
    "TLS": ("East Timor",),
    "TTO": ("Trinidad",),
    "TUR": ("Turkey", "Republic of Turkey"),
    "USA": ("America",),
    "VAT": ("Vatican", "Vatican City", "Vatican City State"),
    "VCT": ("Saint Vincent",),
    "VIR": ("US Virgin Islands", "United States Virgin Islands"),
}
# Codes in use besides ISO's: the European Union's, those of passports, and abbreviations.
_MORE_CODES: Mapping[str, str] = {
    **dict.fromkeys(("rks", "xk", "xkx"), "RKS"),
    "uk": "GBR",
    "el": "GRC",
    "uae": "ARE",
    "prc": "CHN",
    "drc": "COD",
    "dprk": "PRK",
    "rok": "KOR",
    "ksa": "SAU",
    "rsa": "ZAF",
}
_LEFT_OUT = frozenset({"and", "the"})
_IN_PARENTHESES = re.compile(r"\([^)]*\)")
_BETWEEN_NAMES = re.compile("[(),/]")
_WORD = re.compile(r"[^\W_]+")
_NOT_IN_CODES = re.compile(r"[\W_]+")
_INITIALS = re.compile(r"\b(\w) (?=\w\b)")  # each but the last of several
_APOSTROPHE = re.compile("['`\xb4\u02bc\u2018\u2019\u2032]")
_COUNTRY_FIELDS = ("address.country", "location.country_of_residence")

_Known = tuple[Mapping[str, str], Mapping[str, str]]  # Onfido's codes by code and by name


def as_onfido_writes(values: Mapping[str, str]) -> dict[str, str]:
    """Return an applicant's fields with Onfido's codes for countries, and for a state of an address in the USA.

    Unknown countries and states are left unchanged.
    """
    written = dict(values)
    for name in _COUNTRY_FIELDS:
        if name in values:
            written[name] = country_code(values[name]) or values[name]
    if written.get("address.country") == "USA" and "address.state" in values:
        written["address.state"] = state_code(values["address.state"]) or values["address.state"]
    return written


def country_code(text: str) -> str | None:
    """Return Onfido's code, of three letters, for a country by its code or English name; None if it is unknown."""
    if known := _country(text):
        return known
    parts = {_country(part) for part in _BETWEEN_NAMES.split(text) if _key(part)}
    return parts.pop() if len(parts) == 1 else None


def state_code(text: str) -> str | None:
    """Return the code, of two letters, for a state of the USA by its code or name; None if it is unknown."""
    codes, names = _states()
    return codes.get(_code(text)) or names.get(_key(text))


def _country(text: str) -> str | None:
    codes, names = _countries()
    return codes.get(_code(text)) or names.get(_key(text))


@cache
def _countries() -> _Known:
    from pycountry import countries  # noqa: PLC0415  it takes a while, and most providers map no country

    codes = dict(_MORE_CODES)
    names = {_key(name): code for code, everyday in _EVERYDAY.items() for name in everyday}
    for country in countries:
        codes |= dict.fromkeys((_code(country.alpha_2), _code(country.alpha_3)), country.alpha_3)
        known = (getattr(country, name, None) for name in ("name", "official_name", "common_name"))
        for name in _variants(filter(None, known)):
            names.setdefault(_key(name), country.alpha_3)
    return codes, names


@cache
def _states() -> _Known:
    from pycountry import subdivisions  # noqa: PLC0415  as above

    states = {state.code[3:]: state.name for state in subdivisions if state.country_code == "US"}
    return {_code(code): code for code in states}, {_key(name): code for code, name in states.items()}


def _variants(names: Iterable[str]) -> Iterator[str]:
    """Yield names also without the part in parentheses, and "Korea, Republic of" as "Republic of Korea"."""
    for name in names:
        yield name
        yield _IN_PARENTHESES.sub("", name)
        head, _, tail = name.partition(", ")
        yield f"{tail} {head}"


def _code(text: str) -> str:
    """Return the key that all spellings of a code share: "U. S." is US."""
    return _NOT_IN_CODES.sub("", _plain(text))


def _key(text: str) -> str:
    """Return the key that all spellings of a name share."""
    words = _WORD.findall(_plain(_APOSTROPHE.sub("", text)))
    kept = " ".join("saint" if word == "st" else word for word in words if word not in _LEFT_OUT)
    return _INITIALS.sub(r"\1", kept)


def _plain(text: str) -> str:
    """Return a text in lower case without accents, with full-width characters as usual ones."""
    decomposed = unicodedata.normalize("NFKD", fold(text))
    return "".join(each for each in decomposed if not unicodedata.combining(each))
