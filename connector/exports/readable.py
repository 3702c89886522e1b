"""A record as a page to read and to print: one file, without scripts or external resources."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; color: #161b24; background: #fff; margin: 2rem auto; max-width: 60rem; }
h1 { font-size: 26px; } h2 { font-size: 17px; margin-top: 2rem; border-bottom: 1px solid #c9d0d9; }
h3 { font-size: 14px; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: 4px 8px; border: 1px solid #dfe4ea; overflow-wrap: anywhere; }
th { font-weight: 600; background: #f0f2f5; }
article { break-inside: avoid; margin: 1rem 0; }
.none { color: #5f6977; }
@media print { body { margin: 0; max-width: none; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_YES_NO = {True: "yes", False: "no"}


def beginning(title: str) -> str:
    """Return the beginning of the page."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
    )


def heading(title: str) -> str:
    """Return the heading of a section."""
    return f"<h2>{escape(title)}</h2>\n"


def section(title: str, value: Any) -> str:
    """Return a section that shows a value in the structure of the JSON."""
    return f"{heading(title)}{''.join(_shown(value))}\n"


def article(title: str, value: Any) -> str:
    """Return one item of a section."""
    return f"<article>\n<h3>{escape(title)}</h3>\n{''.join(_shown(value))}\n</article>\n"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows under the names of their members."""
    return "".join(_table(rows))


END = "</body>\n</html>\n"


def _shown(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield from _facts(value)
    elif isinstance(value, list) and value:
        yield from _table(value) if all(isinstance(each, Mapping) for each in value) else _lines(value)
    else:
        yield _plain(value)


def _plain(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return '<span class="none">none</span>'
    return escape(_YES_NO[value] if isinstance(value, bool) else str(value))


def _facts(value: Mapping[str, Any]) -> Iterator[str]:
    yield "<table>"
    for name, each in value.items():
        yield f'<tr><th scope="row">{escape(_label(name))}</th><td>'
        yield from _shown(each)
        yield "</td></tr>"
    yield "</table>"


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    yield "<table><tr>"
    for name in names:
        yield f'<th scope="col">{escape(_label(name))}</th>'
    yield "</tr>"
    for row in rows:
        yield "<tr>"
        for name in names:
            yield "<td>"
            yield from _shown(row.get(name))
            yield "</td>"
        yield "</tr>"
    yield "</table>"


def _lines(values: Sequence[Any]) -> Iterator[str]:
    for each in values:
        yield "<div>"
        yield from _shown(each)
        yield "</div>"


def _label(name: str) -> str:
    """Return a member's name in words; a URI unchanged."""
    if ":" in name:
        return name
    words = _CAPITAL.sub(" ", name).replace("_", " ")
    return words[:1].upper() + words[1:].lower()
