"""The floor: the statements of the hot path in a bare Flask view, without anything else that the connector does."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import uuid
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, request
from sqlalchemy import Connection, bindparam, insert, select, update

from connector.domain.tenancy import DEFAULT_TENANT
from connector.store.dialect import from_now
from connector.store.dialect import insert as upsert
from connector.store.engine import Database
from connector.store.models import claims, events, history, outbox, providers, verification_claims, verifications
from tests.bench.seed import WEBHOOK_TOKEN

app = Flask("floor")
database = Database(os.environ["BENCH_DATABASE"])
COMPARED_AS = {"first_name": "first_name", "last_name": "last_name", "dob": "date_of_birth"}
RESULT = ("is_verified", "fingerprint", "verification_id", "verification_status", "updated_at")

# Made once, as the connector's are.
ACCESS = select(
    providers.c.webhook_token,
    providers.c.previous_webhook_token,
    providers.c.previous_webhook_token_expires_at,
    providers.c.studio,
).where(providers.c.id == bindparam("of"), providers.c.tenant == DEFAULT_TENANT)
ADD_EVENT = upsert(
    events, lambda statement: statement.on_conflict_do_nothing(index_elements=[events.c.provider_id, events.c.digest])
)
LOCK_RUN = (
    select(verifications)
    .where(verifications.c.provider_id == bindparam("of_provider"), verifications.c.run_id == bindparam("of_run"))
    .with_for_update()
)
LOCK_CLAIMS = (
    select(claims.c.uri, claims.c.is_verified, claims.c.verification_status)
    .where(claims.c.provider_id == bindparam("of_provider"), claims.c.user_id == bindparam("of_user"))
    .order_by(claims.c.uri)
    .with_for_update()
)
SENT = (
    select(verification_claims)
    .where(verification_claims.c.verification_id == bindparam("of"))
    .order_by(verification_claims.c.uri)
)
WRITE_CLAIMS = upsert(
    claims,
    lambda statement: statement.on_conflict_do_update(
        index_elements=(claims.c.provider_id, claims.c.user_id, claims.c.uri),
        set_={name: statement.excluded[name] for name in RESULT},
    ),
)
CLOSE = update(verifications).where(verifications.c.id == bindparam("of"), verifications.c.closed_at.is_(None))
ADD_HISTORY = insert(history)
ADD_NOTICE = upsert(
    outbox,
    lambda statement: statement.values(due_at=from_now(0), created_at=from_now(0)).on_conflict_do_nothing(
        index_elements=[outbox.c.dedupe_key]
    ),
)


@app.post("/idv/onfido/v1/<provider_id>/verify")
def receive(provider_id: str) -> Response:
    """Check, parse, write, acknowledge."""
    body = request.get_data()
    with database.read() as connection:
        connection.execute(ACCESS, {"of": provider_id}).one()
    expected = hmac.new(WEBHOOK_TOKEN.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.headers["X-SHA2-Signature"]):
        return Response(status=401)
    payload = json.loads(body)["payload"]
    with database.write() as connection:
        _write(connection, provider_id, body, payload)
    return Response(status=200)


def _write(connection: Connection, provider_id: str, body: bytes, payload: dict[str, Any]) -> None:
    run_id, status, now = payload["object"]["id"], payload["object"]["status"], datetime.now(UTC)
    found = payload["resource"]["output"]["data_comparison"]["breakdown"]
    event = {
        "id": str(uuid.uuid4()),
        "provider_id": provider_id,
        "digest": hashlib.sha256(body).hexdigest(),
        "kind": payload["action"],
        "run_id": run_id,
        "state": "applied",
        "body": body.decode(),
        "received_at": now,
    }
    connection.execute(ADD_EVENT(connection), event)
    run = connection.execute(LOCK_RUN, {"of_provider": provider_id, "of_run": run_id}).one()
    connection.execute(LOCK_CLAIMS, {"of_provider": provider_id, "of_user": run.user_id}).all()
    sent = connection.execute(SENT, {"of": run.id}).all()
    rows = [_claim(run, claim, found[COMPARED_AS[claim.applicant_field]]["result"], now) for claim in sent]
    connection.execute(WRITE_CLAIMS(connection), rows)
    closed = {
        "of": run.id,
        "status": status,
        "updated_at": now,
        "completed_at": now,
        "closed_at": now,
        "lease_owner": None,
        "lease_until": None,
        "result": json.dumps(payload["resource"]["output"]),
    }
    connection.execute(CLOSE, closed)
    connection.execute(ADD_HISTORY, [_change(run, subject, now) for subject in ("run", *(row["uri"] for row in rows))])
    connection.execute(ADD_NOTICE(connection), _notice(run))


def _claim(run: Any, claim: Any, result: str, now: datetime) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "tenant": run.tenant,
        "provider_id": run.provider_id,
        "user_id": run.user_id,
        "uri": claim.uri,
        "is_verified": result == "clear",
        "fingerprint": claim.fingerprint,
        "verification_id": run.id,
        "verification_status": result,
        "metadata": {},
        "created_at": now,
        "updated_at": now,
    }


def _change(run: Any, name: str, now: datetime) -> dict[str, Any]:
    return {
        "at": now,
        "tenant": run.tenant,
        "provider_id": run.provider_id,
        "verification_id": run.id,
        "subject": "run",
        "name": name,
        "previous": run.status,
        "current": "approved",
        "cause": "webhook",
        "actor": None,
        "detail": {},
    }


def _notice(run: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "kind": "notice",
        "payload": {"verification_id": run.id},
        "dedupe_key": None,
        "state": "ready",
        "attempts": 0,
        "history": [],
    }
