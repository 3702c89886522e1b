"""A restored database: no session, one-time link or request of an OpenID client of the former one is in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from connector.bootstrap import Services, create_services
from connector.domain.tenancy import Tenant
from connector.settings import Settings
from connector.store.models import console_links, console_sessions, openid_flows
from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.services.conftest import Run
from tests.services.restoring import follow, restore
from tests.services.test_console_sessions import BOB
from tests.services.test_removed_providers import add_flows, register

__all__ = ["restore"]


def sign_in(world: World) -> str:
    """Sign somebody in, make a link that signs in, and let a client push a request; return the session's secret."""
    add_flows(world, register(world, world.connector.caller("admin", ALL_SCOPES)), 1)
    sessions, tenant = world.connector.services.console_sessions, Tenant(world.tenant)
    sessions.make_link(tenant, "bob", [])
    return sessions.begin(tenant, BOB, "bob")


def sign_ins(services: Services) -> int:
    with services.database.read() as connection:
        tables = (console_sessions, console_links, openid_flows)
        return sum(connection.execute(select(func.count()).select_from(each)).scalar_one() for each in tables)


def test_nobody_is_signed_in_to_a_restored_database(world: World, restore: Callable[[], Settings]) -> None:
    secret, tenant = sign_in(world), Tenant(world.tenant)
    with closing(create_services(restore(), world.clock)) as restored:
        assert restored.providers.all(tenant)
        assert restored.console_sessions.find(tenant, secret) is None
        assert sign_ins(restored) == 0
    assert world.connector.services.console_sessions.find(tenant, secret), "the former database is unchanged"


def earlier_backup(run: Run, tmp_path: Path) -> dict[str, str]:
    """Write a backup that contains a session; return the variables of a connector that has none any more."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    there = {"CONNECTOR_DATA_DIR": str(elsewhere), "CONNECTOR_DATABASE_URL": ""}
    assert run("user", "add", "ann", **there).exit_code == 0
    with closing(create_services(Settings(data_dir=elsewhere))) as services:
        services.console_sessions.begin(Tenant("carbon.super"), BOB, "bob")
        assert sign_ins(services) == 1
    with (
        closing(sqlite3.connect(elsewhere / "connector.db")) as database,
        closing(sqlite3.connect(tmp_path / "backup")) as copy,
    ):
        database.backup(copy)
        database.execute("DELETE FROM console_sessions")
        database.commit()
    return there


def sessions_in(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM console_sessions").fetchone()[0])


def test_restoring_a_backup_of_an_earlier_version_ends_its_sessions(run: Run, tmp_path: Path) -> None:
    there = earlier_backup(run, tmp_path)
    restored = run("restore", str(tmp_path / "backup"), "--overwrite", **there)

    assert "All console sessions have ended" in restored.stdout
    with closing(create_services(Settings(data_dir=tmp_path / "elsewhere"))) as services:
        assert sign_ins(services) == 0
        assert services.users.page(Tenant("carbon.super"), limit=5)
    assert sorted(each.name for each in (tmp_path / "elsewhere").iterdir() if each.name.startswith(".")) == []


def test_a_restoration_that_ends_halfway_leaves_no_session_valid(run: Run, tmp_path: Path) -> None:
    there = earlier_backup(run, tmp_path)
    with closing(sqlite3.connect(tmp_path / "backup")) as backup:  # the deletion of its session fails
        backup.execute("CREATE TRIGGER t BEFORE DELETE ON console_sessions BEGIN SELECT RAISE(ABORT, 'ended'); END")

    restored = run("restore", str(tmp_path / "backup"), "--overwrite", **there)

    assert (restored.exit_code, "ended" in restored.stderr) == (1, True)
    assert sessions_in(tmp_path / "backup") == 1
    assert sessions_in(tmp_path / "elsewhere" / "connector.db") == 0


@pytest.mark.parametrize("shared_connector", ["postgresql"], indirect=True)
def test_the_printed_commands_end_the_sessions_of_a_dump_of_an_earlier_version(
    run: Run, world: World, tmp_path: Path, new_database: Callable[[str], str]
) -> None:
    settings = world.connector.settings
    sign_in(world)
    url, file = new_database("postgresql"), tmp_path / "backup"
    [dump] = run("backup", str(file)).stdout.splitlines()
    follow(" ".join(each for each in dump.split() if "--exclude" not in each), settings.database_url)

    follow(run("restore", str(file), CONNECTOR_DATABASE_URL=url).stdout, url)

    with closing(create_services(replace(settings, database_url=url), world.clock)) as restored:
        assert sign_ins(restored) == 0
        assert restored.providers.all(Tenant(world.tenant))


def test_a_backup_contains_no_trace_of_a_session(run: Run, settings: Settings, tmp_path: Path) -> None:
    there = {"CONNECTOR_DATA_DIR": str(tmp_path / "data"), "CONNECTOR_DATABASE_URL": ""}
    assert run("user", "add", "ann", **there).exit_code == 0
    with closing(create_services(Settings(data_dir=tmp_path / "data"))) as services:
        services.console_sessions.begin(Tenant("carbon.super"), BOB, "bob")
    assert run("backup", str(tmp_path / "backup"), **there).exit_code == 0
    content = (tmp_path / "backup").read_bytes()
    assert b"session-there" not in content
    assert b"ann" in content
