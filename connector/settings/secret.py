"""Secrets that the settings name in place of containing them.

    env:NAME   ──► the environment variable NAME
    file:/path ──► the file's content, without the final newline

The one place that knows these forms. A setting that holds such a reference has the check `secret_reference`; the secret
itself is read where it is used, with `read_secret`, and is never part of a `repr`, a log line or an error.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from connector.errors import ConfigurationError

REFERENCE = re.compile(r"env:(?!CONNECTOR_)[A-Za-z_][A-Za-z0-9_]*|file:.+")
MAX_BYTES = 64 * 1024


def secret_reference(value: str) -> str:
    """Check for a reference to a secret, or nothing."""
    if value and not REFERENCE.fullmatch(value):
        raise ValueError(
            "must be env:NAME, an environment variable whose name does not begin with CONNECTOR_, or file:/path"
        )
    return value


def read_secret(reference: str) -> str:
    """Return the secret that a reference names; raise `ConfigurationError` where there is none."""
    kind, _, name = reference.partition(":")
    secret = os.environ.get(name, "") if kind == "env" else _read_file(Path(name))
    if not secret:
        raise ConfigurationError(f"The secret {reference} is empty: set {_place(kind, name)}.")
    return secret


def _place(kind: str, name: str) -> str:
    return f"the environment variable {name}" if kind == "env" else f"the content of {name}"


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode().rstrip("\r\n")
    except OSError as error:
        raise ConfigurationError(f"The secret file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"The secret file {path} must be UTF-8.") from None
