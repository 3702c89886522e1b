"""The person whom an issuer has signed in, with the person's permissions, read as the API would read them.

If the API accepts the access token, the access token is used. Otherwise (it is opaque, or for another audience) the ID
token and the granted scopes are used, by the same rules of the issuer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connector.access.claims import Principal
from connector.access.discovery import IssuerUnavailableError
from connector.access.jwt import present
from connector.access.openid_client import OpenIdClient
from connector.access.refusals import TokenRefused, check_tenant
from connector.access.tokens import TrustedIssuers
from connector.domain.access_tokens import OwnToken, own_token
from connector.domain.frozen import frozen
from connector.domain.tenancy import Tenant

NAMES = ("name", "preferred_username", "email")


@frozen
class SignedIn:
    """A signed-in person, with the issuer's ids of the person and the session."""

    principal: Principal
    name: str
    subject: str
    issuer_session: str | None
    token: OwnToken


def read_person(tokens: Mapping[str, Any], client: OpenIdClient, trusted: TrustedIssuers, tenant: Tenant) -> SignedIn:
    """Return the person of a completed sign-in; raise `TokenRefused` if it is not valid for the tenant."""
    claims: Mapping[str, Any] = tokens["userinfo"]
    principal = _of_access_token(tokens, client, trusted, tenant) or _of_id_token(tokens, client)
    check_tenant(principal.tenant, tenant.name)
    name = next((claims[each] for each in NAMES if isinstance(claims.get(each), str)), principal.subject)
    session = claims.get("sid")
    return SignedIn(
        principal if principal.client_id else replace(principal, client_id=client.client_id),
        name if name.isprintable() and name else principal.subject,
        str(claims["sub"]),
        session if isinstance(session, str) else None,
        own_token(tokens),
    )


def _of_access_token(
    tokens: Mapping[str, Any], client: OpenIdClient, trusted: TrustedIssuers, tenant: Tenant
) -> Principal | None:
    """Return the principal of the access token; None if the API would not accept it, or it belongs to another user."""
    token = present(str(tokens.get("access_token", "")))
    try:
        principal = trusted.verify(token, tenant)
    except (TokenRefused, IssuerUnavailableError):
        return None
    subject = tokens["userinfo"]["sub"]
    is_same = subject in (principal.subject, token.jwt.claims.get("sub") if token.jwt else None)
    return principal if is_same and principal.issuer == client.settings.issuer else None


def _of_id_token(tokens: Mapping[str, Any], client: OpenIdClient) -> Principal:
    """Return the principal of ID token and granted scopes; if none are named, all requested ones are granted."""
    granted = tokens.get("scope") or " ".join(client.settings.console_scopes)
    claims = {**tokens["userinfo"], "scope": granted}
    client.rules.check(client.settings.subject_claim, claims)
    return client.rules.principal(claims)
