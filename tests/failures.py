"""A plugin of pytest: what a failed test has not closed fails no later test."""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Release the variables of a failed test after its report.

    The exception would keep them until the next failure. What they refer to, such as a process or a socket, would then
    warn that it was not closed, and so fail whichever test runs at that moment.
    """
    report = yield
    if call.excinfo is not None and report.failed and not item.config.getoption("usepdb"):
        with _ignoring_warnings_of_destruction():
            traceback.clear_frames(call.excinfo.tb)
            for frame, _ in traceback.walk_tb(call.excinfo.tb):
                _ = frame.f_locals  # to read the copy that the report was made from updates it
            gc.collect()
    return report


@contextmanager
def _ignoring_warnings_of_destruction() -> Iterator[None]:
    before, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        yield
    finally:
        sys.unraisablehook = before
