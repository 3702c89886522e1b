"""Answers that a browser saves as a file."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from itertools import chain

from flask import Response

CSV = "text/csv"


def attachment(content: Iterable[str] | Iterable[bytes], media_type: str, name: str) -> Response:
    """Return an answer whose body is streamed, and saved under a name."""
    response = Response(content, mimetype=media_type)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def csv_attachment(pieces: Generator[str], name: str) -> Response:
    """Return a CSV file that is read from the database while it is sent."""
    first = next(pieces)  # reads from the database before anything is sent, so that a failure can still be answered
    response = attachment(chain((first,), pieces), CSV, name)
    response.call_on_close(pieces.close)
    return response
