"""Reading JSON bodies and queries: strictly, and with the contract's errors."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import flask
import marshmallow as ma
from flask_smorest import Blueprint as SmorestBlueprint
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import RequestEntityTooLarge

from connector.access.gate import requires
from connector.api.errors import ErrorFamily, InvalidShape, refuse
from connector.api.fields import check_length
from connector.api.traffic import MAX_API_BODY
from connector.domain.nesting import is_deeper

MAX_DEPTH = 64  # of a body: far more than any needs, far less than a recursion can follow
SECURITY_SCHEME = "OAuth2"
View = TypeVar("View", bound=Callable[..., Any])


class Parser(FlaskParser):
    """webargs' parser, for strict JSON only: no NaN, no second-guessing of encodings."""

    DEFAULT_UNKNOWN_BY_LOCATION = {  # noqa: RUF012  webargs' own name and type
        "json": ma.EXCLUDE,
        "query": ma.EXCLUDE,
    }
    DEFAULT_VALIDATION_STATUS = 400

    def load_json(self, req: flask.Request, schema: ma.Schema) -> Any:
        """Read the body whatever its content type says; clients of WSO2's leave it out at times."""
        body = read_json(read_body())
        if schema.many and isinstance(body, list):
            check_length(body)
        return body

    def handle_error(self, error: ma.ValidationError, req: flask.Request, schema: ma.Schema, **_: Any) -> NoReturn:
        """Refuse a body or query that the schema does not allow."""
        messages = error.messages
        location = next(iter(messages)) if isinstance(messages, dict) and len(messages) == 1 else "json"
        raise InvalidShape(location, messages[location] if isinstance(messages, dict) else messages) from error


class Blueprint(SmorestBlueprint):  # type: ignore[misc]
    """flask-smorest's blueprint with this parser, an error family, and scopes that the OpenAPI document shows."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, name: str, import_name: str, *, errors: ErrorFamily, **options: Any) -> None:
        super().__init__(name, import_name, **options)
        self.errors = errors

    def requires(self, scope: str) -> Callable[[View], View]:
        """Protect a view with a scope."""

        def decorate(view: View) -> View:
            documented: View = self.doc(security=[{SECURITY_SCHEME: [scope]}])(requires(scope)(view))
            return documented

        return decorate


def read_body(limit: int = MAX_API_BODY) -> bytes:
    """Read the request's body; raises `RequestEntityTooLarge` where it is longer than `limit` or the setting."""
    longest = min(limit, flask.current_app.config["MAX_BODY_BYTES"])
    flask.request.max_content_length = longest + 1  # a longer one is cut off behind that, or refused by its length
    body = flask.request.get_data()
    if len(body) > longest:
        raise RequestEntityTooLarge
    return body


def read_json(raw: bytes) -> Any:
    """Parse a JSON document; raises `InvalidShape` with what is wrong with it."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) < len(pairs):
            refuse("json", "must give no member of an object twice")
        return found

    try:
        parsed = json.loads(
            raw.decode(), object_pairs_hook=members, parse_constant=_refuse_constant, parse_float=_finite
        )
    except UnicodeDecodeError:
        refuse("json", "must be UTF-8")
    except RecursionError:
        refuse("json", f"must not be nested too deeply, at most {MAX_DEPTH} times")
    except OverflowError:
        refuse("json", "must hold only numbers that JSON has, not one as large as infinity")
    except ValueError:
        refuse("json", "must be JSON")
    if is_deeper(parsed, MAX_DEPTH):
        refuse("json", f"must not be nested too deeply, at most {MAX_DEPTH} times")
    return parsed


def _finite(digits: str) -> float:
    """Read a number; Python takes one that is too large for infinity, which no JSON can say again."""
    number = float(digits)
    if math.isinf(number):
        raise OverflowError(digits)
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
