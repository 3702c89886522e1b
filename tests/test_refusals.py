"""The texts of refusals, read from the source: each description names the next step, each field its requirement."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.import_rules import ROOT, last_name

SOURCES = [path for path in sorted((ROOT / "connector").rglob("*.py")) if "simulator" not in path.parts]
# Errors with a description for people as their first text.
DESCRIBED = {
    "AccessDenied",
    "ChangedMeanwhile",
    "ClickException",
    "ConfigurationError",
    "DirectoryError",
    "OnfidoError",
    "RequestError",
    "TooManyRequests",
    "Undeliverable",
}
# Errors about a field: where the requirement is among the arguments.
REQUIRED = {"BadParameter": 0, "InvalidField": 1, "InvalidQuery": 1, "ValidationError": 0}
ERRORS = re.compile("|".join(DESCRIBED | REQUIRED.keys()))
MESSAGES = {"_", "message", "Message"}  # functions whose first argument is a text of the catalogue
# A second clause or sentence after the problem, a requirement, or a text that another place completes.
NEXT_STEP = re.compile(r"[:;] \S|\. \S|\bmust\b|\{(advice|error|hint|no_body|NO_BODY|objection|reason|state|why)\}\.?$")


def text_of(node: ast.expr) -> str | None:
    """Return a literal text, with the expressions in it in braces; None for any other expression."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Call) and ast.unparse(node.func) in MESSAGES and node.args:
        text = text_of(node.args[0])
        return text and re.sub(r"%\((\w+)\)s", r"{\1}", text)
    if not isinstance(node, ast.JoinedStr):
        return None
    return "".join(
        f"{{{ast.unparse(part.value)}}}" if isinstance(part, ast.FormattedValue) else str(getattr(part, "value", ""))
        for part in node.values
    )


def calls(source: str) -> Iterator[tuple[str | None, ast.Call]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield last_name(node.func), node


def unhelpful(source: str) -> list[str]:
    """Return the descriptions that end in the middle of a sentence, or lack the next step."""
    texts = [
        " ".join(text for each in call.args if (text := text_of(each)))
        for name, call in calls(source)
        if name in DESCRIBED
    ]
    return [text for text in texts if text and not (text.endswith((".", "}")) and NEXT_STEP.search(text))]


def unstated(source: str) -> list[str]:
    """Return the validation messages that do not state a requirement; a parameter may state it."""
    texts = [
        text_of(call.args[REQUIRED[name]])
        for name, call in calls(source)
        if name in REQUIRED and len(call.args) > REQUIRED[name]
    ]
    return [text for text in texts if text and "{" not in text and not re.search(r"\bmust\b", text)]


def test_every_refusal_names_the_next_step() -> None:
    """Only files that name an error are parsed, as to parse all takes seconds."""
    sources = {path: text for path in SOURCES if ERRORS.search(text := path.read_text(encoding="utf-8"))}
    assert [(path, text) for path, source in sources.items() for text in unhelpful(source)] == []
    assert [(path, text) for path, source in sources.items() for text in unstated(source)] == []


@pytest.mark.parametrize(
    "source",
    [
        'raise RequestError(Code.X, f"There is no user {user_id}.")',
        'raise RequestError(Code.X, "There is no such user: check the id")',
        'raise click.ClickException("There is no console.")',
        'raise RequestError(Code.X, message("There is no user %(id)s.", id=user_id))',
    ],
)
def test_the_check_finds_a_refusal_without_a_next_step_or_a_period(source: str) -> None:
    assert len(unhelpful(source)) == 1


@pytest.mark.parametrize(
    "source", ['InvalidField("type", "it is ONFIDO")', 'ma.ValidationError("not empty")', 'BadParameter("no JSON")']
)
def test_the_check_finds_a_validation_message_without_a_requirement(source: str) -> None:
    assert len(unstated(source)) == 1
