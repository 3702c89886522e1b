"""Strict reading of JSON bodies and queries, with the contract's errors."""

from __future__ import annotations

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
from connector.api.middleware.shares import Lasting, lasts
from connector.api.middleware.traffic import MAX_API_BODY
from connector.api.openapi.error_responses import PROTECTED, error_responses
from connector.domain.strict_json import InvalidJson, parse_json
from connector.errors import Code

SECURITY_SCHEME = "OAuth2"
OWN_CLAIMS = "internal_login"  # the scope of calls for the caller's own claims
View = TypeVar("View", bound=Callable[..., Any])


class Parser(FlaskParser):
    """webargs' parser for strict JSON only: without NaN and guessed encodings."""

    DEFAULT_UNKNOWN_BY_LOCATION = {  # noqa: RUF012  webargs' own name and type
        "json": ma.EXCLUDE,
        "query": ma.EXCLUDE,
    }
    DEFAULT_VALIDATION_STATUS = 400

    def load_json(self, req: flask.Request, schema: ma.Schema) -> Any:
        """Read the body, ignoring its content type; clients written for WSO2 sometimes leave it out."""
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
        self._prepare_doc_cbks += [_name_operation, self._document_errors]

    def requires(self, scope: str, *others: str, lasting: Lasting | None = None) -> Callable[[View], View]:
        """Protect a view with a scope, or one of several, and limit its concurrent calls if they may last."""

        def decorate(view: View) -> View:
            counted = lasts(lasting, view, is_callers_own=scope == OWN_CLAIMS) if lasting else view
            security = [{SECURITY_SCHEME: [each]} for each in (scope, *others)]
            documented: View = self.doc(security=security)(requires(scope, *others)(counted))
            return documented

        return decorate

    @staticmethod
    def doc(**described: Any) -> Any:
        """Describe a view in the document, without the copies and the function around it that flask-smorest makes."""

        def decorate(view: View) -> View:
            known = vars(view).get("_apidoc", {})
            vars(view)["_apidoc"] = known | {"manual_doc": known.get("manual_doc", {}) | described}
            return view

        return decorate

    def arguments(self, schema: type[ma.Schema] | ma.Schema, **options: Any) -> Any:
        """Parse requests with a schema, which is created once instead of for each request."""
        return super().arguments(schema() if isinstance(schema, type) else schema, **options)

    def refuses(self, *codes: Code) -> Callable[[View], View]:
        """Document the codes of a view's own errors; those of all views are added."""

        def decorate(view: View) -> View:
            vars(view).setdefault("_apidoc", {})["codes"] = codes
            return view

        return decorate

    def _store_endpoint_docs(self, endpoint: str, obj: Any, *details: Any, **options: Any) -> None:
        """Store an operation's view as well, because it names the operation."""
        super()._store_endpoint_docs(endpoint, obj, *details, **options)
        for described in self._docs[endpoint].values():
            if described is not None:  # the common parameters of all methods of the path
                described["view_name"] = obj.__name__

    def _document_errors(self, doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Add the errors of an operation to its document, replacing those of flask-smorest."""
        codes = [*doc_info.get("codes", ()), self.errors.unexpected, self.errors.database_away]
        statuses = list(PROTECTED) if doc_info.get("manual_doc", {}).get("security") else []
        if "requestBody" in doc:
            codes.append(self.errors.invalid_body)
            statuses.append(413)
        if any(parameter["in"] == "query" for parameter in doc.get("parameters", ())):
            codes.append(self.errors.invalid_query)
        known = {str(status): response for status, response in doc.get("responses", {}).items()}
        return doc | {"responses": known | error_responses(codes, statuses)}


def _name_operation(doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Name an operation after its view, unless the view has the name of WSO2's definition."""
    first, *others = doc_info["view_name"].split("_")
    return doc | {"operationId": first + "".join(word.capitalize() for word in others)}


def read_body(limit: int = MAX_API_BODY) -> bytes:
    """Read the request's body; raises `RequestEntityTooLarge` if it is longer than `limit` or the setting."""
    longest = min(limit, flask.current_app.config["MAX_BODY_BYTES"])
    flask.request.max_content_length = longest + 1  # a longer one is cut off after that, or refused by its length
    body = flask.request.get_data()
    if len(body) > longest:
        raise RequestEntityTooLarge
    return body


def read_json(raw: bytes) -> Any:
    """Parse a JSON document; raises `InvalidShape` with the errors."""
    try:
        return parse_json(raw.decode(), _members)
    except UnicodeDecodeError:
        refuse("json", "must be UTF-8")
    except InvalidJson as error:
        refuse("json", str(error))


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(read := dict(pairs)) < len(pairs):
        refuse("json", "must not have a member of an object twice")
    return read
