"""Translations, read from their sources: the `.po` files of `translations/`.

They are compiled in memory when a language is first used, so that a clone, a wheel and the tests use what translators
wrote, and a compiled file cannot be out of date.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import g, request
from flask_babel import Domain, format_datetime, get_domain, get_locale, get_timezone, gettext, ngettext

from connector.console.claim_names import names_of
from connector.domain.messages import ClaimNames, Message, Part

FOLDER = Path(__file__).parent / "translations"
SOURCE = "en"
LANGUAGE_COOKIE = "language"
EXACT = "d MMM y, HH:mm:ss"
PARAMETER = "ui_locales"  # OpenID's: languages, the preferred first
_MOST = 20  # languages that are read of a text
_PLACEHOLDER, _WORD = re.compile(r"%\(\w+\)s"), re.compile(r"\w")


class Catalogues(Domain):  # type: ignore[misc]  # Flask-Babel is untyped
    """The catalogues of all languages."""

    def __init__(self) -> None:
        super().__init__()
        self._catalogues: dict[str, NullTranslations] = {}
        self._lock = threading.Lock()

    def get_translations(self) -> NullTranslations:
        """Return the catalogue for the request's language."""
        language = str(get_locale() or SOURCE)
        with self._lock:
            if language not in self._catalogues:
                self._catalogues[language] = load(language)
            return self._catalogues[language]


def load(language: str) -> NullTranslations:
    """Return the catalogue of a language, or an empty one if it has none: texts then remain English."""
    path = FOLDER / language / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return NullTranslations()
    with path.open(encoding="utf-8") as source:
        catalogue = read_po(source, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def say(value: object) -> object:
    """Return a text of the domain in the request's language, its times in the viewer's zone; other values unchanged.

    Templates apply this to every value.
    """
    if not isinstance(value, Message) or not value.text:
        return value
    parts = {name: _say_part(part) for name, part in value.parts.items()}
    if value.many is None:
        return gettext(value.text, **parts)
    return ngettext(value.text, value.many, **parts)


def translates(text: Message) -> bool:
    """Whether the catalogue of the request's language has a text of the domain, and all texts that it is made of."""
    catalogue = get_domain().get_translations()
    said = catalogue.ugettext(text.text) if text.many is None else catalogue.ungettext(text.text, text.many, 2)
    is_known = said not in (text.text, text.many) or not _WORD.search(_PLACEHOLDER.sub("", text.text))
    return is_known and all(translates(part) for part in text.parts.values() if isinstance(part, Message))


def _say_part(part: Part) -> object:
    if isinstance(part, datetime):
        return f"{format_datetime(part, EXACT)} {get_timezone()}"
    if isinstance(part, ClaimNames):
        return names_of(part.uris)
    return say(part)


def languages() -> list[str]:
    """Return the available languages."""
    return [SOURCE, *sorted(each.parent.parent.name for each in FOLDER.glob("*/LC_MESSAGES/messages.po"))]


def choose_language() -> str:
    """Return the language of the request, one of those in which its pages exist (`g.languages`)."""
    known = g.get("languages", (SOURCE,))
    for text in (request.args.get(PARAMETER), request.cookies.get(LANGUAGE_COOKIE), g.get(PARAMETER)):
        if (chosen := named_language(text, known)) is not None:
            return chosen
    return request.accept_languages.best_match(known) or SOURCE


def named_language(text: str | None, known: Collection[str]) -> str | None:
    """Return the first of these languages that a text such as `de-CH en` names; None if it names none."""
    tags = (text or "").replace("_", "-").lower().split()[:_MOST]
    return next((each for tag in tags if (each := tag.partition("-")[0]) in known), None)
