"""Connections with one deadline for look-up, connecting, handshake, and every read and write.

A time-out of a socket applies to one operation, and restarts with every byte that arrives. These sockets set it to the
remaining time before each operation.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

import certifi

from connector.domain.addresses import is_public
from connector.domain.frozen import frozen
from connector.errors import ConfigurationError


class Refused(OSError):  # noqa: N818  it is an answer, not a defect
    """A connection that is not allowed; the text says why."""


Network = IPv4Network | IPv6Network
Address = tuple[int, Any]  # its family, and what a socket of that family connects to


@frozen
class Reach:
    """The addresses that may be connected to: with `is_public_only`, public ones and those in `networks`."""

    is_public_only: bool = False
    networks: tuple[Network, ...] = ()
    is_loopback_only: bool = False

    def check(self, host: str, address: str) -> None:
        """Raise `Refused` for an address that is not allowed."""
        ip = ip_address(address)
        if self.is_loopback_only:
            if not ip.is_loopback:
                raise Refused("plain http is allowed only to this machine")
        elif self.is_public_only and not is_public(address) and not any(ip in network for network in self.networks):
            raise Refused(f"{host} is not a public host")


class Deadline:
    """The time at which all waiting ends."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the remaining seconds; raises `TimeoutError` if there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Timed(socket.socket):
    """A socket that receives until the deadline."""

    deadline: Deadline

    def left(self) -> float:
        """Return the seconds that the next operation may take; raises `TimeoutError` if there are none."""
        return self.deadline.left()

    def recv_into(self, *args: Any) -> int:
        """Receive the available bytes."""
        self.settimeout(self.left())
        return super().recv_into(*args)


class TimedSocket(_Timed):
    """A socket whose operations all end by the deadline."""

    def sendall(self, *args: Any) -> None:
        """Send all, or raise `TimeoutError`."""
        self.settimeout(self.left())
        super().sendall(*args)


class TimedTlsSocket(_Timed, ssl.SSLSocket):
    """The same over TLS."""

    def send(self, *args: Any) -> int:
        """Send some bytes; `sendall` sends in parts."""
        self.settimeout(self.left())
        return super().send(*args)


@cache
def public_context() -> ssl.SSLContext:
    """Return the TLS context that trusts the public authorities; created once, because they take a megabyte."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.sslsocket_class = TimedTlsSocket
    return context


def own_context(ca_file: str) -> ssl.SSLContext:
    """Create the TLS context that trusts only the authorities in a file.

    A certificate in it need not be an authority's: it may be the peer's own. Raises `ConfigurationError` if the file
    cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise ConfigurationError(f"The CA file {ca_file} must hold certificates in PEM.") from None
    except OSError as error:
        raise ConfigurationError(f"The CA file {ca_file} cannot be read: {error.strerror}.") from error
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # self-signed certificates do not meet its requirements
    context.sslsocket_class = TimedTlsSocket
    return context


def connect(host: str, port: int, deadline: Deadline, reach: Reach) -> TimedSocket:
    """Look a host up, and connect to one of its addresses."""
    return connect_to(host, look_up(host, port, deadline), deadline, reach)


def connect_to(
    host: str,
    addresses: Sequence[Address],
    deadline: Deadline,
    reach: Reach,
    kind: type[TimedSocket] = TimedSocket,
) -> TimedSocket:
    """Connect to one of a host's addresses; the address that is connected to is checked.

    Raises `Refused` if any of the addresses is not allowed, so that a later look-up cannot change the result.
    """
    for _, (address, *_) in addresses:
        reach.check(host, str(address))
    for at, (family, address) in enumerate(addresses, start=1):
        try:
            return _connect(kind(family, socket.SOCK_STREAM), address, deadline, share=len(addresses) - at + 1)
        except OSError:
            if at == len(addresses):
                raise
    raise socket.gaierror(socket.EAI_NONAME, "no address")


def start_tls(sock: TimedSocket, context: ssl.SSLContext, host: str, deadline: Deadline) -> TimedTlsSocket:
    """Perform the handshake; a certificate that is not trusted raises `ssl.SSLCertVerificationError`."""
    sock.settimeout(deadline.left())  # for a handshake the time-out limits the whole operation
    wrapped = context.wrap_socket(sock, server_hostname=host)
    assert isinstance(wrapped, TimedTlsSocket)  # noqa: S101  the context's class
    wrapped.deadline = deadline
    return wrapped


def _connect(sock: TimedSocket, address: Any, deadline: Deadline, *, share: int) -> TimedSocket:
    """Connect to an address within a share of the remaining time, so that the other addresses can be tried."""
    sock.deadline = deadline
    try:
        sock.settimeout(deadline.left() / share)
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


def look_up(host: str, port: int, deadline: Deadline) -> Sequence[Address]:
    """Return a host's addresses; this uses a separate thread, because the system's resolver has no deadline."""
    results: queue.SimpleQueue[Sequence[Address] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            results.put([(each[0], each[4]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as error:
            results.put(error)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        result = results.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(result, Exception):
        raise result
    return result
