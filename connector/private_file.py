"""Files that only their owner reads: the keys of the embedded default."""

from __future__ import annotations

import os
from pathlib import Path


def create_private_file(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads, whole or not at all; one that exists already stays."""
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # unlike a rename, it never replaces the file that another process has just made
    except FileExistsError:
        return
    finally:
        draft.unlink()
