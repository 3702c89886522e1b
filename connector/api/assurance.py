"""`…/idv/verified-claims`: a user's verified claims in the form of OpenID Identity Assurance; and the public keys."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Blueprint as PublicBlueprint
from flask import Response, current_app, g, jsonify, request
from marshmallow import fields

from connector.api.errors import USER_ERRORS
from connector.api.ids import own_id
from connector.api.openapi.error_responses import DIRECTORY
from connector.api.parsing import Blueprint
from connector.errors import Code
from connector.services.assurance import VerifiedClaims
from connector.services.lookup.readings import Readings
from connector.services.signing import PUBLIC_FOR, SigningKeys

JSON, JWT = "application/json", "application/jwt"

blueprint = Blueprint(
    "assurance", __name__, errors=USER_ERRORS, url_prefix="/api/users/v1", description="Verified claims with evidence"
)
keys_blueprint = PublicBlueprint("keys", __name__)

_EXAMPLE = {
    "sub": "ann",
    "verified_claims": {
        "verification": {
            "trust_framework": "https://idv.example.com",
            "time": "2026-01-31T09:30:00Z",
            "evidence": [
                {
                    "type": "document",
                    "check_details": [
                        {
                            "check_method": "vri",
                            "organization": "Onfido",
                            "check_id": "9f1d8a4e-1f0b-4d8e-8f43-0c3bb1a0a001",
                            "time": "2026-01-31T09:30:00Z",
                        }
                    ],
                    "document_details": {"type": "passport"},
                }
            ],
        },
        "claims": {"family_name": "Example", "given_name": "Ann"},
    },
}
_SIGNED = {
    "responses": {"200": {"content": {JWT: {"schema": {"type": "string"}, "example": "eyJhbGciOiJFUzI1NiIsInR5cCI6…"}}}}
}


class VerifiedClaimsSchema(ma.Schema):
    """The claims that are verified for the user's current values; `verified_claims` is left out if there are none."""

    sub = fields.String(required=True)
    verified_claims = fields.Dict()


@blueprint.get("/me/idv/verified-claims")
@blueprint.requires("internal_login")
@blueprint.refuses(Code.USER_NOT_FOUND, *DIRECTORY)
@blueprint.response(200, VerifiedClaimsSchema, example=_EXAMPLE)
@blueprint.doc(**_SIGNED)
def get_my_verified_claims() -> dict[str, Any] | Response:
    """Return the signed-in user's verified claims, with the evidence.

    In the form of OpenID Identity Assurance 1.0. With `Accept: application/jwt` it is signed, for the calling client;
    the keys are at `/.well-known/jwks.json`.
    """
    token = request.authorization.token if request.authorization else None
    return _answer(own_id(), token)


@blueprint.get("/<user_id>/idv/verified-claims")
@blueprint.requires("internal_idv_verified_claims_view")
@blueprint.refuses(Code.USER_NOT_FOUND, *DIRECTORY, Code.NEEDS_THE_USER)
@blueprint.response(200, VerifiedClaimsSchema, example=_EXAMPLE)
@blueprint.doc(**_SIGNED)
def get_verified_claims(user_id: str) -> dict[str, Any] | Response:
    """Return a user's verified claims, with the evidence.

    As for the signed-in user. The answer contains the user's values, so each reading is in the audit trail.
    """
    answer = _answer(user_id)
    readings: Readings = current_app.extensions["services"].readings
    readings.record_values(g.tenant, user_id, g.principal.actor)
    return answer


@keys_blueprint.get("/.well-known/jwks.json")
def get_keys() -> Response:
    """Return the public keys, as a JWK Set; the first one signs, the others are the next one and former ones."""
    keys: SigningKeys = current_app.extensions["services"].signing_keys
    response = jsonify(keys=[dict(each.public_key) for each in keys.published()])
    response.headers["Cache-Control"] = f"public, max-age={PUBLIC_FOR}"
    return response


def _answer(user_id: str, access_token: str | None = None) -> dict[str, Any] | Response:
    service: VerifiedClaims = current_app.extensions["services"].verified_claims
    issuer = current_app.config["PUBLIC_URL"] + g.tenant.path
    asserted = service.get(g.tenant, user_id, issuer, access_token)
    if request.accept_mimetypes.best_match((JSON, JWT), default=JSON) == JSON:
        return asserted
    return Response(service.sign(asserted, issuer, g.principal.client_id), content_type=JWT)
