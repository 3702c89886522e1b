"""Parts of an object that are created at their first use.

A use case that a worker does not need until somebody asks for it is also imported where it is created: together they
take more than a megabyte. The web application imports them with its routes, before it forks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class Whole(Protocol):
    """An object with parts; its lock keeps two threads from creating a part twice."""

    lock: threading.RLock


class part(Generic[T]):  # noqa: N801  a decorator, used like `property`
    """A part that is created once, at its first use, even by concurrent threads."""

    def __init__(self, create: Callable[[Any], T]) -> None:
        self._create = create
        self._name = create.__name__
        self.__doc__ = create.__doc__

    def __get__(self, whole: Whole, owner: type) -> T:
        """Return the part; its value then shadows this descriptor."""
        with whole.lock:
            if self._name not in vars(whole):
                vars(whole)[self._name] = self._create(whole)
        created: T = vars(whole)[self._name]
        return created
