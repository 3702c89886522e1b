"""The bounded client as a transport of `requests`, for libraries that send requests themselves.

Authlib sends with `requests`, which has no deadline, follows redirects and reads `.netrc`; through this transport its
calls have the same limits as all others.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse

from connector.http.client import HttpClient

TYPE = "Content-Type"


class BoundedTransport(BaseAdapter):
    """Sends requests with an `HttpClient`, each within `seconds` and with answers of at most `limit` bytes."""

    def __init__(self, client: HttpClient, seconds: float, limit: int) -> None:
        super().__init__()
        self._client = client
        self._seconds = seconds
        self._limit = limit

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        """Send a request; raises `ExchangeError`."""
        body = request.body.encode() if isinstance(request.body, str) else request.body
        headers: Mapping[str, str] = {
            name: value if isinstance(value, str) else value.decode() for name, value in request.headers.items()
        }
        headers = {name: value for name, value in headers.items() if name.lower() not in _OF_CONNECTION}
        method, url = request.method or "GET", request.url or ""
        with self._client.open(method, url, seconds=self._seconds, headers=headers, body=body or None) as answer:
            return _response(request, answer.status, answer.header(TYPE), answer.read(self._limit))

    def close(self) -> None:
        """Do nothing, because each exchange has closed its connection."""


_OF_CONNECTION = frozenset({"accept-encoding", "connection", "content-length"})


def _response(request: PreparedRequest, status: int, media_type: str, content: bytes) -> Response:
    response = Response()
    response.status_code = status
    response.headers = CaseInsensitiveDict({TYPE: media_type})
    response.raw = HTTPResponse(io.BytesIO(content), status=status, preload_content=False)
    response.encoding = "utf-8"
    response.url = request.url or ""
    response.request = request
    return response
