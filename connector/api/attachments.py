"""Answers that a browser saves as a file."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Response


def attachment(content: Iterable[str] | Iterable[bytes], media_type: str, name: str) -> Response:
    """Return an answer whose body is sent piece by piece, and saved under a name."""
    response = Response(content, mimetype=media_type)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
