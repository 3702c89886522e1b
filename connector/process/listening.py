"""Binding the port, and the explanation if that fails."""

from __future__ import annotations

import errno
import socket

from connector.errors import ConfigurationError

_REASONS = {
    errno.EADDRINUSE: "is in use",
    errno.EACCES: "may not be used by this user",
    errno.EADDRNOTAVAIL: "cannot be bound: it is not an address of this machine",
}


def take_port(host: str, port: int, advice: str) -> socket.socket:
    """Return a bound socket, which reserves the port; raises `ConfigurationError` with `advice` if that fails."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
    except OSError as error:
        taken.close()
        raise ConfigurationError(f"{port_problem(host, port, error)}. {advice}") from error
    return taken


def port_problem(host: str, port: int, error: OSError) -> str:
    """Return why a port cannot be bound."""
    reason = f"cannot be bound: {error.strerror}"
    if isinstance(error, socket.gaierror):
        reason = _REASONS[errno.EADDRNOTAVAIL]
    return f"Port {port} of {host} {_REASONS.get(error.errno or 0, reason)}"
