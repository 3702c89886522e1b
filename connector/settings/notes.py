"""The sources of settings: where each was set, and the files of their secrets. They are not settings themselves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

FILE, ENVIRONMENT, COMMAND_LINE = "file", "environment", "command line"  # where a setting's value comes from


class Noted:
    """Settings with notes; copies that are made by `dataclasses.replace` have none."""

    sources: ClassVar[Mapping[str, str]] = MappingProxyType({})  # of values other than the default
    secret_files: ClassVar[tuple[Path, ...]] = ()  # that secrets were read from

    def missing_secrets(self) -> list[Path]:
        """Return the files of secrets that cannot be read any more: the process continues with the former content."""
        return [each for each in self.secret_files if not os.access(each, os.R_OK)]


T = TypeVar("T", bound=Noted)


def noted(settings: T, **notes: Any) -> T:
    """Return settings with their notes."""
    copied = copy(settings)
    for name, value in notes.items():
        object.__setattr__(copied, name, value)
    return copied


def sources(
    home: Mapping[str, Any], file: Mapping[str, Any], variables: Mapping[str, Any], overrides: Mapping[str, Any]
) -> Mapping[str, str]:
    """Return the source of each setting that is set: the last one wins."""
    layers = ((ENVIRONMENT, home), (FILE, file), (ENVIRONMENT, variables), (COMMAND_LINE, overrides))
    return {name: source for source, layer in layers for name in layer}
