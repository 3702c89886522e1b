"""Floors: bare views for reading claims, with the connector's own token check, and for INITIATED's main statements."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request
from sqlalchemy import bindparam, insert, select, update

from connector.access.development import trusted_issuers
from connector.access.jwt import present
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.settings import Settings
from connector.store.models import (
    applicants,
    claims,
    history,
    providers,
    user_attributes,
    verification_claims,
    verifications,
)
from tests.bench.floor import reader, write
from tests.bench.seed import PROVIDER_ID
from tests.values import MAPPING

app = Flask("bare")
issuers = trusted_issuers(Settings(data_dir=Path(os.environ["BENCH_DIR"]), dev=True))
TENANT = Tenant(DEFAULT_TENANT)
CLAIMS = (
    select(claims).where(claims.c.tenant == DEFAULT_TENANT, claims.c.user_id == bindparam("of")).order_by(claims.c.uri)
)
PROVIDER = select(providers).where(providers.c.id == bindparam("of"), providers.c.tenant == DEFAULT_TENANT)
USER_VALUES = select(user_attributes).where(
    user_attributes.c.tenant == DEFAULT_TENANT, user_attributes.c.user_id == bindparam("of")
)
APPLICANT = (
    select(applicants)
    .join(verifications, verifications.c.id == applicants.c.verification_id)
    .where(verifications.c.provider_id == PROVIDER_ID, verifications.c.user_id == bindparam("of"))
)
CHANGE_VERIFICATION = update(verifications).where(verifications.c.id == bindparam("of"))


@app.get("/api/users/v1/me/idv/claims")
def list_claims() -> Response:
    """List the claims of the token's user."""
    caller = issuers.verify(present(request.headers["Authorization"].removeprefix("Bearer ")), TENANT)
    with reader.connect() as connection:
        rows = connection.execute(CLAIMS, {"of": caller.subject}).all()
    return jsonify([_claim(row) for row in rows])


def _claim(row: Any) -> dict[str, object]:
    named = {"id": row.id, "uri": row.uri, "idVProviderId": row.provider_id, "isVerified": row.is_verified}
    return named | {"claimMetadata": row.metadata | {"verification_status": row.verification_status}}


@app.get("/initiate/<user_id>")
def initiate(user_id: str) -> Response:
    """Execute three reads, and three transactions of two statements each: 15 round trips, without a call to Onfido."""
    verification_id, now = str(uuid.uuid4()), datetime.now(UTC)
    with reader.connect() as connection:
        connection.execute(PROVIDER, {"of": PROVIDER_ID}).one()
    with write() as connection:
        connection.execute(insert(verifications), _verification(verification_id, user_id, now))
        connection.execute(insert(verification_claims), [_sent(verification_id, uri) for uri in MAPPING])
    with reader.connect() as connection:
        connection.execute(USER_VALUES, {"of": user_id}).all()
        connection.execute(APPLICANT, {"of": user_id}).all()
    with write() as connection:
        connection.execute(CHANGE_VERIFICATION, {"of": verification_id, "applicant_id": user_id})
        connection.execute(insert(applicants), _applicant(verification_id, user_id))
    with write() as connection:
        connection.execute(CHANGE_VERIFICATION, {"of": verification_id, "run_id": user_id, "status": "processing"})
        connection.execute(insert(history), [_change(verification_id, name, now) for name in (user_id, *MAPPING)])
    return jsonify(id=verification_id)


def _verification(verification_id: str, user_id: str, now: datetime) -> dict[str, object]:
    ids = {"id": verification_id, "tenant": DEFAULT_TENANT, "provider_id": PROVIDER_ID, "user_id": user_id}
    return ids | {"status": "starting", "created_at": now, "updated_at": now}


def _sent(verification_id: str, uri: str) -> dict[str, object]:
    return {"verification_id": verification_id, "uri": uri, "fingerprint": "0" * 64, "is_stale": False}


def _applicant(verification_id: str, user_id: str) -> dict[str, object]:
    ids = {"provider_id": PROVIDER_ID, "applicant_id": user_id, "verification_id": verification_id}
    return ids | {"fields": list(MAPPING.values())}


def _change(verification_id: str, name: str, now: datetime) -> dict[str, object]:
    ids = {"at": now, "tenant": DEFAULT_TENANT, "provider_id": PROVIDER_ID, "verification_id": verification_id}
    return ids | {"subject": "run", "name": name, "current": "processing", "cause": "initiated", "detail": {}}
