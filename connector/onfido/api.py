"""One account at Onfido, identified by its credentials: calling its endpoints and reading the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Self, TypeVar
from urllib.parse import quote

from connector.domain.messages import message
from connector.domain.providers.credentials import Credentials
from connector.errors import Code, OnfidoError
from connector.onfido.budget import Ahead
from connector.onfido.calls import MAX_BODY_BYTES, Answer, Call
from connector.onfido.login import login
from connector.onfido.reading import read_json
from connector.onfido.refusals import misunderstanding, refusal
from connector.onfido.transport import Transport

T = TypeVar("T")


class OnfidoApi:
    """The base of an account's calls: base URL, credentials, deadline, and the handling of answers.

    `deadline` is the time, by the transport's clock, by which all calls must be answered. `ahead`: the calls that are
    reserved together.
    """

    def __init__(
        self,
        transport: Transport,
        base_url: str,
        credentials: Credentials,
        *,
        deadline: float | None = None,
        is_background: bool = False,
        ahead: Ahead | None = None,
    ) -> None:
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._login = login(transport, self._base_url, credentials)
        self._deadline = deadline
        self._is_background = is_background
        self._ahead = ahead

    def until(self, deadline: float | None) -> Self:
        """Return the same account with another deadline."""
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
        accept: str | None = None,
    ) -> Call:
        if not all(segment.strip(".") for segment in path):
            # In a URL it means the parent directory, even percent-encoded.
            raise OnfidoError(
                Code.INITIATION_FAILED,
                message("An id of Onfido's is empty or malformed: check the id in the request."),
                is_sent=False,
            )
        url = "/".join((self._base_url, *(quote(segment, safe="") for segment in path)))
        auth = self._login.authorize(self._deadline, is_background=self._is_background)
        return Call(
            method,
            url,
            auth,
            params,
            fields,
            self._deadline,
            self._is_background,
            is_download,
            accept=accept,
            ahead=self._ahead,
        )

    def _read(self, reader: Callable[[object], T], call: Call, *, refused_as: Code | None = None) -> T:
        return understand(self._send(call, refused_as=refused_as), reader)

    def _send(self, call: Call, *, refused_as: Code | None = None) -> Answer:
        call, answer = self._exchange(call)
        if not answer.is_success:
            raise refusal(answer, call, refused_as)
        return answer

    def _exchange(self, call: Call) -> tuple[Call, Answer]:
        """Send a call, and again if its access token is refused; return the last call sent, and its answer.

        A write is repeated only if Onfido itself refused it, so that nothing was done.
        """
        answer = self._transport.send(call)
        if answer.status != HTTPStatus.UNAUTHORIZED or not self._login.renews(call.auth):
            return call, answer
        if call.method != "GET" and not refusal(answer, call, None).is_refusal:
            return call, answer
        call = replace(call, auth=self._login.authorize(self._deadline, is_background=self._is_background))
        return call, self._transport.send(call)


def understand(answer: Answer, reader: Callable[[object], T]) -> T:
    """Read the body of a successful answer; raises `OnfidoError` if that is impossible."""
    if answer.is_cut:
        raise misunderstanding(answer, f"it is longer than {MAX_BODY_BYTES // 1024**2} MB")
    try:
        return reader(read_json(answer.body))
    except ValueError as error:
        raise misunderstanding(answer, str(error)) from error
