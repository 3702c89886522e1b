"""Secrets that the settings refer to instead of containing them.

    env:NAME   ──► the environment variable NAME
    file:/path ──► the file's content, without the final newline; a file that others may read is refused

Only this module knows these forms. A setting that must be a reference has the check `secret_reference`; its secret is
read with `read_secret` when it is used. A setting that may also contain the secret itself has `or_reference`.
No secret is part of a `repr`, a log line or an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import Field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from connector.errors import ConfigurationError
from connector.private_file import check_private

REFERENCE = re.compile(r"env:(?!CONNECTOR_)[A-Za-z_][A-Za-z0-9_]*|file:.+")
MAX_BYTES = 64 * 1024

T = TypeVar("T", str, tuple[str, ...])

_known: dict[str, str] = {}  # read from files; processes that are forked later inherit it
_keeps_known = ContextVar("keeps_known", default=False)


def secret_reference(value: str) -> str:
    """Check for a reference to a secret, or an empty text."""
    if value and not REFERENCE.fullmatch(value):
        raise ValueError(
            "must be env:NAME, an environment variable whose name does not begin with CONNECTOR_, or file:/path"
        )
    return value


def or_reference(check: Callable[[T], T]) -> Callable[[T], T]:
    """Check a secret given directly or by reference; the setting's value is then the secret itself."""

    def read(value: T) -> T:
        resolved = tuple(_resolved(each) for each in value) if isinstance(value, tuple) else _resolved(value)
        return check(cast("T", resolved))

    return read


def _resolved(value: object) -> object:
    return read_secret(value) if isinstance(value, str) and REFERENCE.fullmatch(value) else value


def read_secret(reference: str) -> str:
    """Return the secret that a reference names; raise `ConfigurationError` if there is none."""
    kind, _, name = reference.partition(":")
    secret = os.environ.get(name, "") if kind == "env" else _read_or_known(Path(name))
    if not secret:
        raise ConfigurationError(f"The secret {reference} is empty: set {_place(kind, name)}.")
    return secret


@contextmanager
def keeping_known() -> Iterator[None]:
    """Within the block, an unreadable secret file has its previously read content."""
    token = _keeps_known.set(True)
    try:
        yield
    finally:
        _keeps_known.reset(token)


def _read_or_known(path: Path) -> str:
    try:
        _known[str(path)] = secret = _read_file(path)
    except ConfigurationError:
        if not _keeps_known.get() or str(path) not in _known:
            raise
        return _known[str(path)]
    return secret


def secret_files(value: object) -> tuple[Path, ...]:
    """Return the files that a settings' value names secrets in, those of its tables included."""
    return tuple(dict.fromkeys(_named_files(value)))


def _named_files(value: object) -> Iterator[Path]:
    if isinstance(value, str):
        if value.startswith("file:"):
            yield Path(value.partition(":")[2])
        return
    if is_dataclass(value):
        members: Iterable[object] = (getattr(value, each.name) for each in fields(value) if _may_hold(each))
    else:
        members = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else ()
    for member in members:
        yield from _named_files(member)


def _may_hold(field: Field[Any]) -> bool:
    """Whether a setting is a secret, or has settings of its own."""
    return not field.repr or not isinstance(field.default, str)


def _place(kind: str, name: str) -> str:
    return f"the environment variable {name}" if kind == "env" else f"the content of {name}"


def _read_file(path: Path) -> str:
    try:
        check_private(path)
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode().rstrip("\r\n")
    except OSError as error:
        advice = "put it back where this user may read it, or correct the setting"
        raise ConfigurationError(f"The secret file {path} cannot be read ({error.strerror}): {advice}.") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"The secret file {path} must be UTF-8.") from None
