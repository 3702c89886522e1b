"""A program given as text, in a process forked from one that has imported the connector (`tests/forked.py`)."""

from __future__ import annotations

import sys
import warnings


def run(text: str, *arguments: str) -> None:
    """Run a program as `python -W error -c` does."""
    warnings.simplefilter("error")
    sys.argv = ["-c", *arguments]
    exec(compile(text, "<string>", "exec"), {"__name__": "__main__"})
