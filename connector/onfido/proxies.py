"""Proxies of connections to Onfido, and the certificates that are trusted: variables of the process's environment.

http_proxy, https_proxy, all_proxy, no_proxy     in small letters or capitals
REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE               a file or a folder that is trusted instead of the public authorities
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

import certifi
from urllib3.exceptions import ProxyError
from urllib3.util.request import make_headers
from urllib3.util.ssl_ import create_urllib3_context

from connector.onfido.connections import LimitedTlsSocket

_PROXY_SCHEMES = frozenset({"http", "https"})


def proxy_of(url: SplitResult) -> str:
    """Return the URL of the proxy for a request; empty if it is sent directly."""
    proxies = _proxies()
    named = proxies.get(url.scheme) or proxies.get("all", "")
    if not named or any(_covers(each, url) for each in proxies.get("no", "").lower().split(",")):
        return ""
    return named if "://" in named else f"http://{named}"


def proxy_headers(proxy: str) -> Mapping[str, str]:
    """Return the headers for a proxy; raises `ProxyError` if it cannot be used."""
    try:
        parts = urlsplit(proxy)
        _ = parts.port  # accessing the port validates it
    except ValueError as error:
        raise ProxyError("The proxy must be a URL", error) from error
    if parts.scheme not in _PROXY_SCHEMES or not parts.hostname:
        raise ProxyError("The proxy must be an http or https URL", ValueError(parts.scheme))
    if parts.username is None:
        return {}
    return make_headers(proxy_basic_auth=f"{unquote(parts.username)}:{unquote(parts.password or '')}")


def trusted_context() -> ssl.SSLContext:
    """Create the TLS context; raises `OSError` if the bundle cannot be read."""
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    path = Path(named or certifi.where())
    context = create_urllib3_context()
    context.sslsocket_class = LimitedTlsSocket
    if path.is_dir():
        context.load_verify_locations(capath=path)
    else:
        context.load_verify_locations(cafile=path)
    return context


def _proxies() -> Mapping[str, str]:
    """Return the proxies by scheme, with `no` for the hosts that need none; small letters take precedence."""
    named = [(name, value) for name, value in os.environ.items() if name.lower().endswith("_proxy")]
    named.sort(key=lambda each: each[0].islower())
    return {name.lower().removesuffix("_proxy"): value for name, value in named if value}


def _covers(exception: str, url: SplitResult) -> bool:
    """Whether an entry of `no_proxy` covers a request: a host with its subdomains, a network, or all with `*`."""
    name, host = exception.strip().lstrip("."), url.hostname or ""
    if "/" in name:
        return _is_in(host, name)
    return name == "*" or (name != "" and any(f".{each}".endswith(f".{name}") for each in (host, f"{host}:{url.port}")))


def _is_in(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
