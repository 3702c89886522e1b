"""One open task of the administrator's."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from flask_babel import gettext as _

from connector.console.formats import number
from connector.domain.frozen import frozen

MOST_LISTED = 100  # of each that are counted; how many more there are changes nothing


@frozen
class Need:
    """An open task; `url` is None if its page is not installed, `since` is the time of the oldest, if it matters."""

    kind: str
    icon: str
    text: str
    detail: str
    verb: str
    url: str | None
    since: datetime | None = None


@frozen
class Needs:
    """The open tasks, and the trace ids of the look-ups that failed."""

    items: list[Need] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)


def counted(n: int, *, is_more: bool) -> str:
    """Write a number that was counted up to a limit."""
    return str(_("%(n)s or more", n=number(n))) if is_more else number(n)
