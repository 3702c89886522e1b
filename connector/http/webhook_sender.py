"""Sending a notice to an application: signed, posted once, and the application's answer.

    notice ──► webhook-id, webhook-timestamp, webhook-signature ──► POST ──► 2xx: the answer's body
                                                                      └────► any other answer: `NotAccepted`

The signature follows the Standard Webhooks specification and is made by its library; while a secret is being replaced,
the header has one for each secret. Redirects are not followed, because they would send the notice to another address.
Retries are decided elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import field
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from standardwebhooks import Webhook

from connector.domain.answered import Answered, start_of
from connector.domain.frozen import frozen
from connector.errors import ConnectorError
from connector.http.client import Answer, BodyTooLargeError, ExchangeError, HttpClient

TIMEOUT = 15.0  # seconds for the whole exchange
MAX_ANSWER = 1024 * 1024  # bytes
MAX_REFUSAL = 4096  # bytes of an answer other than 2xx


class NotAccepted(ConnectorError):  # noqa: N818  it is an answer, not a defect
    """The application refused the notice, failed or could not be reached (then `answered.status` is None)."""

    def __init__(self, description: str, answered: Answered) -> None:
        super().__init__(description)
        self.answered = answered

    @property
    def status(self) -> int | None:
        """The answer's HTTP status."""
        return self.answered.status

    @property
    def is_unavailable(self) -> bool:
        """Whether no other notice would be accepted now, either."""
        return self.status is None or self.status in _BUSY or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


_BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


@frozen
class Accepted:
    """A notice that the application accepted; `body` is None if it is longer than `MAX_ANSWER`."""

    answered: Answered
    body: bytes | None = field(repr=False)


class Notifier:
    """Posts notices, each within `timeout` seconds."""

    def __init__(self, client: HttpClient, *, timeout: float = TIMEOUT) -> None:
        self._client = client
        self._timeout = timeout

    def post(self, url: str, secrets: Sequence[str], notice_id: str, body: str, at: datetime) -> Accepted:
        """Sign a notice with each of the secrets and post it; raises `NotAccepted` for any answer except 2xx."""
        host, begun = urlsplit(url).netloc, time.monotonic()
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        headers |= signature_headers(secrets, notice_id, body, at)
        try:
            with self._client.open("POST", url, seconds=self._timeout, headers=headers, body=body.encode()) as answer:
                return _read(host, answer, begun)
        except ExchangeError as error:
            answered = Answered(None, time.monotonic() - begun)
            raise NotAccepted(f"{host} gave no answer: {error.reason}.", answered) from error


def signature_headers(secrets: Sequence[str], notice_id: str, body: str, at: datetime) -> dict[str, str]:
    """Sign a notice."""
    signed_at = at.astimezone(UTC)
    return {
        "webhook-id": notice_id,
        "webhook-timestamp": str(int(signed_at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(notice_id, signed_at, body) for secret in secrets),
    }


def _read(host: str, answer: Answer, begun: float) -> Accepted:
    status = answer.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        body = _body(answer, MAX_ANSWER)
        return Accepted(Answered(status, time.monotonic() - begun, start_of(body or b"")), body)
    if status < HTTPStatus.BAD_REQUEST:
        answered = Answered(status, time.monotonic() - begun)
        raise NotAccepted(f"{host} answered HTTP {status}; redirects are not followed.", answered)
    start = start_of(_start(answer))
    raise NotAccepted(f"{host} answered HTTP {status}.", Answered(status, time.monotonic() - begun, start))


def _body(answer: Answer, limit: int) -> bytes | None:
    try:
        return answer.read(limit)
    except BodyTooLargeError:
        return None


def _start(answer: Answer) -> bytes:
    """Read the start of a refusal's body, for the operator only."""
    try:
        return _body(answer, MAX_REFUSAL) or b""
    except ExchangeError:
        return b""
