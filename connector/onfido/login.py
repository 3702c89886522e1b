"""Authentication at Onfido: an API token, or OAuth 2 client credentials that obtain an access token.

    call ──► access token known and valid? ──► POST /oauth/token of the same base URL, one thread at a time
         └──► 401 ──► the access token is dropped, and the call is sent again with a new one, because nothing was done

If no access token can be obtained, the call itself was not sent: a verification that was about to start a run can be
closed.
"""

from __future__ import annotations

import hashlib
import re
from http import HTTPStatus
from typing import Protocol

from connector.domain.access_tokens import is_sendable, renewal_time
from connector.domain.messages import message
from connector.domain.providers.credentials import ClientCredentials, Credentials
from connector.errors import Code, OnfidoError
from connector.onfido.authorization import AccessToken, Authorization, BearerAuth, ClientAuth, TokenAuth
from connector.onfido.calls import Answer, Call
from connector.onfido.failures import unreachable
from connector.onfido.pacing import HeldBackError
from connector.onfido.reading import as_object, read_json, required
from connector.onfido.refusals import THROTTLED_RETRY_AFTER
from connector.onfido.transport import Transport

MAX_TOKEN_LENGTH = 8192
_ERROR = re.compile(r"[a-z_]{1,64}")


class Login(Protocol):
    """The authentication of an account's calls."""

    def authorize(self, deadline: float | None, *, is_background: bool) -> Authorization:
        """Return the authorization of a call; raises `OnfidoError` if Onfido grants none."""
        ...

    def renews(self, refused: Authorization) -> bool:
        """Whether a refused call may be sent again with a new authorization."""
        ...


def login(transport: Transport, base_url: str, credentials: Credentials) -> Login:
    """Return the login for either kind of credentials."""
    if isinstance(credentials, ClientCredentials):
        return _ClientLogin(transport, base_url, credentials)
    return _TokenLogin(credentials)


class _TokenLogin:
    def __init__(self, api_token: str) -> None:
        self._auth = TokenAuth(api_token)

    def authorize(self, _deadline: float | None, *, is_background: bool) -> Authorization:
        del is_background
        return self._auth

    def renews(self, _refused: Authorization) -> bool:
        return False


class _ClientLogin:
    def __init__(self, transport: Transport, base_url: str, client: ClientCredentials) -> None:
        self._transport = transport
        self._url = f"{base_url}/oauth/token"
        self._client = client
        self._key = (base_url, client.client_id, hashlib.sha256(client.client_secret.encode()).digest())

    def authorize(self, deadline: float | None, *, is_background: bool) -> Authorization:
        client = self._client
        form = {
            "grant_type": "client_credentials",
            "client_id": client.client_id,
            "client_secret": client.client_secret,
        }
        auth = ClientAuth(client.client_id, client.client_secret)
        call = Call("POST", self._url, auth, form=form, deadline=deadline, is_background=is_background)
        token = self._transport.access_tokens.get(self._key, self._transport.patience(call), lambda: self._ask(call))
        if token is None:
            raise unreachable(message("Another request still waits for Onfido's access token"), is_sent=False)
        return BearerAuth(token, client.client_id)

    def renews(self, refused: Authorization) -> bool:
        self._transport.access_tokens.forget(self._key, refused.secret)
        return True

    def _ask(self, call: Call) -> AccessToken:
        asked_at = self._transport.clock()
        try:
            answer = self._transport.send(call)
        except HeldBackError:
            raise
        except OnfidoError as error:
            raise OnfidoError(error.code, error.description, retry_after=error.retry_after, is_sent=False) from error
        if not answer.is_success:
            raise _refusal(answer)
        return _granted(answer, asked_at)


def _granted(answer: Answer, asked_at: float) -> AccessToken:
    try:
        body = as_object(read_json(answer.body))
        token = required(_header_value(body.get("access_token")), "access_token")
    except ValueError as error:
        why = message("Onfido's answer to the client credentials cannot be read: %(error)s", error=str(error))
        raise unreachable(why, is_sent=False) from error
    return AccessToken(token, renewal_time(asked_at, body.get("expires_in")))


def _header_value(value: object) -> str | None:
    """Return a token that is valid in a header."""
    return value if is_sendable(value, MAX_TOKEN_LENGTH) else None


def _refusal(answer: Answer) -> OnfidoError:
    """Create the error for a refused client; only OAuth's error code of the answer is repeated (RFC 6749, 5.2)."""
    said = ", ".join(filter(None, (f"HTTP {answer.status}", _error_code(answer))))
    if answer.is_throttled:
        why = message("Onfido's limit of calls is reached (%(said)s): try again later.", said=said)
        wait = answer.retry_after or THROTTLED_RETRY_AFTER
        return OnfidoError(Code.ONFIDO_THROTTLES, why, retry_after=wait, is_sent=False)
    if answer.is_transient:
        return unreachable(message("Onfido did not answer the client credentials (%(said)s)", said=said), is_sent=False)
    if answer.status == HTTPStatus.NOT_FOUND:
        why = message("There is no /oauth/token at the base URL (%(said)s): correct base_url.", said=said)
        return OnfidoError(Code.BASE_URL_WRONG, why, is_sent=False)
    why = message("Onfido refused the client credentials (%(said)s): correct client_id and client_secret.", said=said)
    return OnfidoError(Code.TOKEN_REFUSED, why, is_sent=False)


def _error_code(answer: Answer) -> str:
    try:
        error = as_object(read_json(answer.body)).get("error")
    except ValueError:
        return ""
    return error if isinstance(error, str) and _ERROR.fullmatch(error) else ""
