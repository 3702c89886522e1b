"""Onfido's file storage, another host to which its API redirects with a signed address.

    302, Location ──► https, and a public host? ──► one request, without token or cookie ──► 200: the file

The address is not trusted, because it could direct the connector to internal hosts. A base URL with plain http to
loopback is for development, and may redirect to loopback.

The host's name is resolved once, all its addresses are checked, and one of them is connected to. With a proxy in the
environment the proxy resolves the name, and so decides which hosts can be reached.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from urllib3 import exceptions as urllib3_errors

from connector.domain.messages import message
from connector.domain.urls import UrlPolicy
from connector.errors import Code, OnfidoError
from connector.onfido.connections import Limits, exchanging
from connector.onfido.failures import unreachable
from connector.onfido.sessions import File, Session

_PUBLIC = UrlPolicy(None)
_DEVELOPMENT = UrlPolicy(None, allows_http_loopback=True)


class Storage:
    """Fetches files from Onfido's storage, over connections that all threads share."""

    def __init__(self, user_agent: str) -> None:
        self._public = Session(user_agent, is_public_only=True)
        self._development = Session(user_agent)

    def close(self) -> None:
        """Close all connections."""
        self._public.close()
        self._development.close()

    def open(self, asked: str, location: str, limits: Limits) -> File:
        """Open the file at `location`, to which Onfido redirected from the URL `asked`; the caller closes it."""
        is_development = _PUBLIC.objection(asked) is not None and _DEVELOPMENT.objection(asked) is None
        policy, session = (_DEVELOPMENT, self._development) if is_development else (_PUBLIC, self._public)
        url = _resolve(asked, location, policy)
        host = urlsplit(url).netloc
        try:
            with exchanging(limits):
                response = session.request("GET", url, {"Accept": "*/*"})
        except (OSError, ValueError, urllib3_errors.HTTPError) as error:
            # Not chained: the message of urllib3 may contain the signed address.
            raise unreachable(
                message(
                    "%(host)s, where Onfido keeps the file, failed: %(name)s", host=host, name=type(error).__name__
                ),
                is_sent=False,
            ) from None
        file = File(host, response)
        if response.status == HTTPStatus.OK:
            return file
        file.close()
        raise _refusal(host, response.status)


def _resolve(asked: str, location: str, policy: UrlPolicy) -> str:
    try:
        url = urljoin(asked, location)
        objection = policy.objection(url)
    except ValueError:
        objection = message("must be a URL")
    if objection is not None:
        why = message("Onfido keeps the file at an address that is not allowed: it %(objection)s", objection=objection)
        raise OnfidoError(Code.FILE_UNAVAILABLE, message("%(why)s. Take the file from Onfido's dashboard.", why=why))
    return url


def _refusal(host: str, status: int) -> OnfidoError:
    what = message("%(host)s, where Onfido keeps the file, answered HTTP %(status)s", host=host, status=status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return unreachable(what, is_sent=False)
    return OnfidoError(
        Code.FILE_UNAVAILABLE, message("%(what)s: ask again in a moment, or create the file anew.", what=what)
    )
