"""Failures without an answer, as `OnfidoError`s."""

from __future__ import annotations

import socket
import ssl

from urllib3 import exceptions as urllib3_errors

from connector.domain.messages import message
from connector.errors import Code, OnfidoError

UNREACHABLE_RETRY_AFTER = 10  # seconds, because Onfido cannot send any
_UNKNOWN_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


def failure(error: Exception, host: str, *, is_sent: bool = True) -> OnfidoError:
    """Return why there was no answer; `is_sent`: a part of the request may have reached Onfido.

    A certificate that is not trusted counts as unreachable, not as a wrong base URL: it may be a proxy's, or be renewed
    soon. So does a name server that does not answer.
    """
    origin = error.__cause__ or next(iter(error.args[-1:]), None)
    if isinstance(error, ValueError) or (isinstance(origin, socket.gaierror) and origin.errno in _UNKNOWN_NAME):
        return OnfidoError(
            Code.BASE_URL_WRONG,
            message(
                "The host %(host)s was not found: check the provider's base_url, and the name server of this machine.",
                host=host,
            ),
            is_sent=False,
        )
    if isinstance(origin, ssl.SSLCertVerificationError):
        why = message(
            "%(host)s has a TLS certificate that is not trusted: %(verify_message)s",
            host=host,
            verify_message=origin.verify_message,
        )
        return unreachable(why, is_sent=False)
    if isinstance(error, urllib3_errors.ProxyError):
        return unreachable(message("The proxy on the way to %(host)s failed", host=host), is_sent=False)
    if isinstance(error, TimeoutError | urllib3_errors.TimeoutError) and not _is_refused(error):
        why = message("%(host)s did not answer in time", host=host)
    else:
        what = origin if isinstance(origin, Exception) else error
        why = message("The connection to %(host)s failed: %(name)s", host=host, name=type(what).__name__)
    return unreachable(why, is_sent=is_sent)


def unreachable(why: str, *, is_sent: bool) -> OnfidoError:
    """Create the error for a host that does not answer, or whose answer is invalid."""
    return OnfidoError(
        Code.ONFIDO_UNREACHABLE,
        message("%(why)s. Try again later.", why=why),
        retry_after=UNREACHABLE_RETRY_AFTER,
        is_sent=is_sent,
    )


def _is_refused(error: Exception) -> bool:
    """Whether there was no connection for another reason than the time; urllib3 counts this as a time-out."""
    return isinstance(error, urllib3_errors.NewConnectionError)
