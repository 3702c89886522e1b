"""The sentence at the top of the next page: what was done, and how to undo it where that can be done.

It travels in a signed cookie, which the page takes away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, get_flashed_messages


def notify(text: str, *, kind: str = "good", undo_url: str = "", undo: Mapping[str, str] | None = None) -> None:
    """Show a sentence on the next page; `undo_url` is what its button posts `undo` to."""
    flash({"text": str(text), "kind": kind, "undo_url": undo_url, "undo": dict(undo or {})})  # type: ignore[arg-type]


def take_notices() -> list[Any]:
    """Return the sentences to be shown, once."""
    return list(get_flashed_messages())
