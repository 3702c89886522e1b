"""Several options as one decorator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from connector.domain.numbers import whole_number


def with_options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a decorator that adds options, shown in this order."""

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


class WholeNumber(click.IntRange):
    """A whole number in ASCII digits, within a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Refuse what only Python takes for a number."""
        try:
            number = whole_number(value) if isinstance(value, str) else value
        except ValueError:
            self.fail(f"{value!r} is not a valid integer.", param, ctx)
        return int(super().convert(number, param, ctx))
