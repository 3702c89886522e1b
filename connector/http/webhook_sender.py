"""A notice's way to an application: signed, posted once, and what the application answered.

    notice ──► webhook-id, webhook-timestamp, webhook-signature ──► POST ──► 2xx: the answer's body
                                                                      └────► all else: `NotTaken`

Signed as the Standard Webhooks specification has it: HMAC-SHA256 over `{id}.{timestamp}.{body}`. No redirect is
followed, for it would carry the notice elsewhere. Whether a notice is sent again is not decided here.
"""

from __future__ import annotations

import base64
import hmac
import time
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import requests
from urllib3 import exceptions as urllib3_errors

from connector.errors import ConnectorError

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 10.0  # until the answer begins, and between two pieces of it
ANSWER_TIMEOUT = 15.0  # for all of it; one more piece may be under way then
MAX_ANSWER = 1024 * 1024  # bytes; what is longer is cut after one more
SECRET_PREFIX = "whsec_"  # noqa: S105  the specification's mark of a secret

_CHUNK_BYTES = 64 * 1024


class NotTaken(ConnectorError):  # noqa: N818  it is an answer, not a defect
    """The application refused the notice, failed or could not be reached; `status` is None where no answer came."""

    def __init__(self, description: str, status: int | None = None) -> None:
        super().__init__(description)
        self.status = status


class Notifier:
    """Posts notices; times are in seconds."""

    def __init__(
        self,
        user_agent: str,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        answer_timeout: float = ANSWER_TIMEOUT,
    ) -> None:
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "Content-Type": "application/json",
            "User-Agent": user_agent,
        }
        self._timeouts = (connect_timeout, read_timeout)
        self._answer_timeout = answer_timeout

    def post(self, url: str, secret: str, notice_id: str, body: bytes, at: datetime) -> bytes:
        """Post a notice, signed at a time, and give the answer's body; raises `NotTaken` for all but 2xx.

        A body of more than `MAX_ANSWER` bytes is longer than the application's answer may be.
        """
        host = urlsplit(url).netloc
        headers = self._headers | signature_headers(secret, notice_id, body, at)
        until = time.monotonic() + self._answer_timeout
        try:
            with (
                _Session() as session,
                session.post(
                    url,
                    data=body,
                    headers=headers,
                    auth=_unchanged,
                    timeout=self._timeouts,
                    allow_redirects=False,
                    stream=True,
                ) as answer,
            ):
                _check_status(host, answer.status_code)
                return _read(answer, until)
        except (OSError, urllib3_errors.HTTPError) as error:  # requests' own are OSErrors
            raise NotTaken(f"{host} gave no answer: {type(error).__name__}.") from error


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Never look for one: requests would read the whole body of a redirect that it does not even follow."""


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


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add no credentials; in place of this, requests would look for some in a `.netrc`."""
    return request


def _check_status(host: str, status: int) -> None:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise NotTaken(f"{host} answered HTTP {status}; redirects are not followed.", status)
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise NotTaken(f"{host} answered HTTP {status}.", status)


def _read(answer: requests.Response, until: float) -> bytes:
    body = bytearray()
    while len(body) <= MAX_ANSWER and (chunk := answer.raw.read1(_CHUNK_BYTES, decode_content=False)):
        body += chunk
        if time.monotonic() > until:
            raise requests.ReadTimeout("the answer took too long")
    return bytes(body[: MAX_ANSWER + 1])
