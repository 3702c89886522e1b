"""The connector's authentication at a directory: a bearer token, a password, or OAuth 2 client credentials.

client credentials ──► valid access token cached? ──► POST token endpoint, one thread at a time
401 of the directory ──► the access token is dropped, and the call is sent again with a new one
"""

from __future__ import annotations

import base64
import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Protocol
from urllib.parse import urlsplit

from connector.directory.failures import misunderstood, refused, unreachable, unusable_status
from connector.directory.limits import Budget
from connector.domain.access_tokens import is_sendable, renewal_time
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.http.client import ExchangeError, HttpClient
from connector.http.client_form import client_form

MAX_TOKEN_LENGTH = 16_384
MAX_ANSWER = 64 * 1024


class Credentials(Protocol):
    """The authentication of calls to a directory."""

    def header(self, budget: Budget) -> str:
        """Return the header `Authorization`; raises `DirectoryError` if no access token is available."""
        ...

    def renews(self, header: str) -> bool:
        """Whether a call that was refused with this header may be sent again with a new one."""
        ...


@frozen
class Fixed:
    """A bearer token, or a user's name and password."""

    authorization: str = field(repr=False)

    def header(self, _budget: Budget) -> str:
        """Return the header, always the same."""
        return self.authorization

    def renews(self, _header: str) -> bool:
        """Return False: there is no other."""
        return False


def bearer(token: str) -> Fixed:
    """Return the credentials for a bearer token."""
    return Fixed(f"Bearer {token}")


def basic(username: str, password: str) -> Fixed:
    """Return the credentials of a user with a password (RFC 7617)."""
    return Fixed(f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}")


@frozen
class Client:
    """An OAuth 2 client with a secret; `parameters` are added to its token requests, such as `audience`."""

    token_url: str
    client_id: str
    secret: str = field(repr=False)
    scope: str = ""
    sends_secret_in_body: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)

    def request(self) -> tuple[dict[str, str], bytes]:
        """Return the headers and the body of a request for an access token (RFC 6749, 4.4 and 2.3.1)."""
        form = {"grant_type": "client_credentials", **self.parameters}
        if self.scope:
            form["scope"] = self.scope
        return client_form(form, self.client_id, self.secret, is_secret_in_body=self.sends_secret_in_body)


@frozen
class _Granted:
    """An access token as a header, and the time of its renewal."""

    header: str = field(repr=False)
    renew_at: float


_NONE = _Granted("", -math.inf)


class ClientCredentials:
    """The access token of an OAuth 2 client, shared by all threads; at most one of them renews it."""

    def __init__(self, http: HttpClient, client: Client, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._client = client
        self._monotonic = monotonic
        self._renewing = threading.Lock()
        self._granted = _NONE

    def header(self, budget: Budget) -> str:
        """Return the header with the access token, renewed if necessary."""
        if header := self._valid():
            return header
        if not self._renewing.acquire(timeout=budget.left()):
            raise unreachable(self._host, message("another request still waits for its access token"))
        try:
            return self._valid() or self._renew(budget)
        finally:
            self._renewing.release()

    def renews(self, header: str) -> bool:
        """Drop a refused access token, unless another thread has renewed it since.

        This does not wait for other threads: a newly granted token may be dropped, which costs another request.
        """
        if self._granted.header == header:
            self._granted = _NONE
        return True

    def _valid(self) -> str:
        granted = self._granted
        return granted.header if self._monotonic() < granted.renew_at else ""

    def _renew(self, budget: Budget) -> str:
        asked_at = self._monotonic()
        answer = self._ask(budget)
        token = _token(answer)
        if token is None:
            raise misunderstood(self._host, "it granted no access token that can be sent")
        granted = _Granted(f"Bearer {token}", renewal_time(asked_at, answer.get("expires_in")))
        self._granted = granted
        return granted.header

    def _ask(self, budget: Budget) -> dict[str, Any]:
        headers, body = self._client.request()
        try:
            with self._http.open(
                "POST", self._client.token_url, seconds=budget.left(), headers=headers, body=body
            ) as answer:
                content = answer.read(MAX_ANSWER)
        except ExchangeError as error:
            raise unreachable(self._host, error.reason) from error
        if failure := unusable_status(self._host, answer):
            raise failure
        if answer.status != 200:  # noqa: PLR2004  OAuth's success
            raise refused(
                self._host,
                answer.status,
                "it granted no access token to the client: correct client_id, client_secret, scope and token_url",
            )
        return _object(self._host, content)

    @property
    def _host(self) -> str:
        return urlsplit(self._client.token_url).netloc


def _object(host: str, content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise misunderstood(host, "it must answer a JSON object")
    return answer


def _token(answer: Mapping[str, Any]) -> str | None:
    """Return a bearer token that is valid in a header."""
    token, kind = answer.get("access_token"), answer.get("token_type", "bearer")
    return token if is_sendable(token, MAX_TOKEN_LENGTH) and str(kind).lower() == "bearer" else None
