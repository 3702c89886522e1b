"""JSON over HTTP with a directory: authenticated, bounded in time and size, every failure a `DirectoryError`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from connector.directory.credentials import Credentials
from connector.directory.failures import misunderstood, unreachable, unusable_status
from connector.directory.limits import Budget, Limits
from connector.domain.frozen import frozen
from connector.http.client import Answer, BodyTooLargeError, ExchangeError, HttpClient

MAX_ANSWER = 1024 * 1024
JWT = "application/jwt"
_UNAUTHORIZED = 401


@frozen
class Reply:
    """A directory's answer; `content` is the JSON object of its body, empty if there is none.

    `jwt` is the body of an answer that is a JWT, in a session that reads these.
    """

    status: int
    content: Mapping[str, Any] = field(repr=False)
    items: list[Any] | None = field(default=None, repr=False)
    jwt: str | None = field(default=None, repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return self.status // 100 == 2  # noqa: PLR2004  HTTP's success


class Exchange:
    """Sends requests to one directory."""

    def __init__(self, http: HttpClient, base_url: str, credentials: Credentials, limits: Limits) -> None:
        self._http = http
        self.base_url = base_url.rstrip("/")
        self.host = urlsplit(base_url).netloc
        self._credentials = credentials
        self._limits = limits

    @contextmanager
    def session(self, at_most: float = math.inf) -> Iterator[Session]:
        """Admit one request's calls to the directory, all within one budget of `at_most` seconds."""
        with self._limits.admitted(at_most) as budget:
            yield Session(self._http, self, self._credentials, budget)


@frozen
class Session:
    """The calls of one request to a directory; with `reads_jwt`, an answer may be a JWT, which is not verified here."""

    http: HttpClient
    exchange: Exchange
    credentials: Credentials
    budget: Budget
    reads_jwt: bool = False

    def with_credentials(self, credentials: Credentials) -> Session:
        """Return the session with other credentials, within the same budget."""
        return replace(self, credentials=credentials)

    def reading_jwt(self) -> Session:
        """Return the session in which an answer may be a JWT, within the same budget."""
        return replace(self, reads_jwt=True)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        purpose: str = "",
    ) -> Reply:
        """Send a request and return any answer except a redirect, a throttle or an outage.

        Raises `DirectoryError`, which names the purpose of a change. After a 401 the request is sent once more with a
        new access token.
        """
        other = JWT if self.reads_jwt else "application/json"
        sent = {"Accept": f"{media_type}, {other};q=0.9", **(headers or {})}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            sent["Content-Type"] = media_type
        authorization = self.credentials.header(self.budget)
        reply = self._send(method, path, content, sent | {"Authorization": authorization}, purpose)
        if reply.status == _UNAUTHORIZED and self.credentials.renews(authorization):
            renewed = self.credentials.header(self.budget)
            reply = self._send(method, path, content, sent | {"Authorization": renewed}, purpose)
        return reply

    def _send(self, method: str, path: str, content: bytes | None, headers: Mapping[str, str], purpose: str) -> Reply:
        host, url = self.exchange.host, self.exchange.base_url + path
        try:
            with self.http.open(method, url, seconds=self.budget.left(), headers=headers, body=content) as answer:
                if failure := unusable_status(host, answer, purpose):
                    raise failure
                return self._reply(answer)
        except BodyTooLargeError as error:
            raise misunderstood(host, f"it is longer than {MAX_ANSWER} bytes") from error
        except ExchangeError as error:
            raise unreachable(host, error.reason) from error

    def _reply(self, answer: Answer) -> Reply:
        body = answer.read(MAX_ANSWER)
        if self.reads_jwt and _media_type(answer) == JWT:
            return Reply(answer.status, {}, jwt=body.decode("ascii", "replace").strip())
        return _reply(self.exchange.host, answer.status, body)


def is_id(value: object) -> TypeGuard[str]:
    """Whether a value can be an id in a path; servers and proxies normalize `.` and `..`, even escaped."""
    return isinstance(value, str) and value not in ("", ".", "..")


def _media_type(answer: Answer) -> str:
    return answer.header("Content-Type").partition(";")[0].strip().lower()


def _reply(host: str, status: int, body: bytes) -> Reply:
    """Read an answer; the body of a refusal, which may come from a proxy, need not be JSON."""
    try:
        content = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict):
        return Reply(status, content)
    if isinstance(content, list):
        return Reply(status, {}, content)
    reply = Reply(status, {})
    if reply.is_success:
        raise misunderstood(host, "it must be JSON")
    return reply
