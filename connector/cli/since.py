"""An option for the start of a period."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from connector.domain.verifications.verification_filter import read_period
from connector.errors import InvalidQuery


class _Since(click.ParamType[datetime]):
    """A date or date-time, in UTC if it names no zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the time."""
        try:
            since, _ = read_period(str(value), None)
        except InvalidQuery as error:
            self.fail(f"{error.why}.", param, ctx)
        assert since is not None  # noqa: S101  it was given
        return since


SINCE = _Since()
