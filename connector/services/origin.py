"""The origin of a change: its channel, its address, and its trace id.

The entry points (the web application, the command line, the worker) set it, and the journal writes it with each entry,
so that use cases need not pass it on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from connector.domain.frozen import frozen
from connector.telemetry import trace_id

API, CONSOLE, COMMAND_LINE, ONFIDO, WORKER = "api", "console", "cli", "onfido", "worker"
CHANNELS = (API, CONSOLE, COMMAND_LINE, ONFIDO, WORKER)


@frozen
class Origin:
    """A channel, and the address that a request came from; both None if neither is known."""

    channel: str | None = None
    address: str | None = None

    @property
    def trace_id(self) -> str | None:
        """The trace id of the request's answer and log lines; None outside of a request."""
        return trace_id.get() or None


_UNKNOWN = Origin()
_current: ContextVar[Origin] = ContextVar("origin", default=_UNKNOWN)


def current() -> Origin:
    """Return the origin of this thread's work."""
    return _current.get()


def begin(origin: Origin) -> None:
    """Attribute this thread's work to an origin, until `end`."""
    _current.set(origin)


def end() -> None:
    """End the attribution: between two requests a thread has no origin."""
    _current.set(_UNKNOWN)


@contextmanager
def through(channel: str) -> Iterator[None]:
    """Attribute the work within to a channel."""
    token = _current.set(Origin(channel))
    try:
        yield
    finally:
        _current.reset(token)
