"""Events pushed to a receiver that uses npm's jose, independent of the code that signs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.domain.signals import LEVEL_CHANGE, PUSH
from connector.settings import Settings
from tests.harness import World
from tests.identity.servers import SignalReceiver, has_node
from tests.patience import patient_settings
from tests.services.receiving import failures_of, rows_of
from tests.signals.receiver import HIGH, LOW, SIGNALS, STREAMS, Receiver, as_client, connect, verify_by_hand
from tests.signals.test_polling import assert_empty
from tests.signals.test_pushing import due_now, flip

pytestmark = pytest.mark.one_database


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings with names of levels."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    return patient_settings(data_dir, database_url, signals=SIGNALS)


@pytest.fixture
def server() -> Iterator[SignalReceiver]:
    if not has_node("jose"):
        pytest.skip("jose: not installed (npm --prefix tests/identity/node ci)")
    with SignalReceiver("Bearer of-the-receiver") as running:
        assert isinstance(running, SignalReceiver)
        yield running


@pytest.fixture
def receiver(world: World, server: SignalReceiver) -> Receiver:
    """A stream whose events go to the server, which is configured with their issuer and audience."""
    delivery = {"method": PUSH, "endpoint_url": server.url, "authorization_header": server.authorization}
    made = connect(as_client(world.connector), delivery)
    metadata = made.caller.get("/.well-known/ssf-configuration").json()
    server.set(issuer=metadata["issuer"], audience=made.stream["aud"], keys=metadata["jwks_uri"])
    return made


def accepted(server: SignalReceiver) -> list[tuple[str, str]]:
    """Return users and levels of the accepted events, each once, in order of arrival."""
    events = {each["payload"]["jti"]: each["payload"] for each in server.received() if "payload" in each}
    return [(each["sub_id"]["sub"], each["events"][LEVEL_CHANGE]["current_level"]) for each in events.values()]


def test_every_event_is_received_once_despite_outages(world: World, server: SignalReceiver, receiver: Receiver) -> None:
    world.add_user()
    receiver.status("paused")
    flip(world, receiver, 3)
    server.set(answers=["cut", 503, 202])
    receiver.status("enabled")
    for number in (1, 2):
        wait_for_the_failure(world, number)
        due_now(world)
    assert_empty(world, receiver)
    assert accepted(server) == [("ann", HIGH), ("ann", LOW), ("ann", HIGH)]
    received = server.received()
    assert [each.get("isRepeated") for each in received] == [False, True, True, False, False]
    assert len({each["payload"]["txn"] for each in received}) == 3


def wait_until_received(world: World, server: SignalReceiver, number: int) -> None:
    world.wait_until(lambda: len(server.received()) == number)


def wait_for_the_failure(world: World, number: int) -> None:
    world.wait_until(lambda: any(len(failures_of(row)) >= number for row in rows_of(world, "push_signals")))


def test_an_event_for_another_audience_is_refused_permanently(
    world: World, server: SignalReceiver, receiver: Receiver
) -> None:
    server.set(audience="another-client")
    world.add_user()
    verify_by_hand(world, "ann")
    wait_until_received(world, server, 1)
    assert_empty(world, receiver)
    assert [each["err"] for each in server.received()] == ["invalid_audience"]
    server.set(audience="app")
    verify_by_hand(world, "ann", is_verified=False)
    wait_until_received(world, server, 2)
    assert accepted(server) == [("ann", LOW)]


def test_keys_are_rotated_while_a_receiver_is_in_use(world: World, server: SignalReceiver, receiver: Receiver) -> None:
    keys = world.connector.services.signing_keys
    world.add_user()
    for number in range(3):
        verify_by_hand(world, "ann", is_verified=number % 2 == 0)
        wait_until_received(world, server, number + 1)
        keys.rotate("tests", is_forced=True)
    assert {each["status"] for each in server.received()} == {202}


def test_a_wrong_header_is_not_a_permanent_refusal(world: World, server: SignalReceiver, receiver: Receiver) -> None:
    wrong = {"method": PUSH, "endpoint_url": server.url, "authorization_header": "Bearer old"}
    patch = {"stream_id": receiver.stream_id, "delivery": wrong}
    assert receiver.caller.request("PATCH", STREAMS, json=patch).status_code == 200
    world.add_user()
    verify_by_hand(world, "ann")
    wait_for_the_failure(world, 1)
    assert {each["err"] for each in server.received()} == {"authentication_failed"}
    right = {"delivery": wrong | {"authorization_header": server.authorization}}
    assert receiver.caller.request("PATCH", STREAMS, json=patch | right).status_code == 200
    due_now(world)
    assert_empty(world, receiver)
    assert accepted(server) == [("ann", HIGH)]
