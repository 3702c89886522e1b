"""Restoring a connector's database elsewhere, by the commands that an operator uses."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connector.settings import Settings
from tests.cli.test_backups import tools_for
from tests.harness import World
from tests.services.conftest import Run


@pytest.fixture
def restore(run: Run, world: World, tmp_path: Path, new_database: Callable[[str], str]) -> Callable[[], Settings]:
    """Back up the database, and restore it elsewhere; return the settings for the restored one."""

    def restore() -> Settings:
        settings, file = world.connector.settings, tmp_path / "backup"
        if world.connector.services.database.is_sqlite:
            elsewhere = tmp_path / "elsewhere"
            elsewhere.mkdir(mode=0o700)
            shutil.copy2(settings.data_dir / "encryption.key", elsewhere)
            assert run("backup", str(file)).exit_code == 0
            there = {"CONNECTOR_DATA_DIR": str(elsewhere), "CONNECTOR_DATABASE_URL": ""}
            restored = run("restore", str(file), **there)
            assert restored.exit_code == 0, restored.output
            return replace(settings, data_dir=elsewhere, database_url="")
        url = new_database("postgresql")
        follow(run("backup", str(file)).stdout, settings.database_url)
        follow(run("restore", str(file), CONNECTOR_DATABASE_URL=url).stdout, url)
        return replace(settings, database_url=url)

    return restore


def follow(commands: str, url: str) -> None:
    """Run the printed commands."""
    path = os.pathsep.join([tools_for(url), str(Path(sys.executable).parent)])
    environ = os.environ | {"PATH": path, "CONNECTOR_DATABASE_URL": url}
    for line in commands.splitlines():
        done = subprocess.run(shlex.split(line), env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
