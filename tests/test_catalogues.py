"""The user's page in every language: each text that it may show has a translation, with the same placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

from connector.console.frame import HERE
from connector.console.translations import FOLDER, SOURCE, languages
from connector.domain.reasons import all_reasons

KEYWORDS = {"_": None, "_l": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2), "translated": None}
TEMPLATES = HERE / "templates"
SOURCES = (
    *(HERE / "verify").glob("*.py"),
    *(HERE / name for name in ("refusals.py", "formats.py")),
    *(TEMPLATES / "verify").glob("*.html"),
    *(TEMPLATES / "console" / name for name in ("error.html", "error_body.html", "error_part.html", "plain.html")),
)
OTHERS = [each for each in languages() if each != SOURCE]
_PLACEHOLDER = re.compile(r"%\(\w+\)\w|%%")


def texts() -> Iterator[str]:
    """Yield each text that the user's page may show, its errors included, and each reason."""
    for path in SOURCES:
        method = "jinja2.ext:babel_extract" if path.suffix == ".html" else "python"
        for _, message, _, _ in extract_from_file(method, str(path), keywords=KEYWORDS):
            yield from (message,) if isinstance(message, str) else message
    for reason in all_reasons():
        yield from (reason.user, reason.administrator)


def test_german_is_there() -> None:
    assert OTHERS == ["de"]


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language: str) -> None:
    with (FOLDER / language / "LC_MESSAGES" / "messages.po").open(encoding="utf-8") as source:
        catalogue = read_po(source, locale=language)
    assert len(set(texts())) > 100
    missing = [text for text in set(texts()) if not (message := catalogue.get(text)) or not message.string]
    assert missing == []
    for message in catalogue:
        if message.id:
            assert not message.fuzzy, message.id
            assert sorted(_PLACEHOLDER.findall(str(message.string))) == sorted(_PLACEHOLDER.findall(str(message.id)))


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_over(language: str) -> None:
    with (FOLDER / language / "LC_MESSAGES" / "messages.po").open(encoding="utf-8") as source:
        ids = {message.id for message in read_po(source, locale=language) if message.id}
    assert ids - set(texts()) == set()
