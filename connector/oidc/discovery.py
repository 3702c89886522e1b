"""`/.well-known/openid-configuration`: the metadata of a tenant's OpenID provider."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, jsonify

from connector.console.translations import languages
from connector.domain.openid.keys import ALGORITHMS
from connector.oidc.parties import METHODS, SCOPES, issuer
from connector.services.signing import ALGORITHM, PUBLIC_FOR

blueprint = Blueprint("openid_discovery", __name__)


@blueprint.get("/.well-known/openid-configuration")
def get_configuration() -> Response:
    """Return the provider's metadata."""
    names = current_app.extensions["services"].openid_names
    response = jsonify(configuration(sorted(set(names.values()))))
    response.headers["Cache-Control"] = f"public, max-age={PUBLIC_FOR}"
    return response


def configuration(claims: list[str]) -> dict[str, Any]:
    """Return the metadata of a provider that offers these claims."""
    base = issuer()
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/oauth2/authorize",
        "token_endpoint": f"{base}/oauth2/token",
        "userinfo_endpoint": f"{base}/oauth2/userinfo",
        "pushed_authorization_request_endpoint": f"{base}/oauth2/par",
        "require_pushed_authorization_requests": True,
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": list(METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": True,
        "claims_supported": claims,
        "verified_claims_supported": True,
        "claims_in_verified_claims_supported": claims,
        "evidence_supported": ["document", "electronic_record", "vouch"],
        "ui_locales_supported": languages(),
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
