"""Endpoints that are changed or removed while notices for them are queued."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from connector.services.announcements.notice_announcement import NotifyOfChange
from connector.services.application.endpoints import PAGE, ResendNotices
from connector.store.deliveries import outbox
from connector.store.models import notice_endpoints
from connector.store.models import outbox as rows
from tests.contract.wire import ENDPOINTS, assert_error
from tests.harness import Caller, World
from tests.services.receiving import SCORE, Application, Reply, use_studio
from tests.services.test_endpoints import CLAIMS, FINISHED, NEW_SECRET, register, settled
from tests.waiting import GENEROUS

EPOCH = "1970-01-01T00:00:00+00:00"


pytestmark = pytest.mark.one_database


@pytest.fixture
def admin(world: World) -> Caller:
    return world.connector.as_admin(world.tenant)


def queue(world: World, endpoint_id: str, event: str = FINISHED) -> None:
    """Queue a notice for an endpoint."""
    notice = NotifyOfChange(world.tenant, None, None, str(uuid.uuid4()), EPOCH, endpoint_id, event, "ann")
    with world.connector.services.database.write() as connection:
        outbox.add(connection, notice)
        connection.execute(update(rows).where(rows.c.kind == "tell_change").values(endpoint_id=endpoint_id))


def states(world: World) -> list[tuple[str, Any]]:
    """Return the state of each notice, and its history."""
    with world.connector.services.database.read() as connection:
        found = connection.execute(select(rows.c.state, rows.c.history).where(rows.c.kind == "tell_change"))
        return [(state, history) for state, history in found]


def test_a_notice_for_a_disabled_endpoint_is_dead_with_the_reason(
    world: World,
    admin: Caller,
    application: Application,
) -> None:
    endpoint = register(admin, application, FINISHED, isEnabled=False)
    queue(world, endpoint["id"])
    settled(world)
    [(state, history)] = states(world)
    assert (state, application.received) == ("dead", [])
    assert "disabled" in history[-1]["reason"]


def test_a_notice_of_an_event_that_is_no_longer_chosen_is_not_sent(
    world: World,
    admin: Caller,
    application: Application,
) -> None:
    queue(world, register(admin, application, FINISHED)["id"], CLAIMS)
    settled(world)
    assert [state for state, _ in states(world)] == ["done"]
    assert application.received == []


def test_a_refused_notice_does_not_delay_the_next(
    world: World,
    admin: Caller,
    application: Application,
) -> None:
    endpoint = register(admin, application, FINISHED)
    application.answers(Reply(400))
    for _ in range(2):
        queue(world, endpoint["id"])
    world.wait_until(lambda: len(application.received) == 2)


@pytest.mark.parametrize("status", [503, 410])
def test_an_answer_after_the_removal_changes_nothing(
    world: World,
    admin: Caller,
    application: Application,
    status: int,
) -> None:
    endpoint = register(admin, application, FINISHED)
    application.answers(Reply(status, b"x", delay=GENEROUS))
    queue(world, endpoint["id"])
    world.wait_until(lambda: len(application.received) == 1)
    with world.connector.services.database.write() as connection:
        connection.execute(delete(notice_endpoints).where(notice_endpoints.c.id == endpoint["id"]))
    application.is_stopping.set()  # now it answers
    world.wait_until(lambda: all(history for _, history in states(world)))
    assert admin.get(ENDPOINTS).json()["count"] == 0


def test_a_removal_waits_for_notices_in_flight(
    world: World,
    admin: Caller,
    application: Application,
) -> None:
    endpoint = register(admin, application, FINISHED)
    application.answers(Reply(200, b"x", delay=1.0))
    queue(world, endpoint["id"])
    world.wait_until(lambda: len(application.received) == 1)
    assert admin.request("DELETE", f"{ENDPOINTS}/{endpoint['id']}").status_code == 204
    assert [state for state, _ in states(world) if state == "ready"] == []


def test_an_address_that_is_no_longer_allowed_is_not_tested(
    world: World,
    admin: Caller,
    application: Application,
) -> None:
    endpoint = register(admin, application, FINISHED)
    with world.connector.services.database.write() as connection:
        connection.execute(update(notice_endpoints).values(url="https://10.0.0.1/notices"))
    assert_error(admin.post(f"{ENDPOINTS}/{endpoint['id']}/test", None), 400, "IDVP-60002", "url")
    queue(world, endpoint["id"])
    settled(world)
    assert [state for state, _ in states(world)] == ["dead"]


def test_many_notices_become_due_again_page_by_page(
    world: World,
    admin: Caller,
    application: Application,
) -> None:
    endpoint = register(admin, application, FINISHED)
    world.connector.rest()
    services = world.connector.services
    notices = [
        NotifyOfChange(world.tenant, None, None, str(uuid.uuid4()), EPOCH, endpoint["id"], FINISHED, "ann")
        for _ in range(PAGE + 1)
    ]
    with services.database.write() as connection:
        outbox.add_all(connection, notices)
        connection.execute(
            update(rows).where(rows.c.kind == "tell_change").values(state="done", endpoint_id=endpoint["id"])
        )
    services.endpoints.resend(ResendNotices(world.tenant, endpoint["id"], EPOCH))
    assert [state for state, _ in states(world)].count("ready") == PAGE
    with services.database.read() as connection:
        [rest] = connection.execute(select(rows.c.payload).where(rows.c.kind == "resend_notices")).scalars()
    services.endpoints.resend(ResendNotices(**rest))
    assert [state for state, _ in states(world)].count("ready") == PAGE + 1


def test_the_secret_of_a_providers_own_endpoint_is_replaced_with_its_property(
    world: World,
    admin: Caller,
    application: Application,
) -> None:
    for secret in (NEW_SECRET, NEW_SECRET, "whsec_" + "QUFB" * 11):
        use_studio(world, secret=secret, notices={"url": application.url, "tasks": [SCORE]})
    [own] = admin.get(ENDPOINTS).json()["endpoints"]
    assert admin.post(f"{ENDPOINTS}/{own['id']}/test", None).json()["problem"] is None
