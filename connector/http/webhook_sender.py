"""Sending a notice to an application: signed, posted once, and the application's answer.

    notice ──► webhook-id, webhook-timestamp, webhook-signature ──► POST ──► 2xx: the answer's body
                                                                      └────► all else: `NotTaken`

The signature is that of the Standard Webhooks specification: HMAC-SHA256 over `{id}.{timestamp}.{body}`. No redirect is
followed, for it would carry the notice elsewhere. Whether a notice is sent again is not decided here.
"""

from __future__ import annotations

import base64
import hmac
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from connector.errors import ConnectorError
from connector.http.client import Answer, BodyTooLargeError, ExchangeError, HttpClient

TIMEOUT = 15.0  # seconds for the whole exchange
MAX_ANSWER = 1024 * 1024  # bytes
SECRET_PREFIX = "whsec_"  # noqa: S105  the specification's mark of a secret


class NotTaken(ConnectorError):  # noqa: N818  it is an answer, not a defect
    """The application refused the notice, failed or could not be reached; `status` is None where no answer came."""

    def __init__(self, description: str, status: int | None = None) -> None:
        super().__init__(description)
        self.status = status


class Notifier:
    """Posts notices, each within `timeout` seconds."""

    def __init__(self, client: HttpClient, *, timeout: float = TIMEOUT) -> None:
        self._client = client
        self._timeout = timeout

    def post(self, url: str, secret: str, notice_id: str, body: bytes, at: datetime) -> bytes | None:
        """Sign and post a notice, and return the answer's body, None where it is longer than `MAX_ANSWER`.

        Raises `NotTaken` for all but 2xx.
        """
        host = urlsplit(url).netloc
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        headers |= signature_headers(secret, notice_id, body, at)
        try:
            with self._client.open("POST", url, seconds=self._timeout, headers=headers, body=body) as answer:
                return _read(host, answer)
        except ExchangeError as error:
            raise NotTaken(f"{host} gave no answer: {error.reason}.") from error


def signature_headers(secret: str, notice_id: str, body: bytes, at: datetime) -> dict[str, str]:
    """Sign a notice."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    timestamp = str(int(at.timestamp()))
    digest = hmac.digest(key, f"{notice_id}.{timestamp}.".encode() + body, "sha256")
    return {
        "webhook-id": notice_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _read(host: str, answer: Answer) -> bytes | None:
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        raise NotTaken(f"{host} answered HTTP {answer.status}; redirects are not followed.", answer.status)
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise NotTaken(f"{host} answered HTTP {answer.status}.", answer.status)
    try:
        return answer.read(MAX_ANSWER)
    except BodyTooLargeError:
        return None
