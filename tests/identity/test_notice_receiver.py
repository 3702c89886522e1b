"""Notices to an application that verifies them by another implementation of Standard Webhooks, npm's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from connector.store.models import notice_endpoints
from tests.contract.wire import ENDPOINTS
from tests.harness import Caller, World
from tests.identity.servers import NoticeReceiver
from tests.services.ageing import let_pass
from tests.services.receiving import rows_of
from tests.services.test_endpoints import FINISHED, finish, settled

HOUR = timedelta(hours=1)


@pytest.fixture
def admin(world: World) -> Caller:
    return world.connector.as_admin(world.tenant)


@pytest.fixture
def endpoint(admin: Caller, receiver: NoticeReceiver) -> str:
    """The path of the receiver's endpoint; the receiver has its secret."""
    answer = admin.post(ENDPOINTS, {"url": receiver.url, "events": [FINISHED]})
    assert answer.status_code == 201, answer.text
    receiver.use(answer.json()["secret"])
    return f"{ENDPOINTS}/{answer.json()['id']}"


def waiting(world: World) -> list[Any]:
    return rows_of(world, "tell_change", ("ready",))


def deliver(world: World) -> None:
    """Deliver all notices; the pauses between attempts are moved into the past."""

    def is_all_sent() -> bool:
        let_pass(world.connector.services.database, HOUR)
        return not waiting(world)

    settled(world)
    world.wait_until(is_all_sent)


def let_overlap_end(world: World) -> None:
    """End the overlap in the database: the receiver uses the real time, and refuses signatures of other times."""
    with world.connector.services.database.write() as connection:
        connection.execute(update(notice_endpoints).values(previous_secret_expires_at=datetime(2001, 1, 1, tzinfo=UTC)))


def ends_of(receiver: NoticeReceiver) -> list[str]:
    """Return the users whose verifications ended, by the notices that the receiver accepted, once each."""
    genuine = {each["id"]: each["notice"] for each in receiver.received() if each["isSigned"]}
    assert {notice["type"] for notice in genuine.values()} <= {FINISHED}
    return sorted(notice["data"]["userId"] for notice in genuine.values())


def test_every_notice_is_received_once_its_receiver_is_available_again(
    world: World, endpoint: str, receiver: NoticeReceiver
) -> None:
    receiver.stop()
    for user_id in ("ann", "bea"):
        finish(world, user_id)
    world.wait_until(lambda: any(row.history for row in waiting(world)))
    secret = world.connector.as_admin(world.tenant).post(f"{endpoint}/rotate-secret", {}).json()["secret"]
    receiver.secret = secret

    receiver.start()
    deliver(world)

    assert ends_of(receiver) == ["ann", "bea"]


def test_a_repeated_notice_has_the_same_id(world: World, endpoint: str, receiver: NoticeReceiver) -> None:
    receiver.answer("cut", 503, 429, 500)
    finish(world)
    deliver(world)

    received = receiver.received()
    assert [each["answered"] for each in received] == ["cut", 503, 429, 500, 204]
    assert all(each["isSigned"] for each in received)
    assert len({each["id"] for each in received}) == 1


def test_either_secret_verifies_until_the_overlap_ends(
    world: World, admin: Caller, endpoint: str, receiver: NoticeReceiver
) -> None:
    former = receiver.secret
    finish(world, "before")
    deliver(world)
    secret = admin.post(f"{endpoint}/rotate-secret", {}).json()["secret"]
    finish(world, "with-the-former")
    deliver(world)
    receiver.use(secret)
    finish(world, "with-the-new")
    deliver(world)
    assert ends_of(receiver) == ["before", "with-the-former", "with-the-new"]

    let_overlap_end(world)
    finish(world, "later")
    deliver(world)
    receiver.use(former)
    finish(world, "too-late")
    settled(world)

    assert ends_of(receiver) == ["before", "later", "with-the-former", "with-the-new"]
    assert [each["answered"] for each in receiver.received()[4:]] == [401]


def test_a_removed_receiver_gets_no_more_notices(
    world: World, admin: Caller, endpoint: str, receiver: NoticeReceiver
) -> None:
    receiver.answer(410)
    finish(world)
    settled(world)
    assert admin.get(endpoint).json()["disabledBecause"] == "gone"

    finish(world, "bea")
    settled(world)
    let_pass(world.connector.services.database, HOUR)
    settled(world)

    assert [each["answered"] for each in receiver.received()] == [410]
