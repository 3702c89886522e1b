"""The connector's command line, forked from a process that has imported all of it (`tests/forked.py`)."""

from __future__ import annotations

import sys
from importlib import import_module
from pkgutil import walk_packages

import connector
from connector import __main__
from connector.loading import loading

with loading():  # a command imports most of what it needs only when it is called
    for each in walk_packages(connector.__path__, "connector."):
        if not each.name.endswith("__main__") and "migrations." not in each.name:  # these do their work when imported
            import_module(each.name)


def run(*arguments: str) -> None:
    """Run a command, as `python -m connector` does."""
    sys.modules["__main__"] = __main__  # by which click finds the program's name
    sys.argv = [str(__main__.__file__), *arguments]
    __main__.run()
