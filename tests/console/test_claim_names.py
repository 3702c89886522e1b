"""Claims on pages: their labels in place of URIs, and one order for all pages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask
from flask_babel import Babel

from connector.console.claim_names import in_order, names_of
from connector.console.translations import Catalogues, say
from connector.domain.audit.history import ADMINISTRATOR, CHANGED, PROVIDER, USER, Change
from connector.domain.audit.sentences import sentence
from connector.domain.messages import claims_named, joined, message
from tests.bodies import event_body
from tests.console.test_every_page import sign_in
from tests.harness import World

NOW = datetime(2026, 1, 2, tzinfo=UTC)

GIVEN, LAST, BORN = (f"http://wso2.org/claims/{name}" for name in ("givenname", "lastname", "dob"))
COUNTRY, NICKNAME, AGE = "address.country", "urn:shop:nickname", "urn:shop:age"


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    babel = Babel(app, locale_selector=lambda: "de", timezone_selector=lambda: "UTC")
    app.extensions["babel"].instance.domain_instance = Catalogues()
    assert babel is not None
    return app


def test_claims_are_in_the_order_of_a_form_and_unknown_ones_last(app: Flask) -> None:
    with app.test_request_context():
        assert in_order([NICKNAME, COUNTRY, BORN, LAST, AGE, GIVEN]) == [GIVEN, LAST, BORN, COUNTRY, AGE, NICKNAME]


def test_a_text_of_the_rules_names_claims_by_their_labels_on_pages_and_by_their_uris_elsewhere(app: Flask) -> None:
    text = joined((message("Nothing verifies %(names)s.", names=claims_named([BORN, GIVEN])), "Really."))
    assert text == f"Nothing verifies {BORN}, {GIVEN}. Really."
    with app.test_request_context():
        assert say(text) == "Nothing verifies Vorname und Geburtsdatum. Really."


def test_claims_with_the_same_label_are_told_apart_by_their_uris(app: Flask) -> None:
    with app.test_request_context():
        assert names_of([BORN, "urn:shop:dob"]) == f"Geburtsdatum ({BORN}) und Geburtsdatum (urn:shop:dob)"


@pytest.mark.parametrize(
    "change",
    [
        Change(NOW, "t", USER, CHANGED, ADMINISTRATOR, name="ann", actor="bob", detail={"claims": [BORN]}),
        Change(
            NOW,
            "t",
            PROVIDER,
            CHANGED,
            ADMINISTRATOR,
            name="Onfido",
            actor="bob",
            changes={f"claims.{BORN}": {"from": None, "to": "dob"}},
        ),
    ],
    ids=["user", "provider"],
)
def test_a_sentence_of_the_audit_trail_names_the_claim_by_its_label(app: Flask, change: Change) -> None:
    assert " dob" in sentence(change)
    with app.test_request_context():
        assert "Geburtsdatum" in str(say(sentence(change)))


def test_the_setup_guide_names_claims_by_their_labels(world: World) -> None:
    with sign_in(world) as http:
        page = http.get(f"{world.connector.url}/console/providers/{world.provider_id}/setup/steps", timeout=60).text
    assert "Given name" in page
    assert GIVEN not in page


def test_pages_show_attributes_in_the_order_of_a_form(world: World) -> None:
    run_id = world.start(world.add_user("ann"))
    assert world.post_event(event_body(run_id)).status_code == 200
    [verification] = world.verifications("ann")
    path = f"verifications/{verification.verification_id}"
    names = ("Given name", "Last name", "Date of birth")
    with sign_in(world) as http:
        for shown in (path, f"{path}/review", "users/ann"):
            page = http.get(f"{world.connector.url}/console/{shown}", timeout=60).text
            places = [page.index(f">{name}<") for name in names]
            assert places == sorted(places), shown
