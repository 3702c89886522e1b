"""The floor of the webhook: the statements of an event, one by one, in a bare Flask view with its own engine.

Ten round trips to PostgreSQL: the token; BEGIN, event, run, sent claims, claims, claims, run, history, COMMIT.
Writers of SQLite queue on a file, as the connector's do: otherwise they collide, and the slowest take ten times longer.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from sqlalchemy import Connection, Engine, bindparam, create_engine, event, insert, select, update

from connector.domain.tenancy import DEFAULT_TENANT
from connector.store.dialect import insert as upsert
from connector.store.models import claims, events, history, providers, verification_claims, verifications
from tests.bench.seed import WEBHOOK_TOKEN

app = Flask("floor")


def open_engine() -> Engine:
    """Open the database: statements are prepared at first use, and files are written as safely as the connector's."""
    url = os.environ["BENCH_DATABASE"]
    if url.startswith("postgresql"):
        return create_engine(url, connect_args={"prepare_threshold": 0})
    engine = create_engine(url, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(driver: Any, _record: object) -> None:
    driver.isolation_level = None
    for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        driver.execute(f"PRAGMA {pragma}")


engine = open_engine()
reader = engine.execution_options(isolation_level="AUTOCOMMIT")
_threads, _file = threading.Lock(), Path(os.environ["BENCH_LOCK"]).open("ab")  # noqa: SIM115


@contextmanager
def write() -> Iterator[Connection]:
    """Begin a transaction that writes, and commit it."""
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            yield connection
        return
    with _threads, engine.connect() as connection:
        fcntl.flock(_file, fcntl.LOCK_EX)
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()
        finally:
            fcntl.flock(_file, fcntl.LOCK_UN)


COMPARED_AS = {"first_name": "first_name", "last_name": "last_name", "dob": "date_of_birth"}
RESULT = ("is_verified", "fingerprint", "verification_id", "verification_status", "updated_at")

# Compiled once, as the connector's are.
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


@app.post("/idv/onfido/v1/<provider_id>/verify")
def receive(provider_id: str) -> Response:
    """Check the signature, parse the event, write the result, answer 200."""
    body = request.get_data()
    with reader.connect() as connection:
        connection.execute(ACCESS, {"of": provider_id}).one()
    expected = hmac.new(WEBHOOK_TOKEN.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.headers["X-SHA2-Signature"]):
        return Response(status=401)
    payload = json.loads(body)["payload"]
    with write() as connection:
        _write(connection, provider_id, body, payload)
    return Response(status=200)


def _write(connection: Connection, provider_id: str, body: bytes, payload: dict[str, Any]) -> None:
    run_id, now = payload["object"]["id"], datetime.now(UTC)
    connection.execute(ADD_EVENT(connection), new_event(provider_id, body, payload, now))
    run = connection.execute(LOCK_RUN, {"of_provider": provider_id, "of_run": run_id}).one()
    sent = connection.execute(SENT, {"of": run.id}).all()
    connection.execute(LOCK_CLAIMS, {"of_provider": provider_id, "of_user": run.user_id}).all()
    rows = judge(run, sent, payload, now)
    connection.execute(WRITE_CLAIMS(connection), rows)
    connection.execute(CLOSE, closing(run, payload, now))
    connection.execute(ADD_HISTORY, changes(run, rows, now))


def new_event(provider_id: str, body: bytes, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "provider_id": provider_id,
        "digest": hashlib.sha256(body).hexdigest(),
        "kind": payload["action"],
        "run_id": payload["object"]["id"],
        "state": "applied",
        "body": body.decode(),
        "received_at": now,
    }


def judge(run: Any, sent: Any, payload: dict[str, Any], now: datetime) -> list[dict[str, Any]]:
    compared = payload["resource"]["output"]["data_comparison"]["breakdown"]
    return [_claim(run, claim, compared[COMPARED_AS[claim.applicant_field]]["result"], now) for claim in sent]


def closing(run: Any, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "of": run.id,
        "status": payload["object"]["status"],
        "updated_at": now,
        "completed_at": now,
        "closed_at": now,
        "lease_owner": None,
        "lease_until": None,
        "result": json.dumps(payload["resource"]["output"]),
    }


def changes(run: Any, rows: list[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    return [_change(run, name, now) for name in (run.run_id, *(row["uri"] for row in rows))]


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
