"""How a use case declares its dependencies: as fields, in the order in which `bootstrap` passes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(eq_default=False, frozen_default=True)
def use_case(cls: type[T]) -> type[T]:
    """Create the constructor from the fields. Two use cases are never equal, and their `repr` shows no dependencies.

    That a field is not assigned again is left to the type checker: the methods that refuse it took longer to create
    than all others.
    """
    return dataclass(eq=False, repr=False)(cls)
