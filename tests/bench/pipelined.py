"""The pipelined floor: the statements of `floor.py` in two psycopg pipelines, with the judgement in Python in between.

Three round trips: the token; BEGIN, event, run, sent claims, claims; claims, run, history, COMMIT.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, request
from psycopg.rows import namedtuple_row
from psycopg.types.json import Json
from sqlalchemy import bindparam, select

from connector.store.models import claims, verification_claims, verifications
from tests.bench import floor
from tests.bench.seed import WEBHOOK_TOKEN

app = Flask("pipelined")
THE_RUN = select(verifications).where(
    verifications.c.provider_id == bindparam("of_provider"), verifications.c.run_id == bindparam("of_run")
)
_RUN = THE_RUN.subquery()
SENT = select(verification_claims).join(_RUN, _RUN.c.id == verification_claims.c.verification_id)
LOCK_CLAIMS = (
    select(claims.c.uri, claims.c.is_verified, claims.c.verification_status)
    .join(_RUN, (_RUN.c.provider_id == claims.c.provider_id) & (_RUN.c.user_id == claims.c.user_id))
    .order_by(claims.c.uri)
    .with_for_update(of=claims)
)
ADD_EVENT, WRITE_CLAIMS = floor.ADD_EVENT(floor.engine), floor.WRITE_CLAIMS(floor.engine)  # type: ignore[arg-type]
_compiled: dict[Any, tuple[str, dict[str, Any]]] = {}


@app.post("/idv/onfido/v1/<provider_id>/verify")
def receive(provider_id: str) -> Response:
    """Check the signature, parse the event, write the result, answer 200."""
    body = request.get_data()
    with floor.reader.connect() as connection:
        driver = connection.connection.driver_connection
        _execute(driver, floor.ACCESS, {"of": provider_id}).fetchone()
        expected = hmac.new(WEBHOOK_TOKEN.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, request.headers["X-SHA2-Signature"]):
            return Response(status=401)
        _write(driver, provider_id, body, json.loads(body)["payload"])
    return Response(status=200)


def _write(driver: Any, provider_id: str, body: bytes, payload: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    key = {"of_provider": provider_id, "of_run": payload["object"]["id"]}
    with driver.pipeline():
        driver.execute("BEGIN")
        _execute(driver, ADD_EVENT, floor.new_event(provider_id, body, payload, now))
        found = _execute(driver, floor.LOCK_RUN, key)
        sent, current = _execute(driver, SENT, key), _execute(driver, LOCK_CLAIMS, key)
    run = found.fetchone()
    current.fetchall()
    rows = floor.judge(run, sent.fetchall(), payload, now)
    with driver.pipeline():
        for row in rows:
            _execute(driver, WRITE_CLAIMS, row)
        _execute(driver, floor.CLOSE, floor.closing(run, payload, now))
        for change in floor.changes(run, rows, now):
            _execute(driver, floor.ADD_HISTORY, change)
        driver.execute("COMMIT")


def _execute(driver: Any, statement: Any, parameters: Mapping[str, Any]) -> Any:
    if statement not in _compiled:
        names = [name for name in parameters if name != "of"]
        compiled = statement.compile(dialect=floor.engine.dialect, column_keys=names)
        _compiled[statement] = str(compiled), compiled.params
    text, constants = _compiled[statement]
    adapted = {name: Json(value) if isinstance(value, dict) else value for name, value in parameters.items()}
    return driver.cursor(row_factory=namedtuple_row).execute(text, constants | adapted, prepare=True)
