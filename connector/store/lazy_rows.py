"""Objects made of an answer's rows when they are first accessed, so that other statements can be sent with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, overload

T = TypeVar("T")


class HasRows(Protocol):
    @property
    def rows(self) -> Sequence[Any]: ...


class LazyRows(Sequence[T]):
    """Objects made of an answer's rows."""

    def __init__(self, answer: HasRows, make: Callable[[Any], T]) -> None:
        self._answer = answer
        self._make = make
        self._made: list[T] | None = None

    @property
    def _items(self) -> list[T]:
        # Not a `cached_property`: in Python 3.11 all of its instances share a lock, and this one may wait for others.
        if self._made is None:
            self._made = [self._make(row) for row in self._answer.rows]
        return self._made

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, at: int) -> T: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[T]: ...

    def __getitem__(self, at: int | slice) -> T | Sequence[T]:
        return self._items[at]
