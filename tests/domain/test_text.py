"""Text in all scripts: equality, blank texts, and refused characters."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.text import fold, is_blank, is_line, is_usable, normal, tidy

# Texts as people write them: name, and language or content.
NAMES = {
    "Sinhala, with a joiner": "\u0dc1\u0dca\u200d\u0dbb\u0dd3 \u0dbd\u0d82\u0d9a\u0dcf",
    "Persian, with a non-joiner": "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
    "Turkish": "\u0130brahim I\u015f\u0131k",
    "Greek": "\u0393\u03b9\u03ce\u03c1\u03b3\u03bf\u03c2",
    "Vietnamese": "Nguy\u1ec5n Th\u1ecb H\u01b0\u1eddng",
    "Korean": "\uae40\ubbfc\uc900",
    "Japanese, with an ideographic space": "\u5c71\u7530\u3000\u592a\u90ce",
    "Japanese, with a variation selector": "\u8fbb\U000e0100\u672c",
    "Hebrew, with direction marks": "\u200f\u05d3\u05d5\u05d3\u200f Cohen",
    "Devanagari": "\u0915\u094d\u0937\u0947\u092e\u0902\u0915\u0930",
    "French, with a no-break space": "Jean\u00a0Pierre",
    "Lithuanian": "Ri\u0307\u0301ta",
    "Yoruba, with marks on marks": "O\u0323\u0301la\u0300",
    "an emoji of several": "Ann \U0001f469\u200d\U0001f4bb",
    "on two lines": "1 Main Street\r\nLondon",
}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_names_of_all_scripts_can_be_used(name: str) -> None:
    assert is_usable(name)
    assert not is_blank(name)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_every_normal_form_of_a_name_is_the_same(name: str, form: str) -> None:
    other = unicodedata.normalize(form, name)  # type: ignore[arg-type]

    assert normal(other) == normal(name)
    assert tidy(other) == tidy(name)
    assert fold(other) == fold(name)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("\u0130brahim", "\u0130BRAH\u0130M"),
        ("\u0130brahim", "ibrahim"),
        ("I\u015f\u0131k", "I\u015eIK"),
        ("I\u015f\u0131k", "\u0131\u015f\u0131k"),
        ("Di\u0323\u0307m", "DI\u0323M"),  # a dot above the i after one below it
        ("\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3"),  # final sigma
        ("\u1fb3\u0301", "\u0391\u0301\u0399"),  # an iota below becomes one beside it
        ("Stra\u00dfe", "STRASSE"),
        ("\u01c5emal", "\u01c6EMAL"),
        ("\ufb01liz", "FILIZ"),
        ("\u13a0\u13b9\u13a2", "\uab70\uab89\uab72"),  # Cherokee
        ("Ri\u0307\u0301ta", "R\u00cdTA"),
        ("Mej\u0307\u0303a", "MEJ\u0303A"),  # the dot of a Lithuanian j stays below an accent
        ("Jean\u00a0Pierre", "JEAN PIERRE"),
        ("\u5c71\u7530\u3000\u592a\u90ce", "\u5c71\u7530 \u592a\u90ce"),
        ("Jean \t\u2009\u202f Pierre", "Jean\u2028Pierre"),
        ("1 Main Street\r\nLondon", "1 MAIN STREET LONDON"),
        ("\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\u0639\u0644\u06cc\u0631\u0636\u0627"),
        ("\u0dc1\u0dca\u200d\u0dbb\u0dd3", "\u0dc1\u0dca\u0dbb\u0dd3"),
        ("\u200f\u05d3\u05d5\u05d3\u200f", "\u05d3\u05d5\u05d3"),
        ("\u8fbb\U000e0100\u672c", "\u8fbb\u672c"),
        ("\ufeffAnn", "ANN"),
        ("Ann\u00adMary", "AnnMary"),
    ],
)
def test_a_document_may_spell_a_name_differently(name: str, written: str) -> None:
    assert fold(name) == fold(written)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jane", "Joan"),
        ("de la Cruz", "delaCruz"),
        ("Jose", "Jos\u00e9"),
        ("z\u0307", "z"),
        ("i\u0301", "i"),
        ("\u05d3\u05d5\u05d3", "\u05d3\u05d3"),
        ("\u5c71\u7530", "\u5c71\u53e3"),
        ("\uae40", "\uae41"),
    ],
)
def test_different_names_are_not_equal(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@given(text=texts)
def test_folding_ignores_case_and_normal_form_and_is_idempotent(form: str, text: str) -> None:
    folded = fold(text)

    assert fold(folded) == folded
    assert fold(unicodedata.normalize(form, text)) == folded  # type: ignore[arg-type]
    assert fold(text.casefold()) == folded


@given(text=texts)
def test_tidy_text_is_unchanged(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)
    assert normal(tidy(text)) == tidy(text)


@pytest.mark.parametrize(
    "blank", ["", " ", "\t\r\n", "\u00a0", "\u3000\u2003", "\u200b", "\u200f \u200d", "\ufeff", "\u3164", "\u2028"]
)
def test_text_of_invisible_characters_is_blank(blank: str) -> None:
    assert is_blank(blank)
    assert fold(blank) == ""


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\x1f", "\x7f", "\x9b", "\ud800"])
def test_control_characters_and_lone_surrogates_are_refused_and_made_visible(character: str) -> None:
    assert not is_usable(f"Ann{character}")
    assert not is_line(f"Ann{character}")
    assert not is_blank(character)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\t", "\x0b", "\x85"])
def test_a_line_contains_no_line_break(line_break: str) -> None:
    assert is_usable(f"1 Main Street{line_break}London")
    assert not is_line(f"1 Main Street{line_break}London")


def test_a_line_may_contain_other_spaces_and_joiners() -> None:
    assert all(map(is_line, ("Jean\u00a0Pierre", "\u5c71\u7530\u3000\u592a\u90ce", "\U0001f469\u200d\U0001f4bb")))
