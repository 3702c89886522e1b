"""Who may know whom, read from the source: imports, protected views, and a few rules of the house."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from connector.access.gate import REQUIRED_SCOPE
from connector.app import create_app
from connector.settings import Settings

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "connector").rglob("*.py"))
MAX_LINES = 300

# What the files of a package may import of ours, beyond their own package. What is not listed may import anything.
MAY_IMPORT = {
    "domain": {"domain", "errors"},
    "onfido": {"domain", "errors", "telemetry"},
    "directory": {"domain", "store", "errors", "telemetry"},
    "store": {"domain", "errors", "telemetry", "private_file"},
    "http": {"domain", "errors", "telemetry"},
    "access": {"domain", "http", "errors", "telemetry", "settings", "private_file"},
    "services": {"domain", "store", "onfido", "directory", "http", "errors", "telemetry"},
    "api": {"access", "services", "domain", "errors", "telemetry", "settings", "private_file"},
    "serving": {"telemetry"},
    "settings": {"domain", "errors"},
    "simulator": set(),
    "errors": set(),
    "telemetry": set(),
    "private_file": {"errors"},
    "part": set(),
    "shipped": set(),
}
# Third parties that a package must not know.
MUST_NOT_IMPORT = {
    "onfido": {"flask", "werkzeug", "click", "sqlalchemy", "alembic"},
    "http": {"flask", "werkzeug", "click", "sqlalchemy", "alembic"},
    "directory": {"flask", "werkzeug", "click"},
    "store": {"flask", "werkzeug", "click", "requests"},
    "services": {"flask", "werkzeug", "click", "requests"},
    "serving": {"flask", "click", "sqlalchemy", "alembic"},
    "api": {"sqlalchemy.orm", "click", "requests.sessions", "alembic"},
}
MAY_IMPORT_APP = {"connector.app", "connector.server", "connector.cli"}

# Views that anybody may call, and why.
OPEN_VIEWS = {
    "webhooks.receive_event": "Onfido signs its events",
    "operations.get_health": "a load balancer has no user",
    "operations.get_readiness": "a load balancer has no user",
    "operations.get_metrics": "a scraper has no user",
    "api-docs.openapi_json": "the description of the API is public",
    "swagger_ui.show": "the documentation is public",
}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def package_of(module: str) -> str:
    """Give the part of the house that a module belongs to: `connector.api.users` is in `api`."""
    return module.split(".")[1] if "." in module else ""


def imports(path: Path, *, at_run_time: bool = False) -> Iterator[str]:
    """Give the names a file imports, each as `module.name`; `at_run_time` leaves out what only type checkers see."""
    for node in _nodes(tree_of(path), at_run_time=at_run_time):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _nodes(tree: ast.AST, *, at_run_time: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if at_run_time and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from _nodes(node, at_run_time=at_run_time)


def ours(path: Path, *, at_run_time: bool = False) -> set[str]:
    """Give the modules of ours that a file imports."""
    modules = {module_of(each) for each in SOURCES}
    found = {name for name in imports(path, at_run_time=at_run_time) if name.split(".")[0] == "connector"}
    return {name if name in modules else name.rpartition(".")[0] for name in found}


def is_within(name: str, module: str) -> bool:
    return name == module or name.startswith(module + ".")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_file_imports_only_what_its_package_may_know(path: Path) -> None:
    package = package_of(module_of(path))
    if package in MAY_IMPORT:
        known = MAY_IMPORT[package] | {package}
        assert {module for module in ours(path) if package_of(module) not in known} == set()
    for forbidden in MUST_NOT_IMPORT.get(package, ()):
        assert [name for name in imports(path) if is_within(name, forbidden)] == []


def test_the_domain_uses_the_standard_library_and_the_errors_only() -> None:
    for path in (path for path in SOURCES if package_of(module_of(path)) == "domain"):
        strangers = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - {"connector"}
        assert strangers == set(), named(path)


def test_only_the_processes_and_the_command_line_know_the_application() -> None:
    for path in SOURCES:
        if any(is_within(module, "connector.app") for module in ours(path)):
            assert any(is_within(module_of(path), allowed) for allowed in MAY_IMPORT_APP), named(path)


def test_every_package_of_the_house_has_a_rule() -> None:
    """A new package has to say whom it may know."""
    free = {"", "app", "bootstrap", "ground", "server", "cli", "__main__", "relay", "worker", "console"}
    assert {package_of(module_of(path)) for path in SOURCES} - set(MAY_IMPORT) - free == set()


def test_no_two_packages_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for path in SOURCES:
        package = package_of(module_of(path))
        targets = {package_of(module) for module in ours(path, at_run_time=True)}
        graph.setdefault(package, set()).update(targets - {package, ""})
    assert [" -> ".join(cycle) for cycle in cycles(graph)] == []


def cycles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    def walk(path: list[str]) -> Iterator[list[str]]:
        for target in sorted(graph.get(path[-1], ())):
            if target == path[0]:
                yield [*path, target]
            elif target not in path and target > path[0]:
                yield from walk([*path, target])

    for start in sorted(graph):
        yield from walk([start])


def test_the_search_for_cycles_finds_one() -> None:
    assert list(cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == [["a", "b", "c", "a"]]


def writers_of_history(tree: ast.Module) -> Iterator[str]:
    """Give how a file writes the history: by the store's `append`, or by the table itself."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            head, *rest = ast.unparse(node).split(".")
            name = ".".join([names.get(head, head), *rest])
            if name in {"connector.store.history.append", "connector.store.models.history"}:
                yield name


def test_only_the_journal_writes_the_history() -> None:
    """What is written without it would be announced to nobody."""
    writers = {module_of(path) for path in SOURCES if any(writers_of_history(tree_of(path)))}
    assert writers == {"connector.services.journal", "connector.store.history"}


@pytest.mark.parametrize(
    "source",
    [
        "from connector.store import history\nhistory.append(connection, [])",
        "from connector.store import history as log\nlog.append(connection, [])",
        "from connector.store.history import append\nappend(connection, [])",
        "import connector.store.history\nconnector.store.history.append(connection, [])",
        "from connector.store.models import history\nconnection.execute(history.insert())",
        "from connector.store import models\nconnection.execute(insert(models.history))",
    ],
)
def test_the_search_for_writers_of_the_history_finds_one(source: str) -> None:
    assert list(writers_of_history(ast.parse(source)))


def test_reading_the_history_is_not_writing_it() -> None:
    source = "from connector.store import history\nhistory.find_of_verification(connection, id).append(1)"
    assert list(writers_of_history(ast.parse(source))) == []


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = create_app(Settings(data_dir=tmp_path, dev=True))
    yield made
    made.extensions["services"].close()


def test_every_view_has_a_scope_or_a_reason_for_none(app: Flask) -> None:
    unprotected = {name for name, view in app.view_functions.items() if not hasattr(view, REQUIRED_SCOPE)}
    assert unprotected == set(OPEN_VIEWS)


def test_every_scope_is_one_of_the_contracts(app: Flask) -> None:
    scopes = {getattr(view, REQUIRED_SCOPE, None) for view in app.view_functions.values()} - {None}
    assert scopes == {
        "internal_login",
        *(f"internal_idvp_{action}" for action in ("view", "add", "update", "delete")),
        *(f"internal_idv_claim_{action}" for action in ("verify", "view", "add", "update", "delete")),
    }


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_nothing_is_printed_and_no_error_is_caught_unnamed(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"line {node.lineno}"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}"


@pytest.mark.parametrize("path", [each for each in SOURCES if each.parent.name != "versions"], ids=named)
def test_a_file_tells_one_story(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MAX_LINES


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_every_file_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree_of(path))
