"""Connections to Onfido and its file storage, with limits of time for every step of an exchange.

    look-up ──► connecting ──► TLS ──► the final check ──► request ──► answer
    └─ `answer` ┘└────── `connect` ──┘                     └─────── `answer` ──────┘      in seconds; `whole`: all of it

urllib3's time-outs restart with every byte that arrives. These sockets wait until the limit of the exchange that their
thread is in the middle of, so that a peer that sends slowly, wherever in its answer, holds no thread beyond it.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NameResolutionError, NewConnectionError

from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.errors import Code, OnfidoError
from connector.http.sockets import Deadline, Reach, Refused, TimedSocket, TimedTlsSocket, connect_to, look_up


@frozen
class Limits:
    """The most seconds for connecting (with TLS, and a proxy's answer), for the answer, and for the whole exchange."""

    connect: float
    answer: float
    whole: float = math.inf


class Exchange:
    """An exchange in progress; `is_sending`: a part of the request may have been sent."""

    def __init__(self, limits: Limits, check: Callable[[], None]) -> None:
        self._limits = limits
        self._end = Deadline(limits.whole)
        self.is_sending = self._is_connecting = False
        self._check = check
        self.deadline = self._within(limits.answer)

    def begin_look_up(self) -> None:
        """Start the time for looking the name up."""
        self._is_connecting = True
        self.deadline = self._within(self._limits.answer)

    def begin_connecting(self) -> None:
        """Start the time for connecting."""
        self.deadline = self._within(self._limits.connect)

    def end_connecting(self) -> None:
        """Accept the connection as established: what follows is the request itself, no longer a proxy's."""
        self._is_connecting = False

    def check(self) -> None:
        """Make the final check before a part of the request; the first one starts the time for the answer."""
        self._check()
        if not (self.is_sending or self._is_connecting):
            self.is_sending = True
            self.deadline = self._within(self._limits.answer)

    def _within(self, seconds: float) -> Deadline:
        return Deadline(min(seconds, self._end.left()))


_current: ContextVar[Exchange] = ContextVar("exchange")


@contextmanager
def exchanging(limits: Limits, check: Callable[[], None] = lambda: None) -> Iterator[Exchange]:
    """Limit the exchange in this block; `check` runs before each part of the request, and may raise to prevent it."""
    exchange = Exchange(limits, check)
    token = _current.set(exchange)
    try:
        yield exchange
    finally:
        _current.reset(token)


def _left() -> float:
    return _current.get().deadline.left()


class _LimitedSocket(TimedSocket):
    def left(self) -> float:
        return _left()


class LimitedTlsSocket(TimedTlsSocket):
    """A TLS socket that waits until the limit of its thread's exchange."""

    def left(self) -> float:
        """Return the seconds that the next operation may take; raises `TimeoutError` if there are none."""
        return _left()

    def recv(self, *args: Any) -> bytes:
        """Receive the available bytes, of TLS that is within the TLS of a proxy."""
        self.settimeout(self.left())
        return super().recv(*args)

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands; the time-out limits the whole handshake."""
        self.settimeout(self.left())
        super().do_handshake(block)


class _Connection(HTTPConnection):
    reach = Reach()

    def connect(self) -> None:
        super().connect()
        _current.get().end_connecting()

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _current.get().check()
        super().send(data)

    def _new_conn(self) -> socket.socket:
        return _open(self, self.reach)


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _PublicConnection(_TlsConnection):
    """Looks a name up once, refuses it if any of its addresses is not public, and connects to one of them."""

    reach = Reach(is_public_only=True)


def _open(connection: HTTPConnection, reach: Reach) -> socket.socket:
    """Connect a socket; raises urllib3's errors."""
    host, exchange = connection._dns_host.strip("[]"), _current.get()
    try:
        exchange.begin_look_up()
        addresses = look_up(host, connection.port, exchange.deadline)
        exchange.begin_connecting()
        return connect_to(host, addresses, exchange.deadline, reach, kind=_LimitedSocket)
    except Refused:
        raise OnfidoError(
            Code.FILE_UNAVAILABLE,
            message("%(host)s must be a public host: no file is fetched from it.", host=connection.host),
        ) from None
    except UnicodeError as error:
        raise LocationParseError(f"'{host}', label empty or too long") from error
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, f"{connection.host} did not answer in time") from error
    except OSError as error:
        raise NewConnectionError(connection, str(error)) from error


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _PublicPool(HTTPSConnectionPool):
    ConnectionCls = _PublicConnection


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TlsPool}
PUBLIC_POOLS: dict[str, type[HTTPConnectionPool]] = {"https": _PublicPool}
