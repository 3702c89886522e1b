"""Commands that serve no HTTP load no web framework: checked in `sys.modules` of a real process after its work."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from connector.services.upkeep import Sweep
from connector.store.deliveries import outbox
from connector.store.engine import Database
from tests.import_rules import PACKAGE, ROOT
from tests.processes import running
from tests.waiting import GENEROUS, wait_until

MIGRATIONS = {"alembic", "mako"}
TRACING = "opentelemetry"
PAGES = {"babel", "flask_babel", "flask_bootstrap", "flask_wtf", "wtforms"}
DRIVERS = {"sqlite": "sqlite3", "postgresql": "psycopg"}
DIALECTS = {f"sqlalchemy.dialects.{name}" for name in DRIVERS}
WEB = {"flask", "flask_smorest", "gunicorn", "werkzeug", "jinja2"}
COMMANDS = [
    ["--help"],
    ["serve", "--help"],
    ["simulate", "--help"],
    ["migrate"],
    ["token", "--user", "ann"],
    ["user", "add", "ann", "-a", "http://wso2.org/claims/givenname=Ann"],
    ["user", "show", "ann", "--json"],
    ["user", "list"],
    ["user", "remove", "ann", "--yes"],
    ["provider", "list", "--json"],
    ["verification", "list", "--json"],
    ["verification", "export"],
    ["outbox", "list"],
    ["rotate-keys"],
]
# Runs each of the commands given as JSON, then writes the names of the modules that are loaded.
RUN = """
import json, sys
from connector.cli import main
for command in json.loads(sys.argv[1]):
    try:
        main(command)
    except SystemExit as end:
        assert not end.code, (command, end.code)
print("\\n" + json.dumps(list(sys.modules)))
"""


# Runs every command but those that serve, with made-up arguments, then writes the packages that each one loads first.
RUN_ALL = """
import contextlib, json, sys
import click
from connector.cli import main

SERVING = ("serve", "simulate", "demo", "worker")
SAMPLES = {"integer": "1", "json": "{}", "time": "2026-01-31"}

def commands(group, path=()):
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        elif name not in SERVING:
            yield (*path, name), command

def arguments(command):
    for parameter in command.params:
        if parameter.required or isinstance(parameter, click.Argument):
            kind = parameter.type
            sample = kind.choices[0] if isinstance(kind, click.Choice) else SAMPLES.get(kind.name.lower(), "x")
            yield from parameter.opts[:1] if isinstance(parameter, click.Option) else ()
            yield sample
    if any("--yes" in parameter.opts for parameter in command.params):
        yield "--yes"

loads, known = {}, set()
for path, command in commands(main):
    with contextlib.suppress(SystemExit):
        main([*path, *arguments(command)])
    packages = {name.partition(".")[0] for name in sys.modules}
    loads[" ".join(path)] = sorted(packages - known)
    known |= packages
print("\\n" + json.dumps(loads))
"""
# Imports all that a worker needs before its database is known, then writes the same.
IMPORT = """
import json, sys
import connector.worker
print(json.dumps(list(sys.modules)))
"""
# Answers as a web process does, then writes the same.
SERVE = """
import json, os, sys
import connector.server
from connector.app import create_app
from connector.settings import load
client = create_app(load(None, os.environ, dev=True)).test_client()
for path in ("/healthz", "/readyz", *json.loads(sys.argv[1])):
    assert client.get(path).status_code in (200, 302), path
print("\\n" + json.dumps(list(sys.modules)))
"""


def start(
    data_dir: Path, *commands: list[str] | str, program: str = RUN, database_url: str = ""
) -> AbstractContextManager[subprocess.Popen[str]]:
    others = ("CONNECTOR_", "COVERAGE_", "ONFIDO_")  # the measurement of coverage loads further packages
    environ = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    environ |= {"CONNECTOR_DATA_DIR": str(data_dir), "CONNECTOR_DATABASE_URL": database_url}
    command = [sys.executable, "-c", program, json.dumps(commands)]
    return running(
        command,
        cwd=data_dir.parent,  # commands may write files
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def modules_of(data_dir: Path, *commands: list[str] | str, program: str = RUN) -> set[str]:
    """Run a program to its end, and return the modules that it had loaded."""
    with start(data_dir, *commands, program=program) as process:
        return loaded(process)


def loaded(process: subprocess.Popen[str]) -> set[str]:
    """Wait for the end of a process, and return the modules that it had loaded."""
    output, _ = process.communicate(timeout=2 * GENEROUS)
    assert process.returncode == 0, output
    modules: list[str] = json.loads(output.splitlines()[-1])
    assert {"connector", "sqlalchemy"} <= set(modules)
    return set(modules)


def wait_for_sweep(database_url: str, worker: subprocess.Popen[str]) -> None:
    """Wait until a worker has done its periodic work."""

    def has_swept() -> bool:
        assert worker.poll() is None, "the worker has ended"
        with database.read() as connection:
            return [row.kind for row in outbox.find_page(connection, [outbox.DONE], 1)] == [Sweep.kind]

    with closing(Database(database_url)) as database:
        wait_until(has_swept)


def test_commands_that_serve_nothing_load_no_web_framework(data_dir: Path) -> None:
    assert modules_of(data_dir, *COMMANDS) & WEB == set()


def test_no_other_command_loads_a_web_framework(data_dir: Path) -> None:
    with start(data_dir, program=RUN_ALL) as process:
        output, _ = process.communicate(timeout=2 * GENEROUS)
    loads: dict[str, list[str]] = json.loads(output.splitlines()[-1])
    assert len(loads) > 80
    assert {name: found for name, packages in loads.items() if (found := WEB & set(packages))} == {}
    assert any("sqlalchemy" in packages for packages in loads.values())


def imported_when_used() -> set[str]:
    """Return the modules that functions of `bootstrap` import."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / PACKAGE / "bootstrap").glob("*.py")]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    nodes = [node for function in functions for node in ast.walk(function)]
    return {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


@pytest.fixture(scope="module", params=DRIVERS)
def worker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> tuple[str, set[str]]:
    """A kind of database, and the modules that a worker on it had loaded after its periodic work."""
    (data_dir := tmp_path_factory.mktemp("worker") / "data").mkdir(mode=0o700)
    database_url = new_database(request.param)
    with start(data_dir, ["worker"], database_url=database_url) as process:
        wait_for_sweep(database_url, process)
        process.send_signal(signal.SIGTERM)
        return request.param, loaded(process)


def test_the_worker_loads_no_use_case_before_it_is_used(worker: tuple[str, set[str]]) -> None:
    _, modules = worker
    deferred = imported_when_used() | {"connector.directory.opening"}
    assert len(deferred) > 20
    assert modules & deferred == set()


def test_the_worker_loads_no_web_framework_no_migrations_and_one_driver(worker: tuple[str, set[str]]) -> None:
    kind, modules = worker
    assert modules & (WEB | MIGRATIONS | {"marshmallow", "apispec", "joserfc", "authlib", "requests", TRACING}) == set()
    assert [name for name, driver in DRIVERS.items() if driver in modules] == [kind]
    assert modules & DIALECTS == {f"sqlalchemy.dialects.{kind}"}


def test_no_driver_and_no_dialect_are_loaded_before_the_database_is_known(data_dir: Path) -> None:
    assert modules_of(data_dir, program=IMPORT) & ({*DRIVERS.values()} | DIALECTS) == set()


def test_the_web_process_loads_no_unneeded_driver_migrations_documentation_or_tracing(
    data_dir: Path,
) -> None:
    modules = modules_of(data_dir, program=SERVE)
    assert {"flask", "marshmallow"} <= modules
    assert modules & DIALECTS == {"sqlalchemy.dialects.sqlite"}
    assert modules & ({DRIVERS["postgresql"]} | MIGRATIONS | {"flask_swagger_ui", TRACING} | PAGES) == set()


def test_the_web_process_loads_page_modules_with_the_first_page(data_dir: Path) -> None:
    assert modules_of(data_dir, "/console/sign-in", program=SERVE) >= PAGES
