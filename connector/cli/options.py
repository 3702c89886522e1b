"""Several options as one decorator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def with_options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a decorator that adds options, shown in this order."""

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add
