"""The template of the translation catalogues: all texts of the pages, including those of the domain.

python -m connector.console.catalogue > messages.pot
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import write_po

from connector.errors import Code

PACKAGE = Path(__file__).parent.parent
PARTS = (
    "console",
    "oidc",
    "domain",
    "services",
    "onfido",
    "directory",
    "access",
    "api",
    "installation",
    "signals",
    "http",
    "exports",
)
FILES = ("connections.py", "settings_check.py")
KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "_l", "gettext", "lazy_gettext", "message", "marked")),
    **dict.fromkeys(("ngettext", "counted"), (1, 2)),
}
_METHODS = {".py": "python", ".html": "jinja2.ext:babel_extract"}

Text = str | tuple[str, ...]


def texts(files: Iterable[Path] | None = None) -> Iterator[Text]:
    """Yield the texts of these files, by default those of all pages. A text that counts comes with its plural."""
    for path in _files() if files is None else files:
        for _line, text, _comments, _context in extract_from_file(_METHODS[path.suffix], path, keywords=KEYWORDS):
            yield text
    if files is None:
        yield from codes()


def codes() -> set[str]:
    """Return the meanings of the error codes."""
    return {code.message for code in Code}


def template() -> str:
    """Return the catalogue, without translations."""
    catalogue = Catalog(project="Onfido IdVP connector", fuzzy=False, charset="utf-8")
    for text in sorted(set(texts()), key=str):
        catalogue.add(text)
    written = io.BytesIO()
    write_po(written, catalogue, omit_header=True, width=0)
    return written.getvalue().decode()


def _files() -> Iterator[Path]:
    yield from (PACKAGE / name for name in FILES)
    for part in PARTS:
        yield from sorted(each for each in (PACKAGE / part).rglob("*") if each.suffix in _METHODS)


if __name__ == "__main__":
    sys.stdout.write(template())
