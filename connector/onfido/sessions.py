"""Connections to Onfido and its file storage, kept and shared by threads.

A `Session` follows no redirect, which would send the token to another host, keeps no cookie and reads no `.netrc`. It
uses the proxies and the CA bundle that the environment names (`environment.py`). With `is_public_only` it connects
only to public addresses. After connecting, a final check (`checking_before_sending`) can still prevent sending:
connecting can take long, and a process may be suspended at any moment.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, urlsplit

from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import create_connection

from connector.domain.addresses import is_public
from connector.domain.messages import message
from connector.errors import Code, OnfidoError
from connector.onfido.environment import proxy_headers, proxy_of, trusted_context

POOL_SIZE = 32

_final_check: ContextVar[Callable[[], None]] = ContextVar("last_look", default=lambda: None)


@dataclass(frozen=True)
class File:
    """A file that is being received; the reader closes it."""

    host: str
    response: BaseHTTPResponse = field(repr=False)

    def close(self) -> None:
        """Close the connection, unless the whole file was read."""
        close(self.response)


class Session:
    """Connections that are kept for the next requests."""

    def __init__(self, user_agent: str, *, is_public_only: bool = False) -> None:
        self._headers = {"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "identity"}
        self._pools = _PUBLIC_POOLS if is_public_only else _POOLS
        self._managers: dict[tuple[str, str], PoolManager] = {}
        self._lock = threading.Lock()

    def request(
        self,
        method: str,
        url: str,
        timeouts: tuple[float, float],
        headers: Mapping[str, str] = MappingProxyType({}),
        body: bytes | None = None,
    ) -> BaseHTTPResponse:
        """Send a request and return the head of its answer; `timeouts` limit connecting, and each read.

        Raises `OSError`, or an error of urllib3's.
        """
        connect_timeout, read_timeout = timeouts
        return self._manager(urlsplit(url)).urlopen(
            method,
            url,
            body=body,
            headers={**self._headers, **headers},
            timeout=Timeout(connect=connect_timeout, read=read_timeout),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )

    def close(self) -> None:
        """Close every connection now; urllib3 would wait until no traceback or other object references its pool."""
        for manager in self._managers.values():
            for key in manager.pools.keys():  # noqa: SIM118  no dict: it cannot be iterated over itself
                manager.pools[key].close()

    def _manager(self, url: SplitResult) -> PoolManager:
        key = (url.scheme, proxy_of(url))
        with self._lock:
            if key not in self._managers:
                self._managers[key] = self._create_manager(*key)
            return self._managers[key]

    def _create_manager(self, scheme: str, proxy: str) -> PoolManager:
        options: dict[str, Any] = {"maxsize": POOL_SIZE}
        if scheme == "https":
            options["ssl_context"] = trusted_context()
        manager = (
            ProxyManager(proxy, proxy_headers=proxy_headers(proxy), **options) if proxy else PoolManager(**options)
        )
        manager.pool_classes_by_scheme = _POOLS if proxy else self._pools
        return manager


def close(response: BaseHTTPResponse) -> None:
    """Close the connection of an answer, unless its body was read to the end."""
    response.close()
    response.release_conn()


@contextmanager
def checking_before_sending(check: Callable[[], None]) -> Iterator[None]:
    """Run a check in this thread immediately before each request is sent; an exception from it prevents sending.

    The check runs before each part, so that a partly sent request is not completed either.
    """
    token = _final_check.set(check)
    try:
        yield
    finally:
        _final_check.reset(token)


class _Connection(HTTPConnection):
    def send(self, data: Any) -> None:
        _make_final_check(self)
        super().send(data)


class _TlsConnection(HTTPSConnection):
    def send(self, data: Any) -> None:
        _make_final_check(self)
        super().send(data)


def _make_final_check(connection: HTTPConnection) -> None:
    if connection.sock is None:
        connection.connect()
    _final_check.get()()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


class _PublicConnection(HTTPSConnection):
    """Resolves a name once, refuses it if any of its addresses is not public, and connects to one of them."""

    def _new_conn(self) -> socket.socket:
        resolved = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        addresses = dict.fromkeys(str(address[0]) for *_, address in resolved)
        if not all(map(is_public, addresses)):
            raise OnfidoError(
                Code.FILE_UNAVAILABLE,
                message("%(host)s must be a public host: no file is fetched from it.", host=self.host),
            )
        failure = OSError("no address")
        for address in addresses:
            try:
                return create_connection((address, self.port), self.timeout, socket_options=self.socket_options)
            except OSError as error:
                failure = error
        raise failure


class _PublicPool(HTTPSConnectionPool):
    ConnectionCls = _PublicConnection


_PUBLIC_POOLS: dict[str, type[HTTPConnectionPool]] = {"https": _PublicPool}
