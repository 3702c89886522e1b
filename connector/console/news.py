"""The note above a list that grows: how many rows are new. The list itself does not move under the pointer."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Response, request, url_for

from connector.console.filters import Filters
from connector.console.formats import moment_of
from connector.console.ground import now
from connector.console.live import live_part

MOST_NEW = 99  # that the note counts


def news_url(filters: Filters, newest: datetime | None) -> str:
    """Return the address of the note on the first page of a list, whose newest row is of this time (None: no row)."""
    behind = (newest or now()) + timedelta(microseconds=1)
    return url_for(".show_news", since=behind.isoformat(), **filters.query)  # type: ignore[arg-type]


def news_since() -> datetime:
    """Return the time after which rows are new, as the list's address has it."""
    return moment_of(request.args.get("since")) or now()


def show_number(number: int, filters: Filters) -> Response:
    """Return the note; `number` is at most `MOST_NEW + 1`, which stands for more."""
    list_url = url_for(".show_list", **filters.query)  # type: ignore[arg-type]
    return live_part("console/news.html", str(number), number=number, most=MOST_NEW, list_url=list_url)
