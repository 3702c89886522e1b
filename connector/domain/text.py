"""Unicode text in values and documents: validation, blank texts, and comparison.

    as it is sent       NFC, each stretch of white space one space, none at the ends     (`tidy`)
    codes and dates     as sent, without invisible characters                            (`visible`)
    as it is compared   canonical caseless matching, without invisible characters        (`fold`)

Two normal forms of one text are the same value everywhere (`normal`).
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

# Unicode's property White_Space; `str.split` also splits at the separators U+001C to U+001F, which are controls.
_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SPACES = re.compile(f"[{_SPACE}]+")
# Control characters other than white space, and surrogates, which cannot be encoded in UTF-8.
_UNUSABLE = re.compile("[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff]")
# Characters that show nothing by themselves: joiners, direction marks, soft hyphens, fillers, variation selectors,
# tags (Unicode's property Default_Ignorable_Code_Point).
_INVISIBLE = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Separators of lines and paragraphs, and characters that change the display order.
_MISLEADING = re.compile("[\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_DOT_ABOVE = "\u0307"
_ABOVE = 230  # the combining class of marks above a letter


def is_usable(text: str) -> bool:
    """Whether a text contains neither control characters, other than white space, nor lone surrogates."""
    return _UNUSABLE.search(text) is None


def is_line(text: str) -> bool:
    """Whether a text contains no control characters, including line breaks and tabs, and no lone surrogates."""
    return _CONTROL.search(text) is None


def is_label(text: str) -> bool:
    """Whether a text can be a name in a list or a log: one line without characters that change the display order."""
    return is_line(text) and _MISLEADING.search(text) is None


def json_text(value: Any, indent: int | None = None) -> str:
    """Return a value as readable JSON; lone surrogates, which JSON may hold and UTF-8 may not, stay escaped."""
    return encodable(json.dumps(value, indent=indent, ensure_ascii=False))


def encodable(text: str) -> str:
    """Return a text with each lone surrogate written as JSON's escape, so that it can be sent as UTF-8."""
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def is_blank(text: str) -> bool:
    """Whether nothing of a text is visible: it is empty, or white space and invisible characters only."""
    return not visible(text)


def normal(text: str) -> str:
    """Return a text in its composed normal form (NFC)."""
    return unicodedata.normalize("NFC", text)


def tidy(text: str) -> str:
    """Return a text composed (NFC), with one space for each stretch of white space and none at the ends."""
    return _SPACES.sub(" ", normal(text)).strip(" ")


def visible(text: str) -> str:
    """Return a tidy text without invisible characters, for dates, numbers and the like."""
    return tidy(_INVISIBLE.sub("", text))


def fold(text: str) -> str:
    """Return the common form of all spellings of a text, ignoring letter case, spaces and invisible characters.

    Documents often use capitals. Case is folded by Unicode's canonical caseless matching (definition D145), with the
    Turkish dotless and dotted i as i.
    """
    decomposed = unicodedata.normalize("NFD", _INVISIBLE.sub("", text))
    folded = unicodedata.normalize("NFD", decomposed.casefold())
    return tidy(_plain_i(folded))


def _plain_i(text: str) -> str:
    """Add the implied dot to every i and j of decomposed text."""
    if "\u0131" not in text and _DOT_ABOVE not in text:
        return text
    kept, is_dotted = [], False
    for character in text.replace("\u0131", "i"):
        if character == _DOT_ABOVE and is_dotted:
            continue
        kept.append(character)
        is_dotted = character in ("i", "j") or (is_dotted and unicodedata.combining(character) not in (0, _ABOVE))
    return "".join(kept)
