"""Stored failures of verifications in words that can be translated, without codes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask_babel import Babel

from connector.console.translations import Catalogues, say
from connector.domain.verifications.failures import failure_words
from connector.errors import Code, OnfidoError


@pytest.fixture
def german() -> Iterator[None]:
    app = Flask(__name__)
    Babel(app, locale_selector=lambda: "de")
    app.extensions["babel"].instance.domain_instance = Catalogues()
    with app.test_request_context():
        yield


REFUSED = OnfidoError(
    Code.APPLICANT_REFUSED, "It quotes a value.", status=422, type="validation_error", request_id="r-1", fields=["dob"]
).summary
GONE = OnfidoError(Code.VERIFICATION_NOT_FOUND, "", status=404, type="resource_not_found", request_id="r-2").summary
ELSEWHERE = "The run is in Onfido's sandbox; the provider's credentials are for another."  # of an earlier version


@pytest.mark.parametrize(
    ("stored", "english", "in_german"),
    [
        (
            REFUSED,
            "Onfido refused the applicant's data (dob, validation_error, HTTP 422, request id r-1).",
            "Onfido hat die Angaben der Person abgelehnt (dob,",
        ),
        (GONE, "No such verification run (resource_not_found, HTTP 404, request id r-2).", "(resource_not_found, HTTP"),
        (
            ELSEWHERE,
            "The run is in Onfido's sandbox; the provider's credentials are for another environment.",
            "Der Ablauf gehört bei Onfido zur Umgebung sandbox;",
        ),
        ("Something else (100 %).", "Something else (100 %).", "Something else (100 %)."),
        ("OIDV-99999 Of later (x).", "OIDV-99999 Of later (x).", "OIDV-99999 Of later (x)."),
    ],
)
@pytest.mark.usefixtures("german")
def test_a_stored_failure_is_in_words_of_the_viewers_language(stored: str, english: str, in_german: str) -> None:
    words = failure_words(stored)

    assert words == english
    assert in_german in str(say(words))
