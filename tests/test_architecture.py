"""Rules of the code, read from the source: allowed imports, protected views, sizes, docstrings."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from connector.access.gate import REQUIRED_SCOPE
from connector.app import create_app
from connector.pages import applications
from connector.settings import Settings
from tests.import_rules import (
    ALLOWED,
    PACKAGE,
    ROOT,
    imported_parts,
    imports,
    last_name,
    module_of,
    nodes,
    part_of,
    violations,
)

SOURCES = sorted((ROOT / PACKAGE).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MAX_LINES = 300

# Public views, with the reason.
OPEN_VIEWS = {
    "webhooks.receive_event": "Onfido signs its events",
    "self_check.answer_question": "the question is signed with a key of the database's processes",
    "operations.get_health": "a load balancer has no user",
    "operations.get_readiness": "a load balancer has no user",
    "operations.get_metrics": "a scraper has no user",
    "keys.get_keys": "the keys that verify are public",
    "openid_discovery.get_configuration": "the metadata of an OpenID provider is public",
    "signal_metadata.get_configuration": "the metadata of a transmitter of signals is public",
    "signal_metadata.get_configuration_of": "the metadata of a transmitter of signals is public",
    "openid.push_request": "the client proves itself, by a secret or a signed assertion",
    "openid.exchange_code": "the client proves itself, by a secret or a signed assertion",
    "openid.get_userinfo": "the access token is one of the OpenID provider's own",
    "openid_pages.authorize": "the request was pushed by a client that proved itself, and is good once",
    "openid_pages.authorize_by_form": "it repeats the request as GET",
    "openid_pages.show": "the browser's cookie shows that it has opened the request",
    "openid_pages.start": "the browser's cookie shows that it has opened the request",
    "openid_pages.leave": "the browser's cookie shows that it has opened the request",
    "openid_pages.go_back": "the browser's cookie shows that it has opened the request",
    "api-docs.openapi_json": "the description of the API is public",
    "bootstrap.static": "files of the console that hold nothing",
    "console_files.static": "files of the console that hold nothing",
    "console.show_first": "it redirects to the first page that the person may see, or to the sign-in",
    "console.show_nothing": "it is the page for unknown addresses",
    "console.sign_in.show_sign_in": "it comes before the sign-in",
    "console.sign_in.start": "it comes before the sign-in",
    "console.sign_in.complete": "the issuer's answer is checked",
    "console.sign_in.end": "every signed-in person may sign out",
    "console.sign_in.show_signed_out": "it comes after the sign-out",
    "console.sign_in.take_sign_out": "the issuer signs its logout token",
    "console.link.use": "the link is the proof, under --dev alone",
    "docs.redirect_to_documentation": "the documentation is public",
    "docs.show_documentation": "the documentation is public; a token is in it under --dev alone",
    "docs.get_asset": "the documentation is public",
}


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module", autouse=True)
def _forget_trees() -> Iterator[None]:
    """Drop the syntax trees at the end, since later garbage collections would traverse them."""
    yield
    tree_of.cache_clear()
    nodes.cache_clear()


def offences(find: Callable[[Path], Iterable[object]], paths: Iterable[Path] = SOURCES) -> dict[str, list[object]]:
    """Return a rule's findings, by file. One test reads all files: separate cases would slow the suite."""
    by_file = {str(path.relative_to(ROOT)): list(find(path)) for path in paths}
    return {name: each for name, each in by_file.items() if each}


def test_a_file_imports_only_allowed_modules() -> None:
    assert offences(lambda path: violations(module_of(path), tree_of(path))) == {}


BROKEN = [
    ("connector.api.users", "import requests"),
    ("connector.api.users", "from requests import get"),
    ("connector.api.users", "import flask, urllib3"),
    ("connector.api.users", "def later():\n    import requests"),
    ("connector.api.users", "importlib.import_module('requests')"),
    ("connector.api.users", "later = __import__('requests.sessions')"),
    ("connector.api.users", "import_module(name)"),
    ("connector.services.journal", "import_module(f'connector.api.{name}')"),
    ("connector.api.users", "if TYPE_CHECKING:\n    from connector.store.claims.claims import find"),
    ("connector.api.users", "from connector.store.claims import claims"),
    ("connector.api.users", "from connector.onfido.client import OnfidoClient"),
    ("connector.api.users", "from connector.bootstrap import Services"),
    ("connector.api.users", "from sqlalchemy import select"),
    ("connector.domain.claims", "import structlog"),
    ("connector.domain.claims", "from connector.store.vault import Vault"),
    ("connector.domain.claims", "from connector import telemetry"),
    ("connector.onfido.client", "import sqlalchemy"),
    ("connector.onfido.client", "from connector.services.timing import Deadline"),
    ("connector.onfido.client", "from connector.http.client import HttpClient"),
    ("connector.store.claims.claims", "import requests"),
    ("connector.store.claims.claims", "from connector.services.journal import Journal"),
    ("connector.services.outbox", "from connector.services.results.results import Results"),
    ("connector.services.journal", "from connector.onfido.client import OnfidoClient"),
    ("connector.services.providers.registry", "from connector.services.results import results"),
    ("connector.services.results.events", "from connector.services.application.notices import Notices"),
    ("connector.services.lookup.verifications", "from connector.services.people.users import Users"),
    ("connector.services.people.users", "from connector.services import upkeep"),
    ("connector.services.starting.attempts", "from flask import g"),
    ("connector.services.starting.attempts", "import requests"),
    ("connector.services.starting.attempts", "from connector.api.errors import refuse"),
    ("connector.services.starting.attempts", "from .binding import Binding"),
    ("connector.worker", "from connector.app import create_app"),
    ("connector.worker", "import gunicorn.app.base"),
    ("connector.bootstrap", "import flask"),
    ("connector.simulator.app", "from connector.domain.studio.workflow_run import APPROVED"),
    ("connector.cli.users", "import flask"),
    ("connector.console.users", "from connector.store.people.users import find"),
    ("connector.console.users", "from connector.onfido.client import OnfidoClient"),
    ("connector.console.users", "from connector.bootstrap import Services"),
    ("connector.console.users", "import requests"),
    ("connector.api.users", "from connector.console.viewer import actor"),
    ("connector.new_part", "import json"),
]


@pytest.mark.parametrize(("module", "source"), BROKEN, ids=str)
def test_the_check_finds_a_forbidden_import(module: str, source: str) -> None:
    assert len(violations(module, ast.parse(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import json, flask\nfrom sqlalchemy.exc import SQLAlchemyError",
        "from connector.services.people.users import Users\nfrom connector.errors import Code",
        "from connector import __version__, telemetry\nfrom connector.api.errors import refuse",
    ],
)
def test_the_check_accepts_an_allowed_import(source: str) -> None:
    assert violations("connector.api.users", ast.parse(source)) == []


def test_every_listed_part_exists_and_no_two_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for path in SOURCES:
        here = part_of(module_of(path)) or ""
        graph.setdefault(here, set()).update(imported_parts(tree_of(path)) - {here, ""})
    assert set(ALLOWED) - set(graph) == set(), "parts without a file"
    assert [" -> ".join(cycle) for cycle in cycles(graph)] == []


def folder_of(module: str) -> str | None:
    """Return the folder within a part, such as `connector.store.claims`; None for a file of the part itself."""
    names = module.split(".")[:3]
    return ".".join(names) if len(names) == 3 and ROOT.joinpath(*names).is_dir() else None


def test_no_two_folders_of_a_part_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for path in SOURCES:
        if here := folder_of(module_of(path)):
            there = {folder_of(name) for name in imports(tree_of(path))} - {here, None}
            graph.setdefault(here, set()).update(name for name in there if name)
    assert len(graph) > 20
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


def test_the_check_finds_an_import_cycle() -> None:
    assert list(cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == [["a", "b", "c", "a"]]


READERS_OF_HISTORY = {
    "connector.store.statistics.counting",
    "connector.store.verifications.match_history",
}  # of its table; they select


def changes_rows(tree: ast.Module) -> bool:
    """Whether a file may change rows: it names a function for INSERT, UPDATE or DELETE, however imported."""
    names = {node.id for node in nodes(tree) if isinstance(node, ast.Name)}
    attributes = {node.attr for node in nodes(tree) if isinstance(node, ast.Attribute)}
    return not {"insert", "update", "delete", "append"}.isdisjoint(names | attributes)


def writers_of_history(tree: ast.Module) -> Iterator[str]:
    """Return the ways in which a file writes the history: by the store's `append`, or by the table."""
    names: dict[str, str] = {}
    for node in nodes(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
    for node in nodes(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            head, *rest = ast.unparse(node).split(".")
            name = ".".join([names.get(head, head), *rest])
            if name in {"connector.store.history.append", "connector.store.models.history"}:
                yield name


def test_only_the_journal_writes_the_history() -> None:
    """Changes written in another way would not be announced."""
    naming = [path for path in SOURCES if "history" in path.read_text(encoding="utf-8")]
    users = {module_of(path): tree_of(path) for path in naming if any(writers_of_history(tree_of(path)))}
    writers = {name for name, tree in users.items() if name not in READERS_OF_HISTORY or changes_rows(tree)}
    assert writers == {"connector.services.journal", "connector.store.history"}
    assert users.keys() >= READERS_OF_HISTORY


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
def test_the_check_finds_a_second_writer_of_the_history(source: str) -> None:
    assert list(writers_of_history(ast.parse(source)))


@pytest.mark.parametrize("change", ["insert(history)", "history.update()", "sqlalchemy.delete(history)"])
def test_the_check_finds_a_reader_that_changes_rows_of_the_history(change: str) -> None:
    assert changes_rows(ast.parse(change))
    assert not changes_rows(ast.parse("select(history).where(history.c.id == 1)"))


def test_the_check_accepts_a_reader_of_the_history() -> None:
    source = "from connector.store import history\nhistory.find_of_verification(connection, id).append(1)"
    assert list(writers_of_history(ast.parse(source))) == []


def reads_stored_verification(tree: ast.Module) -> bool:
    """Whether a file reads the column `is_verified` of claims, which does not show that a claim has lapsed."""
    tables = {
        alias.asname or alias.name
        for node in nodes(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "connector.store.models"
        for alias in node.names
        if alias.name == "claims"
    }
    read = (ast.unparse(node) for node in nodes(tree) if tables and isinstance(node, ast.Attribute))
    return not {f"{table}.c.is_verified" for table in tables}.isdisjoint(read)


def test_only_the_writers_of_claims_read_whether_they_are_stored_as_verified() -> None:
    readers = {module_of(path) for path in SOURCES if reads_stored_verification(tree_of(path))}
    assert readers == {"connector.store.claims.claims", "connector.store.lapsed"}


def test_the_check_finds_a_reader_of_the_stored_verification() -> None:
    source = "from connector.store.models import claims as table\nselect(table.c.id).where(table.c.is_verified)"
    assert reads_stored_verification(ast.parse(source))
    assert not reads_stored_verification(ast.parse("select(verification_claims.c.is_verified)"))


def writers_of_status(tree: ast.Module) -> Iterator[str]:
    """Return the functions of a file that write a verification's status: by the store's statement, or by their own."""
    if any(name.startswith("opentelemetry.") for name in imports(tree)):
        return  # a span's status is none of a verification's
    writing = {
        node for node in nodes(tree) if isinstance(node, ast.Call) and (is_set_status(node) or updates_status(node))
    }
    for function in nodes(tree) if writing else ():
        if isinstance(function, ast.FunctionDef) and not writing.isdisjoint(ast.walk(function)):
            yield function.name


def is_set_status(call: ast.Call) -> bool:
    return last_name(call.func) == "set_status"


def updates_status(call: ast.Call) -> bool:
    """Whether a call is `update(verifications)…values(…)` with a status."""
    if not (isinstance(call.func, ast.Attribute) and call.func.attr == "values"):
        return False
    table = any(f"update({name})" in ast.unparse(call.func) for name in ("verifications", "models.verifications"))
    given: set[object] = {keyword.arg for keyword in call.keywords}
    given |= {node.value for argument in call.args for node in ast.walk(argument) if isinstance(node, ast.Constant)}
    return table and "status" in given


def test_only_one_function_writes_a_status() -> None:
    """The store's other statements refuse a status: `test_no_other_statement_can_write_a_status`."""
    writers = {f"{module_of(path)}.{name}" for path in SOURCES for name in writers_of_status(tree_of(path))}
    assert writers == {"connector.services.results.status.change"}


@pytest.mark.parametrize(
    "statement",
    [
        "verifications.set_status(connection, verification, {})",
        "set_status(connection, verification, {})",
        "connection.execute(update(verifications).where(a == b).values(status='approved'))",
        "connection.execute(update(models.verifications).values({'status': 'approved'}).where(a == b))",
        "connection.execute(update(verifications).values(dict(status) | {'status': status}))",
    ],
)
def test_the_check_finds_a_second_writer_of_a_status(statement: str) -> None:
    assert list(writers_of_status(ast.parse(f"def f():\n    {statement}"))) == ["f"]


@pytest.mark.parametrize(
    "statement", ["update(verifications).values(decision='approved')", "update(claims).values(status='clear')"]
)
def test_the_check_accepts_writing_another_column(statement: str) -> None:
    assert list(writers_of_status(ast.parse(f"def f():\n    {statement}"))) == []


def discarded_changes(tree: ast.Module) -> Iterator[int]:
    """Return the lines that change a status and drop the entry for the journal."""
    calls = (each.value for each in nodes(tree) if isinstance(each, ast.Expr) and isinstance(each.value, ast.Call))
    return (each.lineno for each in calls if ast.unparse(each.func) in {"status.change", "end_verification"})


def test_every_change_of_a_status_reaches_the_journal() -> None:
    assert offences(lambda path: discarded_changes(tree_of(path))) == {}


def test_the_check_finds_a_discarded_change() -> None:
    assert list(discarded_changes(ast.parse("status.change(connection)\nmoved = status.change(connection)"))) == [1]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    made = create_app(Settings(data_dir=tmp_path_factory.mktemp("data"), dev=True))
    yield made
    made.extensions["services"].close()


def views(app: Flask) -> dict[str, object]:
    return {name: view for each in applications(app) for name, view in each.view_functions.items()}


def test_every_view_has_a_scope_or_a_reason_for_none(app: Flask) -> None:
    unprotected = {name for name, view in views(app).items() if not hasattr(view, REQUIRED_SCOPE)}
    assert unprotected == set(OPEN_VIEWS)


def test_every_scope_is_part_of_the_contract(app: Flask) -> None:
    scopes = {getattr(view, REQUIRED_SCOPE, None) for view in views(app).values()} - {None}
    assert scopes == {
        "internal_login",
        *(f"internal_idvp_{action}" for action in ("view", "add", "update", "delete")),
        *(f"internal_idv_claim_{action}" for action in ("verify", "view", "add", "update", "delete")),
        "internal_idv_verified_claims_view",
        "internal_idv_audit_view",
        "internal_idv_operate",
        *("ssf.manage", "ssf.read"),
    }


def prints_and_unnamed_errors(tree: ast.Module) -> Iterator[int]:
    """Return the lines that print, or catch an error without naming it."""
    for node in nodes(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield node.lineno
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield node.lineno


def test_no_file_prints_or_catches_errors_without_naming_them() -> None:
    assert offences(lambda path: prints_and_unnamed_errors(tree_of(path))) == {}


def test_the_check_finds_prints_and_unnamed_errors() -> None:
    source = "try:\n    print(1)\nexcept ValueError:\n    pass\nexcept:\n    file.print(2)"
    assert list(prints_and_unnamed_errors(ast.parse(source))) == [5, 2]


def standard_frozen(module: str, tree: ast.Module) -> Iterator[int]:
    """Return the lines of frozen dataclasses of the standard library, in parts that have `frozen`."""
    part = part_of(module)
    if part != "domain" and "domain" not in ALLOWED[part or ""].ours:
        return
    for node in nodes(tree):
        if isinstance(node, ast.ClassDef) and "dataclass(frozen=True)" in map(ast.unparse, node.decorator_list):
            yield node.lineno


def test_frozen_dataclasses_are_those_that_are_defined_quickly() -> None:
    assert offences(lambda path: standard_frozen(module_of(path), tree_of(path))) == {}


def test_the_check_finds_a_frozen_dataclass_of_the_standard_library() -> None:
    tree = ast.parse("@dataclass(frozen=True)\nclass A: pass\n@frozen\nclass B: pass\n@dataclass\nclass C: pass")
    assert list(standard_frozen("connector.domain.claims", tree)) == [2]
    assert list(standard_frozen("connector.console.rows", tree)) == [2]
    assert list(standard_frozen("connector.simulator.records", tree)) == []


def test_a_file_is_short() -> None:
    lengths = {path: path.read_text(encoding="utf-8").count("\n") for path in SOURCES}
    too_long = {path: length for path, length in lengths.items() if length > MAX_LINES}
    assert {path: length for path, length in too_long.items() if path.parent.name != "versions"} == {}


def test_every_file_has_a_docstring() -> None:
    assert [str(path) for path in SOURCES if not ast.get_docstring(tree_of(path))] == []


UNPLAIN_VERBS = {
    "Find out",
    "Give",
    "Gives",
    "Have",
    "Has",
    "Let",
    "Lets",
    "Put",
    "Say",
    "Says",
    "See",
    "Take",
    "Tell",
    "Tells",
}


def unplain_docstrings(tree: ast.Module) -> Iterator[str]:
    """Return the docstrings that do not begin with an ordinary verb such as Return, Raise, Create, Apply or Lock."""
    for node in nodes(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            words = (ast.get_docstring(node) or "").split(maxsplit=2)
            if {" ".join(words[:1]), " ".join(words[:2])} & UNPLAIN_VERBS:
                yield " ".join(words)


UNPLAIN_TEXT = re.compile(rf"""["']\s*(?:{"|".join(sorted(UNPLAIN_VERBS))})\b""".replace(" ", r"\s+"))


def test_every_docstring_begins_with_an_ordinary_verb() -> None:
    """Only files with a text that begins so are parsed, as to parse all tests takes seconds."""
    suspects = [path for path in (*SOURCES, *TESTS) if UNPLAIN_TEXT.search(path.read_text(encoding="utf-8"))]
    assert offences(lambda path: unplain_docstrings(tree_of(path)), suspects) == {}


@pytest.mark.parametrize(
    "source",
    [
        '"""Give the keys."""',
        'class A:\n    """Tell why."""',
        'def f():\n    """Find out whether it is open."""',
        'class A:\n    async def f(self):\n        """Let it go.\n\n        Now.\n        """',
    ],
)
def test_the_check_finds_an_unusual_docstring(source: str) -> None:
    assert UNPLAIN_TEXT.search(source)
    assert list(unplain_docstrings(ast.parse(source)))


RIDDLES = {"about", "found", "stand", "stands", "told", "wanted"}


def riddles(tree: ast.Module) -> Iterator[str]:
    """Return the names of values and parameters that do not describe the value."""
    for node in nodes(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in RIDDLES:
            yield node.id
        if isinstance(node, ast.arg) and node.arg in RIDDLES:
            yield node.arg


def test_every_value_has_a_descriptive_name() -> None:
    assert offences(lambda path: riddles(tree_of(path))) == {}


@pytest.mark.parametrize(
    "source", ["found = 1", "def f(told): pass", "for wanted in []: pass", "if (stand := 1): pass", "a, about = 1, 2"]
)
def test_the_check_finds_an_undescriptive_name(source: str) -> None:
    assert len(list(riddles(ast.parse(source)))) == 1
