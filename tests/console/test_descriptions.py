"""Texts of errors and checks can be translated: each is stored as an entry of the catalogue with its parts."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache

import pytest
from babel.support import NullTranslations
from flask import Flask
from flask_babel import Babel, Domain
from jinja2 import Environment
from sqlalchemy import update

from connector.console.catalogue import PACKAGE, texts
from connector.console.descriptions import description_of
from connector.console.translations import say
from connector.domain.messages import Message, counted, joined, listed, message, packed, unpacked
from connector.domain.providers.health import Health
from connector.domain.tenancy import Tenant
from connector.errors import Code, ConnectorError, InvalidField, OnfidoError, RequestError
from connector.store.models import provider_health
from tests.harness import World

# The argument that people read, by its place.
DESCRIBED = {
    **dict.fromkeys(
        ("RequestError", "OnfidoError", "DirectoryError", "InvalidField", "InvalidQuery", "not_checked"), 1
    ),
    "TooManyRequests": 0,
    "Check": 2,
}
ELSEWHERE = re.compile(r"connector/(cli|simulator)/")  # for operators and developers, in English
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TEXTS = (
    message("Onfido failed"),
    message("There is no user %(user_id)s: check the id, or add the user.", user_id="100 %"),
    counted("%(num)s run", "%(num)s runs", 2),
    joined((message("a %(x)s", x=message("b %(y)s", y=3)), "plain", message("at %(time)s", time=NOW))),
    listed((message("one"), "two", "")),
)


def literals(source: str) -> Iterator[str]:
    """Yield the literal descriptions of errors that are not passed through `message`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DESCRIBED:
            place = DESCRIBED[node.func.id]
            if len(node.args) > place and isinstance(node.args[place], ast.Constant | ast.JoinedStr):
                yield ast.unparse(node.args[place])


def test_every_description_is_a_translatable_message() -> None:
    assert list(literals('raise RequestError(Code.X, f"no {it}")')) == ["f'no {it}'"]
    assert list(literals('raise InvalidField("name", message("must be new"))')) == []
    files = [path for path in PACKAGE.rglob("*.py") if not ELSEWHERE.search(path.as_posix())]
    found = [f"{path.relative_to(PACKAGE)}: {each}" for path in files for each in literals(path.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize("text", TEXTS, ids=str)
def test_a_message_is_stored_and_read_again(text: Message) -> None:
    stored = json.loads(json.dumps(packed(text)))
    read = unpacked(stored, str(text))
    assert isinstance(read, Message)
    assert (read, read.text, read.many, read.parts) == (text, text.text, text.many, text.parts)
    assert unpacked(stored, "changed by another version") == "changed by another version"


@pytest.mark.parametrize("stored", [None, {}, [], "text", 3, {"text": "%(a)s", "parts": {}}, {"at": "no time"}])
def test_an_unreadable_stored_message_is_shown_as_plain_text(stored: object) -> None:
    assert unpacked(stored, "plain") == "plain"
    assert not isinstance(unpacked(stored, "plain"), Message)


class Bracketed(NullTranslations):
    """A language with a complete catalogue: each text in brackets."""

    known: Mapping[str, str]

    def gettext(self, message: str) -> str:
        return self.known.get(message, message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.known.get(msgid1 if n == 1 else msgid2, msgid2)

    def ugettext(self, message: str) -> str:
        return self.gettext(message)

    def ungettext(self, singular: str, plural: str, num: int) -> str:
        return self.ngettext(singular, plural, num)


@cache
def known() -> set[str]:
    """Return the texts of the translators' template; reading it takes seconds."""
    return {each for text in texts() for each in ((text,) if isinstance(text, str) else text)}


class InBrackets(Domain):  # type: ignore[misc]  # Flask-Babel is untyped
    """The catalogue of that language, from the translators' template, without the text `without`."""

    def __init__(self, without: str = "") -> None:
        super().__init__()
        self._catalogue = Bracketed()
        self._catalogue.known = {each: f"[{each}]" for each in known() - {without}}

    def get_translations(self) -> NullTranslations:
        return self._catalogue


def speaking(domain: Domain) -> Flask:
    app = Flask(__name__)
    Babel(app, locale_selector=lambda: "fr", timezone_selector=lambda: "UTC")
    app.extensions["babel"].instance.domain_instance = domain
    return app


ERRORS: list[tuple[ConnectorError, str]] = [
    (
        RequestError(
            Code.JOB_ENDED,
            message("The job %(job_id)s has ended (%(state)s): ask for another one.", job_id="j", state="done"),
        ),
        "[The job j has ended (done): ask for another one.]",
    ),
    (InvalidField("name", message("must not be empty")), "[name: [must not be empty].]"),
    (
        OnfidoError(Code.ONFIDO_UNREACHABLE, message("%(why)s. Try again later.", why=message("Onfido failed"))),
        "[[Onfido failed]. Try again later.]",
    ),
    (RequestError(Code.USER_NOT_FOUND, "written by another version"), "[something else]"),
    (InvalidField("name", "written by another version"), "[something else]"),
]


@pytest.mark.parametrize(("error", "said"), ERRORS, ids=[said for _, said in ERRORS])
def test_a_description_is_in_the_pages_language(error: ConnectorError, said: str) -> None:
    with speaking(InBrackets()).test_request_context():
        assert description_of(error, "[something else]") == said


def test_a_description_without_a_translation_is_replaced_by_the_pages_text() -> None:
    error = RequestError(Code.USER_NOT_FOUND, message("There is no user %(user_id)s.", user_id="ann"))
    with speaking(InBrackets(without="There is no user %(user_id)s.")).test_request_context():
        assert description_of(error, "[No such user].") == "[No such user]."
        assert description_of(error) == "There is no user ann."


def test_a_stored_check_result_is_translated_if_possible_and_readable_otherwise(
    world: World,
) -> None:
    def health() -> Health:
        [found] = world.connector.services.health_records.all(Tenant(world.tenant))
        return found

    services = world.connector.services
    services.setup.test(Tenant(world.tenant), world.provider_id, world.connector.url)
    found = {check.name: check.detail for check in health().checks}
    assert found["token"] == "Onfido accepts the API token."
    with speaking(InBrackets()).test_request_context():
        assert say(found["token"]) == "[Onfido accepts the API token.]"
        assert all(str(say(detail)).startswith("[") for detail in found.values())

    with services.database.write() as connection:
        connection.execute(update(provider_health).values(details=None))  # as the version before writes it
    old = {check.name: check.detail for check in health().checks}
    assert old == found
    assert not any(isinstance(detail, Message) for detail in old.values())


WORDS = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")
TRANSLATED = frozenset({"_", "_l", "gettext", "lazy_gettext", "ngettext", "message", "counted", "marked"})
FOR_NOBODY = frozenset({"ValueError", "TypeError"})  # and the log lines
# Modules without texts of pages: icons, sample data, commands, and the text for support, the same in each language.
UNTRANSLATED = frozenset({"icons.py", "sample.py", "example.py", "support.py"})
NAMES = frozenset({"OpenID Connect", "Onfido IdVP connector", "command line", "console cookies"})  # and keys
ATTRIBUTE = re.compile(r'\b(aria-label|title|placeholder|alt|data-[a-z]+)="([^"\0]*[A-Za-z]{2}[^"\0]*)"')


def unsaid(source: str) -> Iterator[str]:
    """Yield the texts of a view that are missing in the catalogue."""
    tree = ast.parse(source)
    left_out: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            left_out.add(id(node.body[0].value))  # type: ignore[attr-defined]
        if isinstance(node, ast.Call) and is_left_out(node.func):
            left_out |= {id(each) for each in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            plain = re.sub(r"<[^>]*>", "", node.value)  # markup
            if WORDS.search(plain) and "<" not in plain and node.value not in NAMES:
                yield node.value


def is_left_out(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return isinstance(function.value, ast.Name) and function.value.id == "log"
    return isinstance(function, ast.Name) and function.id in TRANSLATED | FOR_NOBODY


def test_every_text_of_a_view_is_in_the_catalogue() -> None:
    assert list(unsaid('log.info("not for people")\n_("Saved as it is")')) == []
    assert list(unsaid('notify("Saved as it is")\nconfirm(f"Remove the user {name}?")')) == [
        "Saved as it is",
        "Remove the user ",
    ]
    views = [path for path in (PACKAGE / "console").rglob("*.py") if path.name not in UNTRANSLATED]
    assert len(views) > 50
    found = [f"{path.relative_to(PACKAGE)}: {each}" for path in views for each in unsaid(path.read_text("utf-8"))]
    assert found == []


def untranslated_attributes(template: str) -> list[str]:
    """Return the attributes with texts for people that a template does not pass through a translation."""
    source = "".join(text if kind == "data" else "\0" for _, kind, text in Environment().lex(template))
    return [text for _, text in ATTRIBUTE.findall(source)]


def test_every_text_of_a_template_attribute_is_in_the_catalogue() -> None:
    assert untranslated_attributes('<a title="{{ _("Close") }}" aria-label="Close it">x</a>') == ["Close it"]
    templates = [path for room in ("console", "oidc") for path in (PACKAGE / room / "templates").rglob("*.html")]
    assert len(templates) > 60
    found = {path.name: texts for path in templates if (texts := untranslated_attributes(path.read_text("utf-8")))}
    assert found == {}
