"""A request to Onfido, and the answer to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from connector.domain.frozen import frozen
from connector.errors import NO_ANSWER
from connector.onfido.authorization import Authorization
from connector.onfido.budget import Ahead
from connector.onfido.sessions import File

MAX_BODY_BYTES = 5 * 1024 * 1024  # decompressed; longer bodies are truncated and not parsed


@frozen
class Call:
    """One request; `fields` become its JSON body, a `form` its form. Values are left out of its `repr`, and so of logs.

    `deadline`: the time, by the transport's clock, by which the answer must have arrived. `is_background`: interactive
    calls take precedence. `is_download`: a success is a file, which is not read. `ahead`: the
    calls that are reserved together with this one.
    """

    method: str
    url: str
    auth: Authorization
    params: Mapping[str, str] | None = field(default=None, repr=False)
    fields: Mapping[str, Any] | None = field(default=None, repr=False)
    deadline: float | None = None
    is_background: bool = False
    is_download: bool = False
    form: Mapping[str, str] | None = field(default=None, repr=False)
    accept: str | None = None
    ahead: Ahead | None = None

    @property
    def target(self) -> str:
        """The URL with the query."""
        return f"{self.url}?{urlencode(self.params)}" if self.params else self.url

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, with the credentials."""
        accepted = {} if self.accept is None else {"Accept": self.accept}
        return {**accepted, **self._content_type, **self.auth.headers}

    @property
    def body(self) -> bytes | None:
        """The encoded body, if there is one."""
        if self.fields is not None:
            return json.dumps(self.fields, allow_nan=False).encode()
        return None if self.form is None else urlencode(self.form).encode()

    @property
    def _content_type(self) -> Mapping[str, str]:
        if self.fields is not None:
            return {"Content-Type": "application/json"}
        return {} if self.form is None else {"Content-Type": "application/x-www-form-urlencoded"}


@frozen
class Answer:
    """The answer, with the `date` of Onfido's clock; `retry_after` is in seconds, None if no pause is requested.

    A download has a `file`, which the caller must close, or the `location` of one.
    """

    status: int
    body: bytes = field(repr=False)
    request_id: str | None
    retry_after: int | None
    location: str | None = field(default=None, repr=False)
    date: datetime | None = None
    file: File | None = field(default=None, repr=False)

    @property
    def is_cut(self) -> bool:
        """Whether the body is longer than the limit."""
        return len(self.body) > MAX_BODY_BYTES

    @property
    def is_success(self) -> bool:
        """Whether Onfido carried out the request."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_redirect(self) -> bool:
        """Whether the answer is a redirect."""
        return HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST

    @property
    def is_throttled(self) -> bool:
        """Whether the account has sent too many calls."""
        return self.status == HTTPStatus.TOO_MANY_REQUESTS

    @property
    def is_failure(self) -> bool:
        """Whether Onfido itself has failed."""
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def is_transient(self) -> bool:
        """Whether the same read may succeed in a moment."""
        return self.is_throttled or self.is_failure or self.status in NO_ANSWER
