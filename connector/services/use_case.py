"""How a use case names what it works with: once, as a field, in the order in which `bootstrap` passes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(eq_default=False, frozen_default=True)
def use_case(cls: type[T]) -> type[T]:
    """Create the constructor from the fields. Two use cases are never equal, and none prints what it holds."""
    return dataclass(frozen=True, slots=True, eq=False, repr=False)(cls)
