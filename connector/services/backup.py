"""Backup and restoration of the whole database.

The encryption keys are never part of a backup, because both together allow reading all data.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.engine import make_url

from connector.errors import ConfigurationError
from connector.store import backup as files
from connector.store.backup import Content
from connector.store.vault import key_sources


class Backups:
    """Backups of one database, which does not have to be open; `keys` and `data_dir` locate the encryption keys."""

    def __init__(self, url: str, keys: Sequence[str], data_dir: Path) -> None:
        self._url = make_url(url)
        self._keys = keys
        self._data_dir = data_dir

    @property
    def database(self) -> Path | None:
        """The file of the database; None if it is PostgreSQL's."""
        return Path(str(self._url.database)) if self._url.get_backend_name() == "sqlite" else None

    def commands(self, file: Path) -> tuple[Sequence[str], Sequence[str]]:
        """Return the commands that back up a PostgreSQL database to a file, and that restore it."""
        # Without the password: the tools ask for it, or read PGPASSWORD or .pgpass.
        url = shlex.quote(self._url._replace(drivername="postgresql", password=None).render_as_string())
        path = shlex.quote(str(file))
        left_out = " ".join(f"--exclude-table-data={table}" for table in files.SIGN_INS)
        restore = f"pg_restore --clean --if-exists --no-owner --single-transaction --dbname={url} {path}"
        forget = f"psql --command='TRUNCATE {', '.join(files.SIGN_INS)}' {url}"  # an earlier version's dump has them
        dump = f"pg_dump --format=custom --no-owner {left_out} --file={path} {url}"
        return [dump], [restore, "connector migrate", forget]

    def write(self, database: Path, file: Path, *, overwrite: bool) -> Content:
        """Copy the database to a file; raises `ConfigurationError` if that exists."""
        if file.exists() and database.exists() and file.samefile(database):
            raise ConfigurationError(f"{file} is the database itself: name another file.")
        if file.exists() and not overwrite:
            raise ConfigurationError(f"{file} exists: name another file, or use --overwrite.")
        return files.back_up(database, file)

    def restore(self, file: Path, database: Path, *, overwrite: bool) -> Content:
        """Restore the database from a file.

        Raises `ConfigurationError` if one of its keys is missing, or data would be lost.
        """
        content = files.read_content(file)
        if missing := sorted(set(content.key_ids) - set(self.key_sources())):
            raise ConfigurationError(
                f"{file} can be read only with the encryption keys {', '.join(missing)}, which are not here. Set "
                f"`encryption_keys`, or put the key file back into {self._data_dir}. Nothing was restored."
            )
        if database.exists() and not overwrite:
            _check_replaceable(database, file, content)
        files.restore(file, database)
        return content

    def key_sources(self) -> dict[str, str]:
        """Return the locations of the encryption keys, by their ids; none is created."""
        return key_sources(self._keys, self._data_dir)


def _check_replaceable(database: Path, file: Path, content: Content) -> None:
    """Raise `ConfigurationError` if a database is in use, has data, or cannot be read."""
    advice = "To replace it anyway, use --overwrite."
    try:
        present = files.read_content(database)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error.description} {advice}") from error
    if files.is_in_use(database):
        raise ConfigurationError(f"{database} is in use: stop every process of the connector first. {advice}")
    if present.changed_at is not None:
        raise ConfigurationError(
            f"{database} has changes up to {present.changed_at}, {file} up to {content.changed_at or 'none'}. {advice}"
        )
