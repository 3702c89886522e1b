"""Logs, in JSON with a trace id on every line.

Logs contain ids, never values. As a second safeguard, the value of a key that names a secret is blanked before it is
written.
"""

from __future__ import annotations

import io
import logging
import re
import sys
import threading
import uuid
from collections.abc import MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from functools import lru_cache, partial
from typing import Any, TextIO

import structlog

log = structlog.get_logger(__name__)

trace_id: ContextVar[str] = ContextVar("trace_id", default="")

_SANE_TRACE_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}")
_SECRET_KEY = re.compile(r"token|secret|password|authorization|encryption_key|signature", re.IGNORECASE)

# Without the frames' local variables, because these contain values and secrets.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def new_trace_id(given: str | None, of_span: str = "") -> str:
    """Return the caller's correlation id if it is well formed; otherwise the trace id of the request's span, or a new
    one.
    """
    return given if given and _SANE_TRACE_ID.fullmatch(given) else of_span or str(uuid.uuid4())


def configure_logging(level: str, log_format: str) -> None:
    """Send all logs, ours and the libraries', to standard error.

    `log_format` is json, console, or auto (console if standard error is a terminal).
    """
    is_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace_id,
        _blank_secrets,
    ]
    renderer: list[structlog.typing.Processor] = (
        [_TRACEBACKS, structlog.processors.JSONRenderer()]
        if is_json
        else [
            _escape_controls,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_write_traceback),
        ]
    )
    handler = logging.StreamHandler()
    structlog.configure(
        processors=[*shared, *renderer],
        logger_factory=partial(_Lines, handler),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.getLogger("alembic").setLevel(logging.WARNING)


class _Lines:
    """Writes rendered lines to standard error, synchronized with the libraries' log lines."""

    def __init__(self, handler: logging.StreamHandler[Any], name: str = "") -> None:
        self.name = name
        self._handler = handler
        self._lock = handler.lock or threading.RLock()

    def msg(self, line: str) -> None:
        """Write a line."""
        handler = self._handler
        with suppress(OSError, ValueError), self._lock:  # a log that is closed or full must not fail a request
            handler.stream.write(line + handler.terminator)
            handler.stream.flush()

    debug = info = warning = error = critical = exception = fatal = msg


def _add_trace_id(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if current := trace_id.get():
        entry["trace_id"] = current
    return entry


def _blank_secrets(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in entry:
        if _names_secret(key):
            entry[key] = "…"
    return entry


def _escape_controls(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape what would forge lines or control the operator's terminal, such as in a request's path."""
    for key, value in entry.items():
        if isinstance(value, str):
            entry[key] = _printable(value)
    return entry


def _write_traceback(file: TextIO, exc_info: Any) -> None:
    """Write a traceback, indented: its message may repeat what a caller sent, and must not look like an entry."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    file.write("\n".join(f"  {_printable(line)}" for line in text.getvalue().split("\n")))


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


@lru_cache(maxsize=1024)  # keys are literals in the code, so there are few
def _names_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None
