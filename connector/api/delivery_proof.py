"""`…/verifications/{run-id}/delivery-proof`: the notices about a verification and the applications' answers, signed."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import current_app, g
from marshmallow import fields

from connector.api.errors import PROVIDER_ERRORS
from connector.api.parsing import Blueprint
from connector.api.verifications import PREFIX, check_provider
from connector.errors import Code
from connector.services.application.delivery_proof import DeliveryProofs

blueprint = Blueprint(
    "delivery_proof", __name__, errors=PROVIDER_ERRORS, url_prefix=PREFIX, description="Proof of delivery"
)

_EXAMPLE = {
    "statement": {
        "iss": "https://idv.example.com",
        "iat": 1769851800,
        "verification": {"id": "0b9c8e1e-0000-4000-8000-000000000000", "status": "approved", "userId": "ann"},
        "notices": [
            {
                "noticeId": "5c8a1f0e-6a7e-4a6a-9d3b-0c5de0f0a001",
                "url": "https://app.example.com/onfido",
                "state": "done",
                "attempts": [{"number": 1, "at": "2026-01-31T09:30:00Z", "status": 204, "seconds": 0.12}],
            }
        ],
        "isComplete": True,
        "keptForDays": 30,
    },
    "signed": "eyJhbGciOiJSUzI1NiIsInR5cCI6…",
}


class ProofSchema(ma.Schema):
    """Every stored notice of a verification, with its attempts; `signed` is the same statement as a JWT."""

    statement = fields.Dict(required=True)
    signed = fields.String(required=True)


@blueprint.get("/verifications/<run_id>/delivery-proof")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND, Code.VERIFICATION_NOT_FOUND)
@blueprint.response(200, ProofSchema, example=_EXAMPLE)
def get_delivery_proof(provider_id: str, run_id: str) -> Any:
    """Prove which notices about a verification were sent, when, to which application, and how it answered.

    For disputes. The keys for verifying the signature are at `/.well-known/jwks.json`. The audit trail records each
    reading.
    """
    check_provider(provider_id)
    proofs: DeliveryProofs = current_app.extensions["services"].delivery_proofs
    issuer = current_app.config["PUBLIC_URL"] + g.tenant.path
    return proofs.prove(g.tenant, run_id, provider_id, issuer, g.principal.actor)
