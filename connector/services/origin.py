"""Through which channel a change came, from which address, and under which trace id.

The border sets it (the web application, the command line, the worker), and the journal writes it with each entry: so no
use case has to hand it through.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from connector.telemetry import trace_id

API, CONSOLE, COMMAND_LINE, ONFIDO, WORKER = "api", "console", "cli", "onfido", "worker"
CHANNELS = (API, CONSOLE, COMMAND_LINE, ONFIDO, WORKER)


@dataclass(frozen=True)
class Origin:
    """A channel, and the address that a request came from; both None if neither is known."""

    channel: str | None = None
    address: str | None = None

    @property
    def trace_id(self) -> str | None:
        """The trace id that the request's answer and log lines have; None outside of one."""
        return trace_id.get() or None


_UNKNOWN = Origin()
_current: ContextVar[Origin] = ContextVar("origin", default=_UNKNOWN)


def current() -> Origin:
    """Return where the work of this thread comes from."""
    return _current.get()


def begin(origin: Origin) -> None:
    """Attribute what this thread does from now on, until `end`."""
    _current.set(origin)


def end() -> None:
    """Attribute nothing any more: between two requests a thread belongs to neither."""
    _current.set(_UNKNOWN)


@contextmanager
def through(channel: str) -> Iterator[None]:
    """Attribute what is done within to a channel."""
    token = _current.set(Origin(channel))
    try:
        yield
    finally:
        _current.reset(token)
