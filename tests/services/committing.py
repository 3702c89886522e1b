"""The order of statements and commits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine

from tests.listening import listening

COMMIT = "COMMIT"


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Record every statement and every commit, in their order."""
    done: list[str] = []

    def committed(_connection: Any) -> None:
        done.append(COMMIT)

    def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        done.append(statement)

    with listening((Engine, "commit", committed), (Engine, "before_cursor_execute", executed)):
        yield done
