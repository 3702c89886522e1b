"""Listeners to SQLAlchemy's own events, for as long as a block runs; they hear every connection of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

Listener = tuple[Any, str, Callable[..., Any]]  # whose event, its name, and what it calls


@contextmanager
def listening(*listeners: Listener) -> Iterator[None]:
    """Call the listeners until the block ends, however it ends."""
    for listener in listeners:
        event.listen(*listener)
    try:
        yield
    finally:
        for listener in listeners:
            event.remove(*listener)


@contextmanager
def statements(containing: str = "") -> Iterator[list[str]]:
    """Collect the statements with a text that are sent meanwhile; one that is sent for many rows counts once."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if containing in statement:
            sent.append(statement)

    with listening((Engine, "before_cursor_execute", note)):
        yield sent
