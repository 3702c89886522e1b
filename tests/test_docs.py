"""The documents agree with the code: commands, settings, codes, paths, links and names."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import click
import pytest

from connector import __version__
from connector.api.errors import STATUS
from connector.api.shapes.studio import StudioSchema, read_studio
from connector.cli import main
from connector.errors import Code
from connector.settings import Issuer, Settings
from connector.settings.fields import read_table
from connector.settings.profiles import PROFILES

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
ADMINISTRATOR = ROOT / "config" / "README.md"
APPLICATION = ROOT / "connector" / "api" / "README.md"
STUDIO = ROOT / "config" / "studio.md"
ARCHITECTURE = ROOT / "connector" / "ARCHITECTURE.md"
OPERATOR = ROOT / "deploy" / "README.md"
CHANGELOG = ROOT / "deploy" / "CHANGELOG.md"
DOCUMENTS = [
    README,
    *sorted(path for folder in ("config", "connector", "deploy") for path in (ROOT / folder).rglob("*.md")),
]

SETTINGS = {each.name for each in fields(Settings)} - {"dev"}
FENCED = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
CODE = re.compile(r"\b(?:IDVP|IDV|OIDV)-\d{5}\b")
PATH = re.compile(r"(?:connector|config|deploy|tests)/[\w./-]*")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)]+)\)")
IDENTIFIER = re.compile(r"[a-z]+(?:_[a-z0-9]+)+")
MODULE = re.compile(r"(?<![\w/.*<{])[\w/]+\.py\b")
DATE = re.compile(r"20\d\d-\d\d-\d\d")
CLASS = re.compile(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b|\b[A-Z][a-z]+\.[a-z_]+\b")
LOGGED = re.compile(r'\blog\.(?:debug|info|warning|error|exception)\(\s*"([^"]+)"')
EVENT = re.compile(r"[a-z]+(?:_[a-z]+)*\.[a-z]+(?:_[a-z]+)*")
VARIABLE = re.compile(r"\bCONNECTOR_[A-Z_]+\b")
OF_A_MACHINE = re.compile(r"(?<![\w.}])/(?:home|root|tmp|work|opt|usr|var)/")


MAX_README = 200  # lines


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=named)


@cache
def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def blocks(document: Path, language: str) -> list[str]:
    return [content for kind, content in FENCED.findall(text_of(document)) if kind == language]


def prose(document: Path) -> str:
    """Return the text without its code blocks."""
    return FENCED.sub("", text_of(document))


def section(document: Path, heading: str) -> str:
    """Return the text under a heading of the second level."""
    return re.split(r"^## ", prose(document).split(f"\n## {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(table: str) -> Iterator[list[str]]:
    """Return the cells of a table's rows, without its heading."""
    lines = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    yield from ([cell.strip() for cell in cells] for cells in lines[2:])


def invocations(document: Path) -> Iterator[list[str]]:
    """Return the words after `connector` wherever it is called, in a shell block or between backticks."""
    for block in blocks(document, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            for call in re.findall(r"(?:^|\$\(|\s)connector ([^|&;)]*)", line):
                yield shlex.split(call, posix=False)
    for span in INLINE.findall(prose(document)):
        if call := re.search(r"(?:^|\s)connector (.+)", span):
            yield shlex.split(call[1], posix=False)


def invocations_in_texts() -> Iterator[list[str]]:
    """Return the words of each command that a text of the code names between backticks."""
    for source in [*(ROOT / "connector").rglob("*.py"), *(ROOT / "connector").rglob("*.html")]:
        for words in re.findall(r"`connector ((?:[a-z][a-z-]+ ?)+)", text_of(source)):
            yield words.split()


def anchors(document: Path) -> set[str]:
    """Return the anchors of the headings, as the usual renderers make them."""
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in HEADING.findall(prose(document))}


@cache
def words_of_the_code() -> frozenset[str]:
    sources = [
        *(ROOT / "connector").rglob("*.py"),
        *(ROOT / "connector").rglob("*.html"),
        *(ROOT / "config").rglob("*.json"),
        *(ROOT / "config").rglob("*.toml"),
        *(ROOT / "deploy" / "proxy").iterdir(),
    ]
    return frozenset(re.findall(r"\w+", " ".join(path.read_text(encoding="utf-8") for path in sources)))


def test_the_first_two_commands_are_demo_and_test() -> None:
    first, second, *_ = FENCED.findall(text_of(README))
    assert (first, second) == (("sh", "make demo\n"), ("sh", "make test\n"))


def resolved(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that the first words name, and the others."""
    command: click.Command = main
    while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z][a-z-]*", words[0]):
        assert words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    return command, words


@each_document
def test_every_command_of_the_connector_exists(document: Path) -> None:
    for words in invocations(document):
        command, rest = resolved(words)
        options = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
        given = {word for word in rest if re.fullmatch(r"--?[a-z][a-z-]*", word)}
        assert given <= options | set(main.context_settings["help_option_names"]), (command.name, words)


def test_every_command_that_a_message_names_exists() -> None:
    for words in invocations_in_texts():
        resolved(words)


def test_the_readme_is_short() -> None:
    assert text_of(README).count("\n") <= MAX_README


def test_the_readme_leads_to_every_document() -> None:
    """Directly, or through another document."""
    found, new = set[Path](), {README}
    while new:
        found |= new
        targets = {
            (each.parent / link.partition("#")[0]).resolve() for each in new for link in LINK.findall(prose(each))
        }
        new = targets & set(DOCUMENTS) - found
    assert set(DOCUMENTS) - found == set()


def test_the_documents_show_every_command() -> None:
    shown = {words[0] for document in DOCUMENTS for words in invocations(document) if words}
    assert set(main.commands) - shown == {"demo"}, "`make demo` shows that one"


@each_document
def test_every_error_code_exists(document: Path) -> None:
    assert set(CODE.findall(text_of(document))) <= set(Code)


def test_the_table_of_errors_is_complete_and_has_the_right_statuses() -> None:
    table = {code.strip("`"): int(status) for code, status, _ in rows(section(APPLICATION, "Errors"))}
    assert table == {str(code): STATUS.get(code, 400) for code in Code}


@each_document
def test_every_variable_of_the_environment_is_a_setting(document: Path) -> None:
    known = {f"CONNECTOR_{name.upper()}" for name in SETTINGS} | {"CONNECTOR_CONFIG"}
    assert set(VARIABLE.findall(text_of(document))) <= known


def test_the_documented_settings_exist() -> None:
    table = section(ARCHITECTURE, "Settings that matter")
    assert {name for first, _ in rows(table) for name in INLINE.findall(first)} <= SETTINGS


def test_every_metric_is_listed() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "connector" / "metrics").glob("*.py"))
    names = re.findall(r'"(connector_\w+)"', sources)
    listed = [INLINE.findall(first)[0] for first, _ in rows(section(OPERATOR, "Metrics"))]
    assert sorted(listed) == sorted(names)


def test_every_listed_log_event_exists_in_the_code() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "connector").rglob("*.py"))
    listed = [name for first, _ in rows(section(OPERATOR, "Logs")) for name in INLINE.findall(first)]
    assert [name for name in listed if f'"{name}"' not in sources] == []
    assert len(listed) > 10


def test_every_log_event_is_named_by_an_object_and_a_participle() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "connector").rglob("*.py")]
    events = {name for source in sources for name in LOGGED.findall(source)} - {"access"}  # the access log's only line
    assert [name for name in sorted(events) if not EVENT.fullmatch(name)] == []
    assert len(events) > 50
    assert not EVENT.fullmatch("introspection_failed")


def test_settings_files_can_be_read() -> None:
    examples = [
        read_table(Settings, tomllib.loads(block)) for document in DOCUMENTS for block in blocks(document, "toml")
    ]
    issuer = Issuer("https://is.example.com:9443/oauth2/token", "connector")
    assert [Settings(**example).issuers for example in examples].count((issuer,)) == 2


def test_the_documented_profiles_exist_in_the_code() -> None:
    table = section(ADMINISTRATOR, "Profiles")
    documented = {INLINE.findall(name)[0]: sets for name, sets, _ in rows(table)}
    assert set(documented) == set(PROFILES)
    for name, settings in PROFILES.items():
        for setting, value in settings.items():
            values = ", ".join(value).replace("application/at+jwt, ", "") if isinstance(value, tuple) else value
            assert f"`{setting}` {values}" in documented[name]


@each_document
def test_json_in_the_documents_can_be_read(document: Path) -> None:
    for block in blocks(document, "json"):
        json.loads(block)


def test_studio_examples_are_accepted() -> None:
    for block in blocks(STUDIO, "json"):
        read_studio(StudioSchema().load(json.loads(block)))


@each_document
def test_every_name_between_backticks_exists_in_the_code(document: Path) -> None:
    spans = [span for span in INLINE.findall(prose(document)) if not PATH.fullmatch(span)]
    assert set(IDENTIFIER.findall(" ".join(spans))) - words_of_the_code() == set()


@each_document
def test_every_path_exists(document: Path) -> None:
    for span in INLINE.findall(prose(document)):
        if PATH.fullmatch(span):
            assert (ROOT / span).exists(), span
    for block in blocks(document, "sh"):
        for path in PATH.findall(block):
            assert (ROOT / path).exists(), path


def test_the_module_table_names_every_module() -> None:
    drawn = {path for first, _ in rows(section(ARCHITECTURE, "Modules")) for path in INLINE.findall(first)}
    package = ROOT / "connector"
    folders = {f"{path.parent.relative_to(ROOT)}/" for path in package.glob("*/__init__.py")}
    modules = {str(path.relative_to(ROOT)) for path in package.glob("[!_]*.py")}
    assert (folders | modules) - drawn == set()


@each_document
def test_every_module_and_class_that_a_document_names_exists(document: Path) -> None:
    spans = " ".join(INLINE.findall(prose(document)))
    files = [
        f"/{path.relative_to(ROOT)}" for folder in ("connector", "tests") for path in (ROOT / folder).rglob("*.py")
    ]
    assert [name for name in MODULE.findall(spans) if not any(path.endswith(f"/{name}") for path in files)] == []
    if document.is_relative_to(ROOT / "connector"):
        named = [word for name in CLASS.findall(spans) for word in name.split(".")]
        assert set(named) - words_of_the_code() == set()


def test_every_file_that_a_docstring_names_exists() -> None:
    for path in sorted((ROOT / "connector").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for name in MODULE.findall(docstrings(source)) if MODULE.search(source) else ():
            assert is_file_near(name, path), f"{path}: {name}"
    assert not is_file_near("runs.py", ROOT / "connector" / "domain" / "__init__.py")


def docstrings(source: str) -> str:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return "\n".join(
        ast.get_docstring(node) or "" for node in ast.walk(ast.parse(source)) if isinstance(node, documented)
    )


def is_file_near(name: str, path: Path) -> bool:
    """Whether there is a file of this name in the folder of the module that names it, or in one above."""
    return any(
        (folder / name).is_file() for folder in [*path.parents, ROOT / "connector"] if folder.is_relative_to(ROOT)
    )


def test_every_decision_has_a_date_and_rejected_alternatives() -> None:
    decisions = [
        cells for cells in rows(section(ARCHITECTURE, "Decisions")) if len(cells) == 3 and DATE.match(cells[0])
    ]
    assert [cells for cells in decisions if not (cells[1].strip() and ":" in cells[2])] == [], (
        "decision: alternative: why"
    )
    assert len(decisions) > 30


@each_document
def test_links_resolve(document: Path) -> None:
    for link in LINK.findall(prose(document)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@each_document
def test_no_document_names_a_machines_path(document: Path) -> None:
    assert OF_A_MACHINE.findall(text_of(document)) == []


def test_the_changelog_begins_with_this_version() -> None:
    assert HEADING.findall(text_of(CHANGELOG))[:2] == ["Changelog", __version__]
