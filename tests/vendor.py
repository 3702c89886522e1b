"""Onfido's own client for Python, imported when it is first used: its import takes a quarter of the suite's collection.

from tests import vendor as onfido
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onfido import *  # noqa: F403
    from onfido import exceptions as exceptions  # noqa: PLC0414  exported
else:

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):  # by which pytest looks for tests in whatever a module imports
            raise AttributeError(name)
        return getattr(import_module("onfido"), name)
