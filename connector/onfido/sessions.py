"""Connections, with those features of `requests` switched off that must not be used.

A `Session` follows no redirect and keeps no cookie; with `is_public_only` it connects only to public addresses. After
connecting, a final check (`checking_before_sending`) can still prevent sending: connecting can take long, and a process
may be suspended at any moment.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager, ProxyManager
from urllib3.util.connection import create_connection

from connector.domain.addresses import is_public
from connector.domain.messages import message
from connector.errors import Code, OnfidoError

POOL_SIZE = 32

_final_check: ContextVar[Callable[[], None]] = ContextVar("last_look", default=lambda: None)


class Session(requests.Session):
    """A session that follows no redirect, which would send the token to another host, and shares no cookies between
    tokens.
    """

    def __init__(self, user_agent: str, *, is_public_only: bool = False) -> None:
        super().__init__()
        self.headers.update({"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "identity"})
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        make = _PublicAdapter if is_public_only else _Adapter
        self._adapter = make(pool_maxsize=POOL_SIZE, max_retries=0)
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no target, because `requests` would otherwise read the whole body of a redirect that it does not
        follow.
        """

    def close(self) -> None:
        """Close every connection now; urllib3 would wait until no traceback or other object references its pool."""
        for manager in (self._adapter.poolmanager, *self._adapter.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118  no dict: it cannot be iterated over itself
                manager.pools[key].close()
        super().close()


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


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        own = manager.pool_classes_by_scheme  # a SOCKS proxy uses its own connection classes
        manager.pool_classes_by_scheme = _POOLS if isinstance(manager, ProxyManager) else own
        return manager


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


class _PublicAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"https": _PublicPool}
