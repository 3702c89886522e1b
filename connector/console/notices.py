"""The message at the top of the next page: the result of the last action, and its undo if there is one.

It is carried in a signed cookie, which the next page clears.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, get_flashed_messages


def notify(text: str, *, kind: str = "good", undo_url: str = "", undo: Mapping[str, str] | None = None) -> None:
    """Show a message on the next page; its button posts `undo` to `undo_url`."""
    flash({"text": str(text), "kind": kind, "undo_url": undo_url, "undo": dict(undo or {})})  # type: ignore[arg-type]


def take_notices() -> list[Any]:
    """Return the messages to be shown, and clear them."""
    return list(get_flashed_messages())
