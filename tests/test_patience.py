"""No test depends on the machine's speed: a wait that a busy machine could outlast is found here.

A limit below a second is meant to pass (an answer that must not come yet), and one from `LEAST` on is generous. A
condition is waited for as long as `wait_until` does by itself, or longer.

No test depends on others: a process ends with the test that starts it, also if that test fails.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.waiting import GENEROUS

TESTS = Path(__file__).parent
MEASURING = {TESTS / "bench", TESTS / "soak", TESTS / "deployment"}  # programs, and their limits are a part of them
# What starts processes: `running`, and the classes whose objects end their own.
STARTING = {
    TESTS / "processes.py",
    TESTS / "forked.py",
    TESTS / "cli" / "terminal.py",
    TESTS / "faults" / "deployment.py",
    TESTS / "identity" / "openid_client.py",
    TESTS / "identity" / "servers.py",
    TESTS / "test_failures.py",  # it leaves one
    TESTS / "test_processes.py",  # it waits for them
}
STARTED = re.compile(r"\bPopen\(")
LEAST = 30.0  # seconds
BY_POSITION = {"wait", "result", "join", "settimeout"}
LIMITED = re.compile(rf"(?:\btimeout\s*=|\.(?:{'|'.join(sorted(BY_POSITION))})\s*\()[\s(]*\d|wait_until\(.*, *\d")
BY_NAME = {"get", "post", "put", "patch", "delete", "request", "options", "run", "communicate"} | BY_POSITION


def short_limits(tree: ast.Module) -> Iterator[int]:
    """Return the lines that give up after seconds."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        if name == "wait_until":
            yield from (node.lineno for limit in node.args[1:] if is_short(limit, GENEROUS))
        elif isinstance(node.func, ast.Attribute) and name in BY_NAME:
            limits = [each.value for each in node.keywords if each.arg == "timeout"]
            limits += node.args[:1] if name in BY_POSITION else []
            yield from (node.lineno for limit in limits if is_short(limit))


def is_short(limit: ast.expr, least: float = LEAST) -> bool:
    value = limit.value if isinstance(limit, ast.Constant) else None
    return isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value < least


def test_every_wait_has_a_generous_limit() -> None:
    """Only files with a number as a limit are parsed, as to parse all takes seconds."""
    texts = {path: path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py")}
    limited = [path for path, text in texts.items() if LIMITED.search(text) and not MEASURING & set(path.parents)]
    found = {str(path.relative_to(TESTS)): [*short_limits(ast.parse(texts[path]))] for path in limited}
    assert {name: lines for name, lines in found.items() if lines} == {}, "use GENEROUS of tests/waiting.py"


def test_a_short_limit_is_found() -> None:
    short = "requests.get(url, timeout=5)\nthread.join(20)\nworld.wait_until(lambda: x, 30)\nwait_until(f, 60.0)\n"
    code = short + "future.result(timeout=0.3)\nprocess.wait(60)\n', '.join(x)\nwait_until(f)\nwait_until(f, 300)"
    assert list(short_limits(ast.parse(code))) == [1, 2, 3, 4]
    assert all(LIMITED.search(line) for line in short.splitlines())


def test_processes_are_started_by_what_ends_them() -> None:
    paths = [path for path in TESTS.rglob("*.py") if path not in STARTING and not MEASURING & set(path.parents)]
    found = [str(path.relative_to(TESTS)) for path in paths if STARTED.search(path.read_text(encoding="utf-8"))]
    assert found == [], "use `running` of tests/processes.py"
