"""Recognition of public Internet addresses, in any notation.

An IPv6 address may contain an IPv4 address to which the network translates it: it is public if that is public.
"""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)  # the third quarter of an address (RFC 5214)
_6TO4_RELAYS = IPv4Network("192.88.99.0/24")


def is_public(address: str) -> bool:
    """Return whether an IP address is public: neither private, local, reserved nor multicast."""
    ip = ipaddress.ip_address(address)
    return _is_public_v4(ip) if isinstance(ip, IPv4Address) else _is_public_v6(ip)


def _is_public_v4(ip: IPv4Address) -> bool:
    return ip.is_global and not ip.is_multicast and ip not in _6TO4_RELAYS


def _is_public_v6(ip: IPv6Address) -> bool:
    if any(not _is_public_v4(carried) for carried in _carried(ip)):
        return False
    # Later versions of Python do not count 6to4 as global.
    is_translated = ip in _NAT64 or ip.ipv4_mapped is not None or ip.sixtofour is not None
    return is_translated or (ip in _GLOBAL_UNICAST and ip.is_global)


def _carried(ip: IPv6Address) -> list[IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address contains: IPv4-mapped, NAT64, 6to4, Teredo, ISATAP."""
    carried = [*(ip.teredo or ())]
    carried += [each for each in (ip.ipv4_mapped, ip.sixtofour) if each is not None]
    is_isatap = int(ip) >> 32 & 0xFFFFFFFF in _ISATAP
    return carried + ([IPv4Address(int(ip) & 0xFFFFFFFF)] if is_isatap or ip in _NAT64 else [])
