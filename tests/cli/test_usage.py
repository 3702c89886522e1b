"""Errors of the command line: one line, an exit status, and no stack trace."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import create_engine, make_url, text

from connector import __version__
from tests.databases import new_name

Run = Callable[..., Result]
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def listed(result: Result) -> list[str]:
    """Return the users' ids in the table of `user list`."""
    heading, *rows = result.stdout.splitlines()
    assert heading.split()[0] == "USER"
    return [row.split()[0] for row in rows]


def assert_one_line(result: Result, *mentioned: str) -> None:
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("Error: ")
    for each in mentioned:
        assert each in result.stderr


def test_a_tenant_without_a_name_is_refused(run: Run) -> None:
    """Removed providers keep this name until their rows are deleted."""
    result = run("provider", "list", "--tenant", "")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "must not be empty" in result.stderr


def test_output_contains_no_control_characters_of_stored_text(run: Run) -> None:
    value = "Ann\nuser  root\x1b[2J\u202e"
    added = run("user", "add", "ann", "-a", f"urn:x={value}")
    assert_one_line(added, "control character")
    # The operator chose the tenant's name; the advice about a missing user repeats it.
    result = run("user", "show", "a\nb\x1b[31m")
    assert_one_line(result, r"a\nb\x1b[31m")


@pytest.mark.parametrize(
    "command",
    [
        ("user", "show", "\udcff"),
        ("user", "list", "--search", "\udcff"),
        ("provider", "list", "--tenant", "\udcff"),
        ("verification", "list", "--user", "\udcff"),
        ("token", "--user", "\udcff"),
    ],
    ids=" ".join,
)
def test_an_argument_that_is_no_text_is_reported_in_one_line(run: Run, command: tuple[str, ...]) -> None:
    assert_one_line(run(*command), "must be in UTF-8")


@pytest.mark.parametrize("content", [b"\xff\xfe" + bytes(42), b"\0" * 44])
def test_a_binary_key_file_is_reported_in_one_line(run: Run, data_dir: Path, content: bytes) -> None:
    path = data_dir / "encryption.key"
    path.write_bytes(content)
    path.chmod(0o600)
    assert_one_line(run("user", "list"), "encryption.key", "must hold an encryption key")


def test_a_world_readable_data_directory_or_key_is_refused(run: Run, data_dir: Path) -> None:
    assert run("user", "list").exit_code == 0
    (data_dir / "encryption.key").chmod(0o644)
    assert_one_line(run("user", "list"), "encryption.key", "0644", "chmod o-rwx")
    (data_dir / "encryption.key").chmod(0o640)
    assert run("user", "list").exit_code == 0
    data_dir.chmod(0o755)
    for command in (("user", "list"), ("token", "--user", "ann"), ("migrate",)):
        assert_one_line(run(*command), "0755", "chmod o-rwx")


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("serve", "-h"), ("provider", "add", "--help"), ()])
def test_help_describes_each_command(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == (0 if arguments else 2), "without a command, the help is printed"
    assert "Usage: " in result.output


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").stdout.strip().endswith(__version__)


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("provider", "nonsense"),
        ("provider", "show"),
        ("serve", "--port", "0"),
        ("serve", "--port", "http"),
        ("token",),
        ("token", "--user", "ann", "--lifetime", "0"),
        ("provider", "add", "--region", "mars"),
        ("provider", "add", "--claim", "givenname"),
        ("provider", "add", "--claim", "=first_name"),
        ("provider", "add", "--claims", "/no/such/file.json"),
        ("user", "add", "ann", "-a", "no equals sign"),
        ("user", "import", "/no/such/file.csv"),
        ("verification", "list", "--limit", "0"),
        ("verification", "list", "--limit", "\u0663"),
        ("provider", "add", "--max-attempts", "1_0"),
        ("serve", "--port", "\uff18\uff10\uff18\uff10"),
    ],
)
def test_wrong_usage_exits_with_status_2_and_the_usage(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: ")


@pytest.mark.parametrize(
    ("arguments", "mentioned"),
    [
        (("provider", "show", UNKNOWN), UNKNOWN),
        (("provider", "update", UNKNOWN, "--name", "x"), UNKNOWN),
        (("provider", "remove", UNKNOWN, "--yes"), UNKNOWN),
        (("provider", "add", "--workflow-id", UNKNOWN), "first_name"),
        (("user", "show", "nobody"), "nobody"),
        (("user", "set", "nobody", "-a", "x=y"), "nobody"),
        (("verification", "show", "no-run"), "no-run"),
        (("--config", "/no/such/settings.toml", "provider", "list"), "/no/such/settings.toml"),
        (("serve",), "issuers"),
    ],
)
def test_a_refusal_is_one_line_and_exits_with_status_1(run: Run, arguments: tuple[str, ...], mentioned: str) -> None:
    assert_one_line(run(*arguments), mentioned)


@pytest.mark.parametrize(
    ("variable", "value", "mentioned"),
    [
        ("CONNECTOR_PORT", "http", "CONNECTOR_PORT"),
        ("CONNECTOR_PORT", "\u0668\u0660\u0668\u0660", "CONNECTOR_PORT"),
        ("CONNECTOR_PORT", "80_80", "CONNECTOR_PORT"),
        ("CONNECTOR_INTERACTIVE_BUDGET", "\u0662\u0660", "CONNECTOR_INTERACTIVE_BUDGET"),
        ("CONNECTOR_DATABASE_URL", "mysql://127.0.0.1/x", "database_url"),
        ("CONNECTOR_DATABASE_URL", "sqlite://", "database_url"),
        ("CONNECTOR_DATABASE_URL", "sqlite:///:memory:", "database_url"),
        ("CONNECTOR_DATABASE_URL", "sqlite:////no/such/directory/connector.db", "/no/such/directory"),
        ("CONNECTOR_DATABASE_URL", "postgresql://127.0.0.1:1/x?connect_timeout=2", "Check `database_url`"),
        ("CONNECTOR_ENCRYPTION_KEYS", "c2hvcnQ=", "encryption_keys"),
        ("CONNECTOR_DATA_DIR", "/dev/null/data", "/dev/null/data"),
    ],
)
def test_an_unusable_setting_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, mentioned: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_one_line(run("user", "list", **{variable: value}), mentioned)


def test_a_damaged_database_is_reported_in_one_line(run: Run, data_dir: Path) -> None:
    (data_dir / "connector.db").write_bytes(b"not a database, but long enough to be read as one" * 100)
    assert_one_line(run("user", "list"), "database")


def test_an_embedded_database_is_migrated_on_first_use(run: Run, data_dir: Path) -> None:
    (data_dir / "connector.db").unlink()
    assert run("user", "add", "ann").exit_code == 0
    assert listed(run("user", "list")) == ["ann"]


def test_migrate_may_be_repeated(run: Run, data_dir: Path) -> None:
    (data_dir / "connector.db").unlink()
    for _ in range(2):
        result = run("migrate")
        assert (result.exit_code, result.stdout) == (0, "The database is up to date.\n")


def test_postgresql_is_migrated_only_on_request(run: Run, postgresql_server: str) -> None:
    server = make_url(postgresql_server)
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        name = new_name()
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template1"))
        url = server.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
        assert_one_line(run("user", "list", CONNECTOR_DATABASE_URL=url), "connector migrate")
        assert run("migrate", CONNECTOR_DATABASE_URL=url).exit_code == 0
        assert run("user", "add", "ann", CONNECTOR_DATABASE_URL=url).exit_code == 0
        assert listed(run("user", "list", CONNECTOR_DATABASE_URL=url)) == ["ann"]
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


def test_a_taken_port_is_named_as_the_reason(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert_one_line(run("simulate", "--port", str(taken.getsockname()[1])), "in use")
