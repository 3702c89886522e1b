"""Frozen dataclasses that are quick to define and to create: `@frozen` instead of `@dataclass(frozen=True)`.

There are more than three hundred of them, and every process defines them when it starts. For each one the standard
library compiles a constructor and five other methods; here only the constructor is compiled, and the others are
shared. That a field is not assigned again is left to the type checker, so that the constructor simply assigns it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Create the constructor from the fields; add the shared methods, except those that the class has itself."""
    made: Any = dataclass(eq=False, repr=False)(cls)
    for name, method in _SHARED.items():
        if name not in vars(cls):
            setattr(made, name, method)
    compared = (each.name for each in fields(made) if each.compare)
    made._read_compared = attrgetter("__class__", *compared)
    return cls


def replace(value: T, **changes: Any) -> T:
    """Return a copy with other values in some fields; unlike the standard library's, it does not inspect each field."""
    return type(value)(**{**vars(value), **changes})


def _is_equal(self: Any, other: Any) -> object:
    if type(other) is not type(self):
        return NotImplemented
    return self._read_compared(self) == self._read_compared(other)


def _hash(self: Any) -> int:
    return hash(self._read_compared(self))


def _show(self: Any) -> str:
    """Return the class and the fields, without those that must not be shown."""
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


_SHARED = {"__eq__": _is_equal, "__hash__": _hash, "__repr__": _show}
