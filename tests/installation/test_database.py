"""The database as an installation finds it: real ones, in each state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from connector.domain.providers.readiness import Check
from connector.installation.database import check_database, check_tls, is_near, key_files
from connector.store.engine import Database
from tests import databases

REMOTE = "postgresql+psycopg://connector@db.example.com/connector"


def results(url: str) -> dict[str, Check]:
    return {each.name: each for each in check_database(url)}


def passed(url: str) -> dict[str, bool | None]:
    return {name: check.passed for name, check in results(url).items()}


def test_a_migrated_database_passes(database_url: str) -> None:
    expected: dict[str, bool | None] = {"database": True, "schema": True, "writes": True}
    assert passed(database_url) == expected | ({} if database_url.startswith("sqlite") else {"tls": True})


def test_an_unmigrated_database_fails_with_the_command_to_run(postgresql_server: str, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    for url in (databases.put_database(postgresql_server, databases.new_name()), f"sqlite:///{tmp_path / 'empty.db'}"):
        schema = results(url)["schema"]
        assert (schema.passed, "connector migrate" in schema.detail) == (False, True)


def test_a_database_of_a_newer_version_fails(new_database: Callable[[str], str]) -> None:
    url = new_database("postgresql")
    database = Database(url)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("UPDATE schema_support SET oldest = '9999'"))
    database.close()
    schema = results(url)["schema"]
    assert (schema.passed, "install that version" in schema.detail) == (False, True)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://127.0.0.1:1/connector",
        "postgresql+psycopg://nobody@127.0.0.1:1/none?sslmode=verify-full",
        "postgresql+psycopg://nobody@127.0.0.1:1/none?sslmode=unheard-of",
        "postgresql+psycopg://nobody@127.0.0.1:1/none?passwrd=hunter2",
    ],
)
def test_an_unreachable_database_fails_alone_with_advice(url: str) -> None:
    checks = results(url)
    assert {name: check.passed for name, check in checks.items()} == {"database": False}
    assert ". Check `database_url`" in checks["database"].detail
    assert "?." not in checks["database"].detail
    assert "hunter2" not in checks["database"].detail


@pytest.mark.parametrize("is_directory", [True, False])
def test_a_file_that_is_no_database_fails_with_advice_about_the_file(tmp_path: Path, is_directory: bool) -> None:
    path = tmp_path / "connector.db"
    if is_directory:
        path.mkdir()
    else:
        path.write_bytes(b"no database" * 1000)
    detail = results(f"sqlite:///{path}")["database"].detail
    assert f"Check the file {path}" in detail
    assert "server" not in detail


def test_a_missing_file_of_a_database_is_not_a_failure_and_not_created(tmp_path: Path) -> None:
    path = tmp_path / "connector.db"
    assert passed(f"sqlite:///{path}") == {"database": None}
    assert not path.exists()


@pytest.mark.parametrize(
    ("url", "is_encrypted", "is_warning", "words"),
    [
        (REMOTE, False, True, "not encrypted"),
        (f"{REMOTE}?sslmode=disable", False, True, "not encrypted"),
        (REMOTE, True, True, "sslmode=prefer"),
        (f"{REMOTE}?sslmode=require", True, True, "sslmode=require"),
        (f"{REMOTE}?sslmode=verify-ca", True, True, "sslmode=verify-ca"),
        (f"{REMOTE}?sslmode=verify-full&sslrootcert=system", True, False, "is checked"),
        ("postgresql+psycopg:///connector?host=/run/postgresql", False, False, "Not needed"),
        ("postgresql+psycopg://[::1]/connector", False, False, "Not needed"),
    ],
)
def test_a_remote_server_without_tls_or_check_of_its_certificate_is_a_warning(
    url: str, is_encrypted: bool, is_warning: bool, words: str
) -> None:
    check = check_tls(make_url(url), is_encrypted=is_encrypted)
    assert (check.passed, check.is_warning, words in check.detail) == (True, is_warning, True)


@pytest.mark.parametrize("host", ["10.0.0.1", "db", "db.example.com", "[2001:db8::1]"])
def test_remote_hosts_are_distinguished_from_local_ones(host: str) -> None:
    assert not is_near(make_url(f"postgresql://{host}/x"))


def test_files_with_secrets_of_the_database_url_are_checked(tmp_path: Path) -> None:
    assert key_files(f"{REMOTE}?sslkey=/etc/key.pem&sslcert=/etc/cert.pem&passfile=/etc/pass") == [
        Path("/etc/key.pem"),
        Path("/etc/pass"),
    ]
    assert key_files("sqlite:////x.db") == []
