"""Watching the files of secrets while a process runs, so that a missing file is noticed before a restart needs it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from connector.private_file import group_access
from connector.settings import Settings

log = structlog.get_logger(__name__)


class SecretFiles:
    """The files of one process' settings; each change is logged once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._missing: Sequence[Path] = ()
        self._is_first = True

    def look(self) -> None:
        """Log which files are missing or have returned; at first also those that their group may read."""
        if self._is_first:
            self._is_first = False
            self._warn_of_groups()
        missing = self._settings.missing_secrets()
        for path in missing:
            if path not in self._missing:
                log.warning("settings.secret_file_missing", path=str(path), advice="put it back: a restart needs it")
        for path in self._missing:
            if path not in missing:
                log.info("settings.secret_file_restored", path=str(path))
        self._missing = missing

    def _warn_of_groups(self) -> None:
        for path in self._settings.secret_files:
            with suppress(OSError):
                if advice := group_access(path):
                    log.warning("settings.secret_file_open", path=str(path), advice=advice)
