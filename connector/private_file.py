"""Files that only their owner, or a group, can read: the keys of the embedded default, and the data directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.errors import ConfigurationError

_MEMORY = Path("/dev/shm")  # noqa: S108  files there have unguessable names


def create_private_file(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, atomically; an existing one is kept."""
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # unlike a rename, this never replaces a file that another process has just created
    except FileExistsError:
        return
    finally:
        draft.unlink()


@contextmanager
def draft_beside(path: Path) -> Iterator[Path]:
    """Create an empty file next to another, readable only by its owner; it is deleted at the end unless renamed.

    Its name is chosen before it is created, so that an interruption at any moment leaves no file.
    """
    draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        try:
            os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            error.filename = str(path)  # the name of the draft means nothing to anyone
            raise
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def check_private(path: Path) -> None:
    """Raise `ConfigurationError` if every user of this machine may read or change a file or directory.

    A group may have access, because Kubernetes mounts secrets and volumes with group access.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & stat.S_IRWXO:
        advice = (
            "; if it is a volume, name a directory inside it, which is then created with mode 0700"
            if path.is_dir()
            else ""
        )
        raise ConfigurationError(
            f"{path} must not be accessible to others on this machine (its mode is {mode:04o}): "
            f"run `chmod o-rwx {path}`{advice}."
        )


def group_access(path: Path) -> str:
    """Return what to do about a file that its owner, this user, lets its group read; empty if there is nothing to do.

    If another user owns it, as with a mounted secret, this user can read it only through the group.
    """
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    if mode & stat.S_IWGRP:
        return f"Its group may change it (mode {mode:04o}): `chmod g-w {path}`."
    if mode & stat.S_IRWXG and status.st_uid == os.geteuid():
        return f"Its group may read it (mode {mode:04o}): `chmod g-rwx {path}`, unless others need it."
    return ""


def make_data_dir(path: Path) -> None:
    """Create the data directory, readable by its owner only."""
    if path.parts[:1] and path.parts[0].startswith("~"):
        raise ConfigurationError(f"`data_dir` {path} must not contain ~, because there is no home directory.")
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except FileExistsError as error:
        raise ConfigurationError(f"`data_dir` {path} must be a directory: name another one.") from error
    except OSError as error:
        why = f"cannot be created ({error.strerror}): create it, or name another directory"
        raise ConfigurationError(f"`data_dir` {path} {why}.") from error
    check_private(path)
    if not os.access(path, os.W_OK | os.X_OK):
        raise ConfigurationError(f"`data_dir` {path} must be writable: correct its owner, or name another directory.")


def scratch_dir() -> str | None:
    """Return a directory in memory for files that need not outlive the process; None if the system has none.

    It is writable even if every disk is mounted read-only.
    """
    return str(_MEMORY) if os.access(_MEMORY, os.W_OK | os.X_OK) else None
