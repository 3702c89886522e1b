"""Parts of a page that may fail alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog
from flask import current_app, url_for

from connector.errors import DatabaseUnavailable, InvalidField, RequestError
from connector.telemetry import trace_id

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Part(Generic[T]):
    """What was looked up; None if that failed, with the trace id under which the log has the cause.

    `reason` is what the person can correct, such as a period that cannot be.
    """

    value: T | None
    trace: str | None = None
    reason: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether it could not be looked up."""
        return self.trace is not None


def attempt(name: str, look_up: Callable[[], T]) -> Part[T]:
    """Look something up; a failure is logged and part of the page. Without the database there is no page at all."""
    try:
        return Part(look_up())
    except DatabaseUnavailable:
        raise
    except (InvalidField, RequestError) as error:
        return Part(None, trace_id.get() or "", error.description)
    except Exception:
        log.exception("console.part_failed", part=name)
        return Part(None, trace_id.get() or "")


def link(endpoint: str, **values: object) -> str | None:
    """Return the address of a page; None if it is not there."""
    name = f"console.{endpoint}"
    return url_for(name, **values) if name in current_app.view_functions else None  # type: ignore[arg-type]
