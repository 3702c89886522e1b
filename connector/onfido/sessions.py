"""Connections to Onfido and its file storage, kept and shared by threads.

A `Session` follows no redirect, which would send the token to another host, keeps no cookie and reads no `.netrc`. It
uses the proxies and the CA bundle that the environment names (`proxies.py`). With `is_public_only` it connects
only to public addresses. Its requests are sent within `connections.exchanging`, which limits their time.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, urlsplit

from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager

from connector.domain.frozen import frozen
from connector.onfido.connections import POOLS, PUBLIC_POOLS
from connector.onfido.proxies import proxy_headers, proxy_of, trusted_context

POOL_SIZE = 32


@frozen
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
        self._pools = PUBLIC_POOLS if is_public_only else POOLS
        self._managers: dict[tuple[str, str], PoolManager] = {}
        self._lock = threading.Lock()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        body: bytes | None = None,
    ) -> BaseHTTPResponse:
        """Send a request and return the head of its answer; raises `OSError`, or an error of urllib3's."""
        return self._manager(urlsplit(url)).urlopen(
            method,
            url,
            body=body,
            headers={**self._headers, **headers},
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
        manager = _proxy_manager(proxy, options) if proxy else PoolManager(**options)
        manager.pool_classes_by_scheme = POOLS if proxy else self._pools
        return manager


def _proxy_manager(proxy: str, options: Mapping[str, Any]) -> PoolManager:
    """Create the connections through a proxy, which may itself be asked over TLS."""
    headers, is_tls = proxy_headers(proxy), proxy.lower().startswith("https:")
    return ProxyManager(
        proxy, proxy_headers=headers, proxy_ssl_context=trusted_context() if is_tls else None, **options
    )


def close(response: BaseHTTPResponse) -> None:
    """Close the connection of an answer, unless its body was read to the end."""
    response.close()
    response.release_conn()
