"""Before PostgreSQL has statistics, requests find their rows by selective keys.

On a new database all indexes seem to cost the same: one that begins with the provider would read all rows of the
provider, until PostgreSQL has analyzed the table for the first time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from connector.settings import Settings
from connector.simulator.server import Simulator
from tests.bodies import event_body
from tests.contract.wire import METRICS_TOKEN
from tests.harness import Clock, ConnectorServer, World
from tests.plans.judging import GROWING
from tests.plans.populating import name_requests
from tests.plans.recording import Recorder, Statement
from tests.races.attack import ALL_CLEAR, add_provider

NARROW = re.compile(
    r"\b(id|user_id|run_id|verification_id|applicant_id|digest|dedupe_key|request_key)\)?(::text)? >?= "
)


@pytest.fixture
def recorded(new_settings: Callable[..., Settings]) -> Iterator[tuple[str, list[Statement]]]:
    """The statements of a first verification, of its event, and of the calls after it."""
    settings = new_settings("postgresql", metrics_token=METRICS_TOKEN)
    recorder = Recorder()
    with recorder.installed(), Simulator() as simulator, ConnectorServer(settings, Clock()) as connector:
        name_requests(connector, recorder.begin)
        connector.rest()
        world = add_provider(World(connector, simulator, Clock()))
        ann, bob = world.add_user("ann"), world.add_user("bob")
        run_id = world.start(ann)
        assert world.post_event(event_body(run_id, "approved", ALL_CLEAR)).ok
        assert ann.get("/api/users/v1/me/idv/claims").ok
        world.outcome(world.start(bob))
        assert bob.verify(world.provider_id, "COMPLETED").ok
        yield settings.database_url, list(recorder.statements.values())


def test_requests_read_no_other_rows_of_their_provider(recorded: tuple[str, list[Statement]]) -> None:
    url, statements = recorded
    assert len(statements) > 20
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        analyzed = "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND reltuples >= 0"
        assert connection.execute(analyzed, [sorted(GROWING)]).fetchall() == []
        broad = [f"{each.text}\n{node}" for each in statements for node in broad_reads(connection, each)]
    assert not broad, "\n\n".join(broad)


def broad_reads(connection: psycopg.Connection[Any], statement: Statement) -> Iterator[str]:
    """Yield the uses of an index in a statement's plan that may read many rows of a table that grows with the users."""
    explained = connection.execute(f"EXPLAIN (FORMAT JSON) {statement.text}", statement.parameters).fetchone()
    assert explained is not None
    for node in nodes(explained[0][0]["Plan"]):
        if node.get("Relation Name") in GROWING and "Index Name" in node:
            condition = node.get("Index Cond") or node.get("Recheck Cond", "")
            if not NARROW.search(condition):
                yield json.dumps({key: value for key, value in node.items() if key != "Plans"})


def nodes(plan: Any) -> Iterator[Any]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)
