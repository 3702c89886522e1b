"""Parts of a page, each of which may fail without the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import structlog
from flask import current_app, url_for

from connector.console.descriptions import description_of
from connector.domain.frozen import frozen
from connector.errors import DatabaseUnavailable, InvalidField, RequestError
from connector.telemetry import trace_id

log = structlog.get_logger(__name__)

T = TypeVar("T")


@frozen
class Part(Generic[T]):
    """The result of a look-up; None if it failed, with the trace id of the failure in the log.

    `reason` is an error that the person can correct, such as an invalid period.
    """

    value: T | None
    trace: str | None = None
    reason: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether the look-up failed."""
        return self.trace is not None


def attempt(name: str, look_up: Callable[[], T]) -> Part[T]:
    """Look something up; a failure is logged and shown in the part. Without the database the whole page fails."""
    try:
        return Part(look_up())
    except DatabaseUnavailable:
        raise
    except (InvalidField, RequestError) as error:
        return Part(None, trace_id.get() or "", description_of(error))
    except Exception:
        log.exception("console.part_failed", part=name)
        return Part(None, trace_id.get() or "")


def link(endpoint: str, **values: object) -> str | None:
    """Return the address of a page; None if it is not installed."""
    name = f"console.{endpoint}"
    return url_for(name, **values) if name in current_app.view_functions else None  # type: ignore[arg-type]
