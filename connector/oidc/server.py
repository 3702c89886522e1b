"""Authlib's authorization server with our clients and flows: the code flow with PKCE, and ID tokens.

Requests are pushed (RFC 9126), which Authlib lacks: `pushed` validates them as Authlib validates any authorization
request.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

import structlog
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core.errors import InteractionRequiredError
from authlib.oidc.core.grants import OpenIDCode
from authlib.oidc.core.util import create_half_hash
from flask import Response, current_app, g, request

from connector.domain.frozen import frozen
from connector.domain.openid.clients import KEY_METHOD
from connector.domain.openid.flow import TOKEN_LIFETIME, Flow
from connector.oidc.parties import METHODS, RelyingParty, SignedAssertion, find_client, issuer
from connector.services.openid.flows import Flows
from connector.services.signing import ALGORITHM, SigningKeys

log = structlog.get_logger(__name__)

ID_TOKEN_SECONDS = 300
ISSUED_BEFORE = 5  # seconds: Okta accepts only an `iat` in the past, without any leeway
TOKEN_BYTES = 32
_UNPROVEN = (
    "The client must be enabled, and authenticate with its secret, or with an assertion if it has registered keys."
)


class AlreadyAnswered(Exception):  # noqa: N818  it is a state, not a defect
    """The flow was answered by another request."""


@frozen
class Answer:
    """The content of a flow's tokens: Authlib's resource owner."""

    flow: Flow
    result: Mapping[str, Any] = field(repr=False)


class ParsedRequest(OAuth2Request):  # type: ignore[misc]
    """A request whose parameters have been read or stored before."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        super().__init__(request.method, f"https://{request.host}{request.path}", headers=request.headers)
        self.payload = BasicOAuth2Payload(dict(parameters))

    @property
    def args(self) -> Mapping[str, str]:
        return self.form

    @property
    def form(self) -> Mapping[str, str]:
        form: Mapping[str, str] = self.payload.data
        return form


@frozen
class Code:
    """A code that a client presented, with Authlib's interface; `token` is the access token for it."""

    answer: Answer
    code: str = field(repr=False)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES), repr=False)

    @property
    def code_challenge(self) -> str | None:
        return self.answer.flow.parameters.get("code_challenge")

    @property
    def code_challenge_method(self) -> str | None:
        return self.answer.flow.parameters.get("code_challenge_method")

    def get_redirect_uri(self) -> str:
        return self.answer.flow.parameters["redirect_uri"]

    def get_scope(self) -> str:
        return self.answer.flow.parameters["scope"]

    def get_nonce(self) -> str | None:
        return self.answer.flow.parameters.get("nonce")


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
    """The code flow; codes are stored, found and redeemed in the database."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def save_authorization_code(self, code: str, request: ParsedRequest) -> None:
        answer: Answer = request.user
        if not flows().answer(answer.flow, code, answer.result):
            raise AlreadyAnswered

    def query_authorization_code(self, code: str, client: RelyingParty) -> Code | None:
        known = flows().find_by_code(g.tenant, client.client, code)
        return None if known is None else Code(Answer(known, known.result), code)

    def authenticate_user(self, authorization_code: Code) -> Code | None:
        """Redeem the code after all other checks: of two concurrent uses, one gets a token."""
        is_theirs = flows().redeem(authorization_code.answer.flow, authorization_code.code, authorization_code.token)
        return authorization_code if is_theirs else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """Do nothing, because the code was redeemed above."""


class S256Challenge(CodeChallenge):  # type: ignore[misc]
    """PKCE, required for every client, only with S256."""

    SUPPORTED_CODE_CHALLENGE_METHOD: Sequence[str] = ["S256"]

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("The parameters code_challenge and code_challenge_method=S256 are required.")
        super().validate_code_challenge(grant, redirect_uri)


class IdToken(OpenIDCode):  # type: ignore[misc]
    """ID tokens, signed with the connector's keys; a request is used once, so its nonce cannot repeat."""

    def exists_nonce(self, nonce: str, request: ParsedRequest) -> bool:
        return False

    def encode_id_token(self, token: Mapping[str, Any], request: ParsedRequest) -> str:
        code: Code = request.authorization_code
        issued = int(current_app.extensions["clock"]().timestamp()) - ISSUED_BEFORE
        nonce = code.get_nonce()
        claims = {
            "iss": issuer(),
            "aud": request.client.get_client_id(),
            "iat": issued,
            "exp": issued + ISSUED_BEFORE + ID_TOKEN_SECONDS,
            **({} if nonce is None else {"nonce": nonce}),
            "at_hash": create_half_hash(token["access_token"], ALGORITHM).decode(),
            **code.answer.result,
        }
        keys: SigningKeys = current_app.extensions["services"].signing_keys
        return keys.sign(claims, "JWT")


class OpenIdServer(AuthorizationServer):  # type: ignore[misc]
    """The authorization server; it logs every refusal."""

    def __init__(self) -> None:
        super().__init__(query_client=find_client, save_token=lambda token, request: None)
        self.register_client_auth_method(KEY_METHOD, SignedAssertion())
        self.register_grant(CodeGrant, [S256Challenge(required=True), IdToken(require_nonce=False)])
        self.register_extension(_Issuer())

    def create_oauth2_request(self, request: ParsedRequest) -> ParsedRequest:
        return request

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Do nothing, because there are no receivers."""

    def authenticate_client(
        self, request: ParsedRequest, methods: Sequence[str], endpoint: str = "token"
    ) -> RelyingParty:
        """Return the authenticated client of a request; raises `InvalidClientError`."""
        try:
            client: RelyingParty = super().authenticate_client(request, methods, endpoint)
        except InvalidClientError as error:
            if request.form.get("client_assertion"):
                raise
            raise InvalidClientError(status_code=401, description=_UNPROVEN) from error
        except ValueError as error:  # Basic credentials that are no UTF-8
            raise InvalidClientError(status_code=401, description=_UNPROVEN) from error
        return client

    def generate_token(self, grant_type: str, client: RelyingParty, user: Code, **_: Any) -> dict[str, Any]:
        return {
            "token_type": "Bearer",
            "access_token": user.token,
            "expires_in": int(TOKEN_LIFETIME.total_seconds()),
            "scope": user.get_scope(),
        }

    def pushed(self, parsed: ParsedRequest) -> RelyingParty:
        """Authenticate the client of a pushed request, and validate the request; raises `OAuth2Error`."""
        client: RelyingParty = self.authenticate_client(parsed, METHODS, "par")
        data = parsed.payload.data
        if {"request_uri", "request"} & data.keys():
            raise InvalidRequestError("A pushed request must not contain request_uri or request.")
        if data.setdefault("client_id", client.get_client_id()) != client.get_client_id():
            raise InvalidRequestError("The parameter client_id must be that of the authenticated client.")
        if not data.get("redirect_uri"):
            raise InvalidRequestError("The parameter redirect_uri is required.")
        _check_interaction(data)
        grant = self.get_authorization_grant(parsed)
        grant.validate_authorization_request()
        return client

    def handle_error_response(self, request: ParsedRequest | None, error: OAuth2Error) -> Response:
        log.warning("openid.refused", path=_path(), error=error.error, reason=str(error.description)[:300])
        response: Response = super().handle_error_response(request, error)
        return response


def _check_interaction(data: Mapping[str, str]) -> None:
    """Raise `OAuth2Error` for an answer in another way than by the query, and for one without asking the user."""
    if data.get("response_mode", "") not in ("", "query"):
        raise InvalidRequestError("The parameter response_mode must be query, or left out.")
    prompts = data.get("prompt", "").split()
    if "none" in prompts and len(prompts) > 1:
        raise InvalidRequestError("The parameter prompt must have no other value beside none.")
    if prompts == ["none"]:
        raise InteractionRequiredError("A verification needs the user: leave out prompt=none.")


class _Issuer(IssuerParameter):  # type: ignore[misc]
    def get_issuer(self) -> str:
        return issuer()


def flows() -> Flows:
    """Return the use case for authorization requests."""
    known: Flows = current_app.extensions["services"].openid_flows
    return known


def _path() -> str:
    return request.path
