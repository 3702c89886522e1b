"""Clients in the form that Authlib requires: their permissions and their authentication."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError, InvalidScopeError, scope_to_list
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from flask import current_app, g
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from connector.domain.openid.clients import KEY_METHOD, SECRET_METHODS, Client
from connector.domain.openid.keys import ALGORITHMS
from connector.services.openid.clients import Clients, is_secret_of

log = structlog.get_logger(__name__)

METHODS = (*SECRET_METHODS, KEY_METHOD)
SCOPES = ("openid", "profile", "identity_assurance")
MAX_ID = 255  # characters of an assertion's id
_UNREADABLE = f"The client's assertion must be a JWT signed with one of its registered keys ({', '.join(ALGORITHMS)})."


class RelyingParty(ClientMixin):  # type: ignore[misc]  # Authlib is untyped
    """A client with Authlib's interface."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get_client_id(self) -> str:
        return self.client.client_id

    def get_default_redirect_uri(self) -> str | None:
        return None  # a request has to name it

    def get_allowed_scope(self, scope: str | None) -> str:
        asked = scope_to_list(scope) or []
        if "openid" not in asked:
            raise InvalidScopeError("The scope must contain openid.")
        return " ".join(name for name in asked if name in SCOPES)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return bool(redirect_uri in self.client.config.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        return is_secret_of(self.client, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in self.client.methods

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return bool(grant_type == "authorization_code")


class SignedAssertion(JWTBearerClientAssertion):  # type: ignore[misc]
    """`private_key_jwt`: an assertion that is signed with one of the client's keys, and used once."""

    CLIENT_AUTH_METHOD = KEY_METHOD

    def get_audiences(self) -> list[str]:
        return [issuer(), f"{issuer()}/oauth2/token", f"{issuer()}/oauth2/par"]

    def resolve_client_public_key(self, client: RelyingParty) -> KeySet:
        if not client.client.config.keys:
            raise InvalidClientError(description="The client has no registered keys: authenticate with its secret.")
        return KeySet.import_key_set({"keys": [dict(key) for key in client.client.config.keys]})

    def validate_jti(self, claims: Mapping[str, Any], jti: Any) -> bool:
        is_text = isinstance(jti, str) and 0 < len(jti) <= MAX_ID
        return is_text and clients().use_assertion(claims["sub"], jti, float(claims["exp"]))

    def process_assertion_claims(self, assertion: str, resolve_key: KeySet) -> Any:
        try:
            claims = jwt.decode(assertion, resolve_key, algorithms=list(ALGORITHMS)).claims
            self.verify_claims(claims)
        except (JoseError, ValueError) as error:
            log.info("openid.assertion_refused", reason=str(error)[:300])
            raise InvalidClientError(description=_UNREADABLE) from error
        return claims


def issuer() -> str:
    """Return the tenant's issuer."""
    return str(current_app.config["PUBLIC_URL"]) + str(g.tenant.path)


def clients() -> Clients:
    """Return the use case for clients."""
    known: Clients = current_app.extensions["services"].openid_clients
    return known


def find_client(client_id: str) -> RelyingParty | None:
    """Return a client of the tenant that is enabled."""
    client = clients().find(g.tenant, client_id) if isinstance(client_id, str) else None
    if client is None or not client.config.is_enabled:
        return None
    return RelyingParty(client)
