"""A database with open verifications of three claims each, and the signed events that end them."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert

from connector.domain.tenancy import DEFAULT_TENANT
from connector.store.engine import Database
from connector.store.models import claims, providers, users, verification_claims, verifications
from connector.store.sealed import provider_secret
from connector.store.vault import Vault
from tests.bench.load import post
from tests.bodies import WORKFLOW_ID, event_body, sign
from tests.values import MAPPING

PROVIDER_ID = "b0b0b0b0-0000-4000-8000-000000000001"
WEBHOOK_TOKEN = "bench-webhook-token"
KEY = base64.b64encode(bytes(32)).decode()
BODY_BYTES = 3072


def fill(database: Database, run_ids: list[str], *, is_first: bool = True) -> None:
    """Migrate a database and add an open verification for each run; `is_first` adds the provider as well."""
    database.migrate()
    now = datetime.now(UTC)
    with database.write() as connection:
        if is_first:
            connection.execute(insert(providers), [_provider(now)])
        for start in range(0, len(run_ids), 1000):
            batch = run_ids[start : start + 1000]
            connection.execute(insert(users), [_user(run_id, now) for run_id in batch])
            connection.execute(insert(verifications), [_verification(run_id, now) for run_id in batch])
            connection.execute(insert(verification_claims), [row for run_id in batch for row in _sent(run_id)])
            connection.execute(insert(claims), [row for run_id in batch for row in _claims(run_id, now)])
        connection.exec_driver_sql("ANALYZE")  # a database in use has statistics


def event_requests(run_ids: list[str]) -> list[bytes]:
    """Return the signed request of each run's event."""
    path = f"/idv/onfido/v1/{PROVIDER_ID}/verify"
    return [post(path, content, sign(content, WEBHOOK_TOKEN)) for content in map(_event, run_ids)]


def _event(run_id: str) -> bytes:
    """Return the event that approves a run, as large as Onfido's."""
    comparisons = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"}
    bare = event_body(run_id, "approved", comparisons)
    padding = "x" * (BODY_BYTES - len(bare) - len('"padding": "", '))
    event = json.loads(bare)
    event["payload"]["resource"]["padding"] = padding
    return json.dumps(event).encode()


def _provider(now: datetime) -> dict[str, Any]:
    vault = Vault([bytes(32)])
    return {
        "id": PROVIDER_ID,
        "tenant": DEFAULT_TENANT,
        "name": "bench",
        "name_key": "bench",
        "description": "",
        "image": "",
        "is_enabled": True,
        "claims": MAPPING,
        "workflow_id": WORKFLOW_ID,
        "base_url": "https://api.eu.onfido.com/v3.6",
        "api_token": vault.seal("api_sandbox.bench", provider_secret(PROVIDER_ID, "api_token")),
        "webhook_token": vault.seal(WEBHOOK_TOKEN, provider_secret(PROVIDER_ID, "webhook_token")),
        "max_attempts": 5,
        "attempt_window": 86_400,
        "created_at": now,
        "updated_at": now,
    }


def _user(run_id: str, now: datetime) -> dict[str, Any]:
    return {"tenant": DEFAULT_TENANT, "user_id": run_id, "created_at": now}


def _verification(run_id: str, now: datetime) -> dict[str, Any]:
    return {
        "id": run_id,
        "tenant": DEFAULT_TENANT,
        "provider_id": PROVIDER_ID,
        "user_id": run_id,
        "status": "processing",
        "applicant_id": run_id,
        "run_id": run_id,
        "run_requested_at": now,
        "created_at": now,
        "updated_at": now,
    }


def _sent(run_id: str) -> Iterator[dict[str, Any]]:
    for uri, name in MAPPING.items():
        row = {"verification_id": run_id, "uri": uri, "applicant_field": name, "fingerprint": "0" * 64}
        yield row | {"is_stale": False}


def _claims(run_id: str, now: datetime) -> Iterator[dict[str, Any]]:
    for uri in MAPPING:
        yield {
            "id": str(uuid.uuid4()),
            "tenant": DEFAULT_TENANT,
            "provider_id": PROVIDER_ID,
            "user_id": run_id,
            "uri": uri,
            "is_verified": False,
            "verification_id": run_id,
            "metadata": {},
            "created_at": now,
            "updated_at": now,
        }
