"""The origin of each request, for the journal: its channel and its address.

Behind a proxy the peer is the proxy: then the address is the last one in `X-Forwarded-For`, which the nearest proxy
added, together with the proxy's own. Clients may forge all entries before the last.
"""

from __future__ import annotations

import ipaddress

from flask import Flask, request

from connector.domain.addresses import is_public
from connector.services import origin
from connector.services.origin import API, CONSOLE, ONFIDO, Origin

_CHANNELS = {"webhooks": ONFIDO, "console": CONSOLE}  # by the first word of the blueprint's name


def install(app: Flask) -> None:
    """Attribute each request's changes to it."""
    app.before_request(lambda: origin.begin(Origin(_channel(request.blueprint or ""), address())))
    app.teardown_request(lambda _: origin.end())


def address() -> str | None:
    """Return the address of the current request's client, if it is known."""
    peer = request.remote_addr
    nearest = _reported()
    return f"{nearest} by way of {peer}" if nearest else peer


def client_address() -> str:
    """Return the address by which clients are told apart, where tries are counted.

    It is what the nearest proxy reports, if the peer can be one: a proxy's address is private, or this machine's.
    """
    peer, nearest = request.remote_addr or "", _reported()
    return nearest if nearest and _is_address(peer) and not is_public(peer) else peer


def _reported() -> str | None:
    nearest = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return nearest if _is_address(nearest) and "%" not in nearest else None  # a zone may be any text


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _channel(blueprint: str) -> str:
    return _CHANNELS.get(blueprint.partition("_")[0].partition(".")[0], API)
