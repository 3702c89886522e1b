"""The browser of a session, in a few words: its family and its system, without versions.

The words are the connector's own: nothing of a `User-Agent` is stored, which could identify a person, or hold any text.
"""

from __future__ import annotations

from collections.abc import Sequence

MOST_READ = 1000  # characters of a `User-Agent`
_BROWSERS = (  # most browsers also name those whose pages they can show: the first that is named counts
    ("Edge", ("Edg/", "EdgA/", "EdgiOS/", "Edge/")),
    ("Opera", ("OPR/", "OPT/", "Opera/")),
    ("Samsung Internet", ("SamsungBrowser/",)),
    ("Firefox", ("Firefox/", "FxiOS/")),
    ("Chrome", ("Chrome/", "CriOS/")),
    ("Safari", ("Safari/",)),
)
_SYSTEMS = (
    ("Android", ("Android",)),
    ("iOS", ("iPhone", "iPad", "iPod")),
    ("Windows", ("Windows",)),
    ("macOS", ("Macintosh",)),
    ("ChromeOS", ("CrOS",)),
    ("Linux", ("Linux", "X11")),
)


def describe_browser(user_agent: str) -> str | None:
    """Return a browser such as "Firefox on Linux"; None if neither the browser nor the system is known."""
    read = user_agent[:MOST_READ]
    known = [each for each in (_first(_BROWSERS, read), _first(_SYSTEMS, read)) if each]
    return " on ".join(known) or None


def _first(names: Sequence[tuple[str, Sequence[str]]], text: str) -> str | None:
    return next((name for name, marks in names if any(mark in text for mark in marks)), None)
