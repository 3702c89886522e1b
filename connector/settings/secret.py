"""Secrets that the settings name instead of containing them.

    env:NAME   ──► the environment variable NAME
    file:/path ──► the file's content, without the final newline; a file that others may read is refused

The one place that knows these forms. A setting that has to be such a reference has the check `secret_reference`; its
secret is read where it is used, with `read_secret`. A setting that may be the secret itself has `or_reference`.
No secret is part of a `repr`, a log line or an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from connector.errors import ConfigurationError
from connector.private_file import check_private

REFERENCE = re.compile(r"env:(?!CONNECTOR_)[A-Za-z_][A-Za-z0-9_]*|file:.+")
MAX_BYTES = 64 * 1024

T = TypeVar("T", str, tuple[str, ...])


def secret_reference(value: str) -> str:
    """Check for a reference to a secret, or nothing."""
    if value and not REFERENCE.fullmatch(value):
        raise ValueError(
            "must be env:NAME, an environment variable whose name does not begin with CONNECTOR_, or file:/path"
        )
    return value


def or_reference(check: Callable[[T], T]) -> Callable[[T], T]:
    """Check a secret, or what a reference to it leads to; the value is then the secret itself."""

    def read(value: T) -> T:
        resolved = tuple(_resolved(each) for each in value) if isinstance(value, tuple) else _resolved(value)
        return check(cast("T", resolved))

    return read


def _resolved(value: object) -> object:
    return read_secret(value) if isinstance(value, str) and REFERENCE.fullmatch(value) else value


def read_secret(reference: str) -> str:
    """Return the secret that a reference names; raise `ConfigurationError` if there is none."""
    kind, _, name = reference.partition(":")
    secret = os.environ.get(name, "") if kind == "env" else _read_file(Path(name))
    if not secret:
        raise ConfigurationError(f"The secret {reference} is empty: set {_place(kind, name)}.")
    return secret


def _place(kind: str, name: str) -> str:
    return f"the environment variable {name}" if kind == "env" else f"the content of {name}"


def _read_file(path: Path) -> str:
    try:
        check_private(path)
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode().rstrip("\r\n")
    except OSError as error:
        raise ConfigurationError(f"The secret file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"The secret file {path} must be UTF-8.") from None
