"""Icons: Bootstrap Icons, read from the file that comes with Bootstrap-Flask and written into the page."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import flask_bootstrap
from markupsafe import Markup

_FILE = Path(flask_bootstrap.__file__).parent / "static" / "bootstrap5" / "icons" / "bootstrap-icons.svg"


@cache
def icon(name: str) -> Markup:
    """Return an icon by its name; screen readers ignore it and read the word beside it."""
    symbol = re.search(
        rf'<symbol[^>]*viewBox="([^"]*)"[^>]*id="{re.escape(name)}"[^>]*>(.*?)</symbol>',
        _FILE.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    if symbol is None:
        raise LookupError(f"Bootstrap Icons has no icon {name}")
    box, drawing = symbol.groups()
    text = f'<svg class="i" viewBox="{box}" aria-hidden="true" focusable="false">{drawing.strip()}</svg>'
    return Markup(text)  # noqa: S704  the library's own file
