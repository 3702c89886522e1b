"""A check that may hang: one thread makes it, and its callers wait for a limited time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE = 2.0  # seconds; probes of orchestrators and load balancers are repeated after a few seconds


class Overdue(Exception):  # noqa: N818  it is an answer, not a defect
    """The check has not ended in time; it continues."""


class TimedCheck(Generic[T]):
    """Makes a check at most once at a time; all calls until its end return its result.

    Calls wait until `patience` seconds after its begin, so that a check that hangs holds no threads of its callers.
    """

    def __init__(self, check: Callable[[], T], patience: float = PATIENCE) -> None:
        self._check = check
        self._patience = patience
        self._lock = threading.Lock()
        self._result: Future[T] | None = None
        self._wait_until = 0.0

    def result(self) -> T:
        """Return the check's result, or raise its error; raises `Overdue` if it takes too long."""
        with self._lock:
            if self._result is None or self._result.done():
                self._result = self._begin()
                self._wait_until = time.monotonic() + self._patience
            result, left = self._result, self._wait_until - time.monotonic()
        wait([result], max(0.0, left))
        if not result.done():
            raise Overdue
        return result.result()

    def _begin(self) -> Future[T]:
        result: Future[T] = Future()
        threading.Thread(target=copy_context().run, args=(self._run, result), name="check", daemon=True).start()
        return result

    def _run(self, result: Future[T]) -> None:
        try:
            result.set_result(self._check())
        except BaseException as error:  # noqa: BLE001  its callers get it
            result.set_exception(error)
