"""The OpenAPI document as a check on real answers: an error that a test meets has to be one that is documented."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import requests

from connector.app import create_app
from connector.settings import Settings

_TENANT = re.compile(r"^/t/[^/]+")
_EVERYWHERE = {"HTTP-404", "HTTP-405", "HTTP-400", "HTTP-408", "HTTP-414", "HTTP-431"}  # no operation's own


@cache
def _document() -> Any:
    with tempfile.TemporaryDirectory() as directory:
        app = create_app(Settings(data_dir=Path(directory), dev=True))
        document = app.test_client().get("/openapi.json").get_json()
        app.extensions["services"].close()
    return document


def undocumented(answer: requests.Response) -> str | None:
    """Return the undocumented part of an answer; None if everything is documented."""
    code = answer.json()["code"]
    responses = _responses(answer)
    if responses is None or code in _EVERYWHERE:
        return None
    documented = responses.get(str(answer.status_code), {})
    examples = documented.get("content", {}).get("application/json", {}).get("examples", {})
    return None if code in examples else f"{code} is not documented with {answer.status_code}"


def _responses(answer: requests.Response) -> Any:
    """Return the responses of the operation that gave an answer; None if no operation did."""
    url, method = urlsplit(answer.request.url or ""), (answer.request.method or "").lower()
    path = _TENANT.sub("", unquote(url.path)).removesuffix("/")
    found = [template for template, pattern in _patterns().items() if pattern.fullmatch(path)]
    best = min(found, key=lambda template: template.count("{"), default=None)
    operation = _document()["paths"][best].get(method) if best else None
    return operation["responses"] if operation else None


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    """Return the pattern of each documented path."""
    return {each: re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(each))) for each in _document()["paths"]}
