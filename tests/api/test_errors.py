"""An error without a code of its own has the code of the called API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask

from connector.api.errors import ErrorFamily
from connector.api.parsing import Blueprint
from connector.app import create_app
from connector.errors import Code, DatabaseUnavailable, InvalidField, InvalidQuery
from connector.settings import Settings

# Codes that no API of ours has together, so that none can have come from another's family.
FAMILY = ErrorFamily(Code.VALUE_MISSING, Code.STATUS_INVALID, Code.INITIATION_FAILED, Code.ATTEMPT_LIMIT)


class NumberSchema(ma.Schema):
    """A body or query with a number."""

    number = ma.fields.Integer(required=True)


def new_api() -> Blueprint:
    """Create an API that no other module knows."""
    blueprint = Blueprint("added", __name__, errors=FAMILY, url_prefix="/added")

    @blueprint.post("/shape")
    @blueprint.arguments(NumberSchema)
    def shape(body: dict[str, Any]) -> str:
        return str(body)

    @blueprint.get("/query")
    @blueprint.arguments(NumberSchema, location="query")
    def query(query: dict[str, Any]) -> str:
        return str(query)

    @blueprint.get("/refused/<kind>")
    def refused(kind: str) -> str:
        errors = {
            "field": InvalidField("colour", "must be blue"),
            "parameter": InvalidQuery("limit", "must be small"),
            "outage": DatabaseUnavailable("the server closed the connection"),
        }
        raise errors.get(kind, ZeroDivisionError(kind))

    return blueprint


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    made = create_app(Settings(data_dir=tmp_path_factory.mktemp("data"), dev=True))
    made.register_blueprint(new_api())
    yield made
    made.extensions["services"].close()


@pytest.mark.parametrize(
    ("method", "path", "code", "status", "description"),
    [
        ("POST", "/added/shape", FAMILY.invalid_body, 400, "number: "),
        ("GET", "/added/query", FAMILY.invalid_query, 400, "number: "),
        ("GET", "/added/refused/field", FAMILY.invalid_body, 400, "colour: must be blue."),
        ("GET", "/added/refused/parameter", FAMILY.invalid_query, 400, "limit: must be small."),
        ("GET", "/added/refused/by-accident", FAMILY.unexpected, 500, "Try again later."),
        ("GET", "/added/refused/outage", FAMILY.database_away, 503, "The database is unavailable"),
    ],
)
def test_an_error_has_the_code_of_its_api_family(
    app: Flask, method: str, path: str, code: Code, status: int, description: str
) -> None:
    answer = app.test_client().open(path, method=method, json={} if method == "POST" else None)

    assert answer.status_code == status
    assert answer.get_json()["code"] == code
    assert answer.get_json()["message"] == code.message
    assert answer.get_json()["description"].startswith(description)


def test_a_blueprint_must_name_its_error_family() -> None:
    with pytest.raises(TypeError, match="errors"):
        Blueprint("nameless", __name__)  # type: ignore[call-arg]
