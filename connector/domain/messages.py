"""Texts of the rules: in English, with what is needed to translate them.

    message("The run ended with the status %(status)s.", status="declined")
    counted("%(num)s run", "%(num)s runs", 3)

Each is a `str` in English, which the API, the command line and the log use directly. The console's catalogues contain
the text with its placeholders, and insert the parts, which may be messages or times themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import reduce

Part = str | int | datetime


class Message(str):
    """A text in English; `text` is the catalogues' entry, `many` its plural if it counts something."""

    text: str
    many: str | None
    parts: Mapping[str, Part]

    def __new__(cls, text: str, parts: Mapping[str, Part], many: str | None = None) -> Message:
        chosen = text if many is None or parts["num"] == 1 else many
        made = super().__new__(cls, chosen % {name: _plain(part) for name, part in parts.items()} if parts else chosen)
        made.text, made.many, made.parts = text, many, parts
        return made

    def __getnewargs__(self) -> tuple[str, Mapping[str, Part], str | None]:  # type: ignore[override]  # for copies
        return self.text, self.parts, self.many


def message(text: str, **parts: Part) -> Message:
    """Return a text with its parts inserted."""
    return Message(text, parts)


def counted(one: str, many: str, num: int, **parts: Part) -> Message:
    """Return the singular or the plural text, by a number."""
    return Message(one, {"num": num, **parts}, many)


def marked(text: str) -> str:
    """Mark a text for the catalogues whose parts are inserted elsewhere, and return it."""
    return text


def joined(texts: Iterable[str]) -> str:
    """Return sentences, one after another, without empty ones."""
    return reduce(_pair, filter(None, texts), "")


def _pair(first: str, second: str) -> str:
    return message("%(first)s %(second)s", first=first, second=second) if first else second


def _plain(part: Part) -> Part:
    return f"{part:%Y-%m-%d %H:%M} UTC" if isinstance(part, datetime) else part
