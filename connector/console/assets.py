"""The console's files, each at an address that changes with its content, so that browsers may keep it."""

from __future__ import annotations

import hashlib
from functools import cache
from http import HTTPStatus
from pathlib import Path

from flask import request, url_for
from werkzeug.wrappers import Response

FOLDER = Path(__file__).parent / "static"
FILES, LIBRARY = "console_files", "bootstrap"  # the blueprints
KEPT = "public, max-age=31536000, immutable"
ASKED = "public, max-age=3600"  # at an address without a version
NEVER = "no-store"
_FOUND = {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.NOT_MODIFIED}


def asset(name: str) -> str:
    """Return the address of a file, which changes with its content."""
    return url_for(f"{FILES}.static", filename=name, v=_version(name))


def protect(response: Response) -> Response:
    """Add the headers of a file.

    During a rolling upgrade, the page of another version may ask this one for its file: under that address the answer
    must not be kept.
    """
    if request.blueprint not in {FILES, LIBRARY}:
        return response
    response.headers["Cache-Control"] = _caching() if response.status_code in _FOUND else NEVER
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _caching() -> str:
    asked = request.args.get("v")
    if asked is None or request.blueprint == LIBRARY:
        return ASKED
    return KEPT if asked == _version((request.view_args or {})["filename"]) else NEVER


@cache
def _version(name: str) -> str:
    return hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]
