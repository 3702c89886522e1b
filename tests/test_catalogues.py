"""The pages in every language: each text is in the catalogue, and the user's page is translated as a whole."""

from __future__ import annotations

import copy
import functools
import io
import itertools
import pickle
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from flask import Flask
from flask_babel import Babel
from jinja2 import Environment

from connector.console import catalogue
from connector.console.frame import HERE
from connector.console.translations import FOLDER, SOURCE, Catalogues, languages, say
from connector.domain.audit.audit_filter import SUBJECTS
from connector.domain.audit.history import AUDITED, Change
from connector.domain.audit.sentences import sentence
from connector.domain.events import REFUSALS, RefusedPosts
from connector.domain.messages import Message, counted, joined, message
from connector.domain.providers.health import Health
from connector.domain.providers.setup_steps import SetupFacts, headline, setup_steps
from connector.domain.verifications import reasons
from connector.domain.verifications.dry_run import Limit
from connector.domain.verifications.judgement import Rule, Verdict, explain
from connector.domain.verifications.verification import Verification, VerificationClaim
from tests.domain.examples import PROVIDER

TEMPLATES = HERE / "templates"
OIDC = HERE.parent / "oidc"
USERS_PAGE = (
    *(HERE / "verify").glob("*.py"),
    *OIDC.glob("*.py"),
    *(OIDC / "templates" / "oidc").glob("*.html"),
    *(HERE / name for name in ("refusals.py", "formats.py", "claim_names.py", "sign_in.py", "one_time_links.py")),
    *(TEMPLATES / "verify").glob("*.html"),
    *(TEMPLATES / "console").glob("error*.html"),
    *(
        TEMPLATES / "console" / name
        for name in ("plain.html", "languages.html", "sign_in.html", "signed_out.html", "to_sign_in.html")
    ),
    Path(reasons.__file__),
)
OTHERS = [each for each in languages() if each != SOURCE]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEALTH = Health("provider", "Onfido", NOW, tried_at=NOW, is_answered=False)
FACTS = (
    SetupFacts(HEALTH),
    SetupFacts(HEALTH, last_event_at=NOW, approved=2, compared=1, has_users=True, endpoints=2, refusing=1),
    SetupFacts(HEALTH, ended_silently=2, approved=2, has_own_directory=False, endpoints=1, was_notified=True),
    SetupFacts(HEALTH, refused=[RefusedPosts("p", "Onfido", cause, 2, NOW, NOW) for cause in REFUSALS], endpoints=1),
)
ACTIONS = ("added", "changed", "removed", "verified", "approved", "unlocked", "read", "HTTP-403", "IDV-10000")
RUN = Verification(**dict.fromkeys(each.name for each in fields(Verification)))  # type: ignore[arg-type]
CLAIM = VerificationClaim("uri", "first_name")
_PLACEHOLDER = re.compile(r"%\(\w+\)\w|%%")
_TAG = re.compile(r"<[^>]*>|&\w+;")


@functools.cache
def all_texts() -> frozenset[catalogue.Text]:
    """Return each text of all pages; to read the files takes seconds."""
    return frozenset(catalogue.texts())


def users_texts() -> set[str]:
    """Return each text that the user's page may show, its errors included, and each reason."""
    return {each for text in catalogue.texts(USERS_PAGE) for each in _ids(text)} | catalogue.codes()


def _ids(text: catalogue.Text) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


def test_the_catalogue_for_translators_contains_every_text() -> None:
    ids = {each.id for each in read_po(io.StringIO(catalogue.template())) if each.id}
    assert ids == all_texts()
    assert len(ids) > 1000


def test_every_text_of_a_template_goes_through_the_catalogue() -> None:
    raw = {
        f"{path.relative_to(HERE)}: {text}"
        for path in TEMPLATES.rglob("*.html")
        if not path.name.startswith("sample")  # for developers
        for text in raw_texts(path.read_text(encoding="utf-8"))
    }
    assert raw == set()
    assert list(raw_texts('<p class="x">Hello {{ _("you") }}</p>')) == ["Hello"]


def raw_texts(template: str) -> Iterator[str]:
    """Yield the words of a template outside of tags and calls."""
    source = "".join(text if kind == "data" else "\0" for _, kind, text in Environment().lex(template))
    for each in _TAG.sub("\0", re.sub(r"\0+", "\0", source)).split("\0"):
        if re.search(r"[A-Za-z]{2}", each) and each.strip() not in NAMES:
            yield each.strip()


NAMES = {"UTC", "connector console link"}


def written_by_rules() -> Iterator[str]:
    """Yield the rules' texts for every possible input."""
    for each in reasons.all_reasons():
        yield from filter(None, (each.user, each.administrator, each.helps))
    for subject, action, cause in itertools.product(SUBJECTS, ACTIONS, AUDITED):
        yield sentence(Change(NOW, "t", subject, action, cause, name="X", actor="bob", user_id="ann"))
    for facts in FACTS:
        steps = setup_steps(PROVIDER, facts)
        yield from (headline(steps), *(text for step in steps for text in (step.title, step.text)))
    for rule in Rule:
        explained = explain(CLAIM, replace(RUN, status="approved"), Verdict(rule, "clear", "/a"))
        yield from (step.text for step in explained.steps)
    yield from (limit.text for limit in Limit)


def used(text: object) -> Iterator[Message]:
    """Yield a message and its parts."""
    if isinstance(text, Message):
        yield text
        for part in text.parts.values():
            yield from used(part)


def test_texts_of_the_rules_are_in_the_catalogue() -> None:
    known, number = all_texts(), 0
    for text in written_by_rules():
        assert isinstance(text, Message), text
        for each in used(text):
            assert not each.text or (each.text if each.many is None else (each.text, each.many)) in known
            number += 1
    assert number > 500


@pytest.fixture
def german() -> Iterator[None]:
    """A request in German."""
    app = Flask(__name__)
    Babel(app, locale_selector=lambda: "de", timezone_selector=lambda: "Europe/Berlin")
    app.extensions["babel"].instance.domain_instance = Catalogues()
    with app.test_request_context():
        yield


@pytest.mark.usefixtures("german")
def test_messages_use_the_viewers_language_and_time_zone() -> None:
    verified, checking = reasons.OF_CLAIM["verified"].user, reasons.OF_RUN["processing"].administrator
    assert say(verified) == "Das ist bestätigt."
    assert say(joined((verified, checking))) == "Das ist bestätigt. Onfido prüft, was die Person geschickt hat."
    assert say(message("%(first)s %(second)s", first="at", second=NOW)) == "at 2 Jan. 2026, 04:04:05 Europe/Berlin"
    assert say(counted("%(num)s x", "%(num)s xs", 2)) == "2 xs"
    assert [say(each) for each in ("This is verified.", 3, None, message(""))] == ["This is verified.", 3, None, ""]


def test_a_message_is_its_english_text_even_when_copied() -> None:
    text = counted("%(num)s run at %(at)s", "%(num)s runs at %(at)s", 3, at=NOW)
    assert text == "3 runs at 2026-01-02 03:04 UTC"
    for each in (copy.copy(text), copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert (each, each.parts) == (text, text.parts)
    assert joined(()) == ""


def test_the_german_catalogue_exists() -> None:
    assert OTHERS == ["de"]


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_of_the_users_page_is_translated(language: str) -> None:
    with (FOLDER / language / "LC_MESSAGES" / "messages.po").open(encoding="utf-8") as source:
        translated = read_po(source, locale=language)
    assert len(users_texts()) > 150
    missing = [text for text in users_texts() if not (found := translated.get(text)) or not found.string]
    assert missing == []
    for each in translated:
        if each.id:
            assert not each.fuzzy, each.id
            assert sorted(_PLACEHOLDER.findall(str(each.string))) == sorted(_PLACEHOLDER.findall(str(each.id)))


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_over(language: str) -> None:
    known = {each for text in all_texts() for each in _ids(text)}
    with (FOLDER / language / "LC_MESSAGES" / "messages.po").open(encoding="utf-8") as source:
        ids = {each.id for each in read_po(source, locale=language) if each.id}
    assert ids - known == set()
