"""The connector's command line, for a process that is forked from one that has imported it (`tests/forked.py`)."""

from __future__ import annotations

import sys

from connector import __main__


def run(*arguments: str) -> None:
    """Run a command, as `python -m connector` does."""
    sys.modules["__main__"] = __main__  # by which click finds the program's name
    sys.argv = [str(__main__.__file__), *arguments]
    __main__.run()
