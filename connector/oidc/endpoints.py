"""The endpoints for clients' servers: push a request, exchange a code, read the result."""

from __future__ import annotations

import structlog
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError, UnauthorizedClientError
from flask import Blueprint, Response, current_app, g, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from connector.errors import ConnectorError, DatabaseUnavailable, InvalidField
from connector.oidc.parameters import invalid_request, read_parameters
from connector.oidc.parties import issuer
from connector.oidc.server import OpenIdServer, ParsedRequest, flows
from connector.services.openid.flows import SandboxNotAllowedError

log = structlog.get_logger(__name__)

blueprint = Blueprint("openid", __name__, url_prefix="/oauth2")

# The stored parameters of a pushed request; no others are used.
_KEPT = (
    *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "login_hint", "claims"),
    "ui_locales",
    *("code_challenge", "code_challenge_method"),
)
MAX_HINT = 255
_SANDBOX = (
    "The client's provider uses Onfido's sandbox, which checks no documents: allow the sandbox for this client "
    "(allowsSandbox) to test with it, or store live credentials."
)


def server() -> OpenIdServer:
    """Return the authorization server."""
    known: OpenIdServer = current_app.extensions["openid_server"]
    return known


@blueprint.post("/par")
def push_request() -> Response:
    """Store an authorization request (RFC 9126)."""
    parsed = None
    try:
        parsed = ParsedRequest(read_parameters())
        client = server().pushed(parsed)
        data = parsed.payload.data
        if len(data.get("login_hint", "")) > MAX_HINT:
            raise InvalidRequestError(f"The parameter login_hint must have at most {MAX_HINT} characters.")
        kept = {name: data[name] for name in _KEPT if data.get(name)}
        kept["scope"] = client.get_allowed_scope(data.get("scope"))
        request_uri, lifetime = flows().push(g.tenant, client.client, kept)
    except SandboxNotAllowedError:
        return server().handle_error_response(parsed, UnauthorizedClientError(description=_SANDBOX))
    except OAuth2Error as error:
        error.redirect_uri = None  # the answer is never a redirect for a pushed request
        return server().handle_error_response(parsed, error)
    except InvalidField as error:
        return server().handle_error_response(parsed, invalid_request(error.description))
    answer = jsonify(request_uri=request_uri, expires_in=int(lifetime.total_seconds()))
    answer.status_code = 201
    return answer


@blueprint.post("/token")
def exchange_code() -> Response:
    """Exchange a code for an ID token and an access token."""
    try:
        parsed = ParsedRequest(read_parameters())
    except OAuth2Error as error:
        return server().handle_error_response(None, error)
    response: Response = server().create_token_response(parsed)
    return response


@blueprint.route("/userinfo", methods=["GET", "POST"])
def get_userinfo() -> Response:
    """Return the result of an access token, as in the ID token."""
    authorization = request.authorization
    token = authorization.token if authorization is not None and authorization.type == "bearer" else None
    result = flows().result_of_token(g.tenant, token) if token else None
    if result is None:
        log.warning("openid.refused", path=request.path, error="invalid_token")
        challenge = f'Bearer realm="{issuer()}"' + (', error="invalid_token"' if token else "")
        response = jsonify(error="invalid_token")
        response.status_code = 401
        response.headers["WWW-Authenticate"] = challenge
        return response
    return jsonify(result)


@blueprint.errorhandler(ConnectorError)
def refuse(error: ConnectorError) -> Response:
    """Answer one of our errors in OAuth's format."""
    log.warning("openid.refused", path=request.path, reason=error.summary)
    return _error(400, "invalid_request", error.description)


@blueprint.errorhandler(RequestEntityTooLarge)
def refuse_size(error: RequestEntityTooLarge) -> Response:
    """Answer a body that is too large in OAuth's format."""
    log.warning("openid.refused", path=request.path, reason="the body is too large")
    return _error(413, "invalid_request", "The body must be smaller.")


@blueprint.errorhandler(DatabaseUnavailable)
def answer_without_database(error: DatabaseUnavailable) -> Response:
    """Answer in OAuth's format that the database is unavailable."""
    log.error("database.unavailable", reason=error.reason)
    response = _error(503, "temporarily_unavailable", "The database does not answer: try again later.")
    response.headers["Retry-After"] = "5"
    return response


def _error(status: int, code: str, description: str) -> Response:
    response = jsonify(error=code, error_description=description)
    response.status_code = status
    return response
