"""Texts of the rules: in English, with the data that a translation needs.

    message("The run ended with the status %(status)s.", status="declined")
    counted("%(num)s run", "%(num)s runs", 3)

Each is a `str` in English, which the API, the command line and the log use directly. The console's catalogues contain
the text with its placeholders, and insert the parts, which may be messages, times or claims themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from typing import Any

Part = str | int | datetime


class ClaimNames(str):
    """The names of claims in a text, which pages replace by their labels; `uris` are the claims."""

    uris: Sequence[str]

    def __new__(cls, uris: Sequence[str], plain: str) -> ClaimNames:
        made = super().__new__(cls, plain)
        made.uris = tuple(uris)
        return made

    def __getnewargs__(self) -> tuple[Sequence[str], str]:  # type: ignore[override]  # for copies
        return self.uris, str(self)


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


def claims_named(uris: Sequence[str]) -> ClaimNames:
    """Return claims as a part of a text: in English their URIs."""
    return ClaimNames(uris, ", ".join(uris))


def joined(texts: Iterable[str]) -> str:
    """Return sentences, one after another, without empty ones."""
    return reduce(_pair, filter(None, texts), "")


def listed(texts: Iterable[str]) -> str:
    """Return texts with commas between them, without empty ones."""
    return reduce(_next, filter(None, texts), "")


def without_command(text: str) -> str:
    """Return a finding without the sentence that names a command, because pages have a button for it."""
    first, second = (
        (text.parts.get(name) for name in ("first", "second")) if isinstance(text, Message) else (None, None)
    )
    has_command = isinstance(second, Message) and "command" in second.parts
    return first if has_command and isinstance(first, str) else text


def packed(text: Message) -> dict[str, Any]:
    """Return a message as JSON, from which `unpacked` makes it again."""
    parts = {name: _packed_part(part) for name, part in text.parts.items()}
    return {"text": text.text, "parts": parts} | ({} if text.many is None else {"many": text.many})


def unpacked(stored: Any, plain: str) -> str:
    """Return the stored message if its English text is `plain`, otherwise `plain`.

    Rows of other versions have no messages, or some of another text.
    """
    try:
        made = _unpacked_part(stored)
    except (KeyError, TypeError, ValueError):
        return plain
    return made if isinstance(made, Message) and made == plain else plain


def _packed_part(part: Part) -> Any:
    if isinstance(part, Message):
        return packed(part)
    if isinstance(part, ClaimNames):
        return {"claims": list(part.uris), "plain": str(part)}
    return {"at": part.isoformat()} if isinstance(part, datetime) else part


def _unpacked_part(part: Any) -> Part:
    if not isinstance(part, dict):
        return str(part) if not isinstance(part, int) else part
    if "at" in part:
        return datetime.fromisoformat(part["at"])
    if "claims" in part:
        return ClaimNames([str(uri) for uri in part["claims"]], str(part["plain"]))
    parts = {name: _unpacked_part(each) for name, each in part["parts"].items()}
    return Message(part["text"], parts, part.get("many"))


def _pair(first: str, second: str) -> str:
    return message("%(first)s %(second)s", first=first, second=second) if first else second


def _next(first: str, second: str) -> str:
    return message("%(first)s, %(second)s", first=first, second=second) if first else second


def _plain(part: Part) -> Part:
    return f"{part:%Y-%m-%d %H:%M} UTC" if isinstance(part, datetime) else part
