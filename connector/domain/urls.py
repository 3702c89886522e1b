"""The addresses that an administrator may configure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from connector.domain.frozen import frozen
from connector.domain.messages import message

# Letters of any language, or an IPv6 address; no mark that means something in a header, such as the semicolon.
_HOST = re.compile(r"[\w.:-]+")


@frozen
class UrlPolicy:
    """https to the listed hosts, or to any host if there is no list; plain http to loopback for development.

    `setting` is the setting with the list.
    """

    hosts: Collection[str] | None
    allows_http_loopback: bool = False
    setting: str = ""
    allows_query: bool = True

    def objection(self, address: str) -> str | None:
        """Return what is wrong with an address; None if it is allowed."""
        url = _split(address)
        if url is None or not url.hostname or ("?" in address and not self.allows_query):
            return message("must have a scheme, a host and a path only")
        if url.scheme == "http" and self.allows_http_loopback and _is_loopback(url.hostname):
            return None
        if url.scheme != "https":
            return message("must start with https://")
        if self.hosts is not None and url.hostname not in self.hosts:
            # The list is not shown, because it contains other tenants' hosts.
            return message(
                "must have a host that the operator allows by the setting %(setting)s, not %(host)s",
                setting=self.setting,
                host=url.hostname,
            )
        return None


def _split(address: str) -> SplitResult | None:
    if not address.isprintable() or any(mark in address for mark in " #\\"):
        return None
    try:
        url = urlsplit(address)
        _ = url.port  # accessing the port validates it
    except ValueError:
        return None
    return None if url.username or url.password or not _HOST.fullmatch(url.hostname or "") else url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
