"""One account at Onfido, as one API token sees it: how its endpoints are called and their answers read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, Self, TypeVar
from urllib.parse import quote

from connector.errors import Code, OnfidoError
from connector.onfido.reading import read_json
from connector.onfido.refusals import misunderstanding, refusal
from connector.onfido.transport import MAX_BODY_BYTES, Answer, Call, TokenAuth, Transport

T = TypeVar("T")


class OnfidoApi:
    """What the calls of an account have in common: base URL, token, how much time, and what becomes of answers.

    `deadline` is a time of the transport's clock by which all of them have to be answered.
    """

    def __init__(
        self,
        transport: Transport,
        base_url: str,
        token: str,
        *,
        deadline: float | None = None,
        is_background: bool = False,
    ) -> None:
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._auth = TokenAuth(token)
        self._deadline = deadline
        self._is_background = is_background

    def until(self, deadline: float | None) -> Self:
        """Give the same account for calls that have to be answered by another time."""
        other = copy(self)
        other._deadline = deadline
        return other

    def _call(
        self,
        method: str,
        *path: str,
        params: Mapping[str, str] | None = None,
        fields: Mapping[str, Any] | None = None,
        is_download: bool = False,
    ) -> Call:
        if not all(segment.strip(".") for segment in path):
            # A URL would climb up by it, however it is quoted.
            raise OnfidoError(Code.INITIATION_FAILED, "An id of Onfido's is empty or malformed.", is_sent=False)
        url = "/".join((self._base_url, *(quote(segment, safe="") for segment in path)))
        return Call(method, url, self._auth, params, fields, self._deadline, self._is_background, is_download)

    def _read(self, reader: Callable[[object], T], call: Call, *, refused_as: Code | None = None) -> T:
        return understand(self._send(call, refused_as=refused_as), reader)

    def _send(self, call: Call, *, refused_as: Code | None = None) -> Answer:
        answer = self._transport.send(call)
        if not answer.is_success:
            raise refusal(answer, call, refused_as)
        return answer


def understand(answer: Answer, reader: Callable[[object], T]) -> T:
    """Read the body of a success; raises `OnfidoError` where that cannot be done."""
    if answer.is_cut:
        raise misunderstanding(answer, f"it is longer than {MAX_BODY_BYTES // 1024**2} MB")
    try:
        return reader(read_json(answer.body))
    except ValueError as error:
        raise misunderstanding(answer, str(error)) from error
