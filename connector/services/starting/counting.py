"""Counting the requests to verify, by operation and result."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connector import metrics
from connector.errors import ConnectorError

OK, FAILED = "ok", "failed"


@contextmanager
def counted(operation: str) -> Iterator[None]:
    """Count a request when it ends, by its result: the code of the error, if it is one that callers get."""
    result = FAILED
    try:
        yield
        result = OK
    except ConnectorError as error:
        result = str(getattr(error, "code", FAILED))
        raise
    finally:
        metrics.ATTEMPTS.labels(operation, result).inc()
