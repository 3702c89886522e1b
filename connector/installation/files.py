"""Whether files with secrets are readable by the connector only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from connector.domain.messages import message
from connector.domain.providers.readiness import Check
from connector.installation import warning
from connector.private_file import group_access
from connector.settings import Settings

MODE = "mode"


def check_files(settings: Settings, keys: Sequence[Path]) -> Iterator[tuple[str, Check]]:
    """Check each file of secrets in the settings, and the `keys` that are read elsewhere; yields its path too."""
    for path in dict.fromkeys((*settings.secret_files, *_of_data_dir(settings), *keys)):
        yield str(path), check_mode(path)


def check_mode(path: Path) -> Check:
    """Check that the connector can access a file or directory, and that users outside its group cannot."""
    try:
        status = path.stat()
    except OSError as error:
        return Check(
            MODE,
            False,
            message("It cannot be read (%(strerror)s): create it, or correct its name.", strerror=str(error.strerror)),
        )
    mode = stat.S_IMODE(status.st_mode)
    if mode & stat.S_IRWXO:
        return Check(
            MODE,
            False,
            message(
                "Every user of this machine has access (mode %(mode)s): `chmod o-rwx %(path)s`.",
                mode=f"{mode:04o}",
                path=str(path),
            ),
        )
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK if path.is_dir() else os.R_OK):
        return Check(
            MODE,
            False,
            message("This user has no access: run as its owner, or `chown` %(path)s to this user.", path=str(path)),
        )
    if advice := group_access(path):
        return warning(MODE, advice)
    return Check(
        MODE,
        True,
        message(
            "Only its owner%(part)s may read it (%(mode)s).",
            part=" and group" if mode & stat.S_IRWXG else "",
            mode=f"{mode:04o}",
        ),
    )


def _of_data_dir(settings: Settings) -> Iterator[Path]:
    """Return the data directory and the key file; nothing if neither is used."""
    if settings.database_url and settings.encryption_keys:
        return
    yield from (each for each in (settings.data_dir, settings.data_dir / "encryption.key") if each.exists())
