"""`connector signals`: viewing and administering streams."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from connector.cli import main
from connector.domain.signals import STREAM_UPDATED
from connector.domain.signals import VERIFICATION as VERIFIED
from tests.contract.wire import UNKNOWN_ID
from tests.harness import World
from tests.signals.receiver import Endpoint, as_client, connect

pytestmark = pytest.mark.one_database


@pytest.fixture
def run(world: World) -> Callable[..., Result]:
    """Run a command on the connector's database."""
    settings = world.connector.settings
    environ = {
        "CONNECTOR_DATA_DIR": str(settings.data_dir),
        "CONNECTOR_DATABASE_URL": settings.database_url,
        "CONNECTOR_SIGNALS": json.dumps({"namespace": "n", "verified_level": "a", "unverified_level": "b"}),
    }

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(main, ["signals", *words], env=environ, catch_exceptions=False)

    return invoke


def test_streams_are_listed_and_shown_without_secrets(world: World, run: Callable[..., Result]) -> None:
    assert run("list").output == "There is no stream.\n"
    with Endpoint() as endpoint:
        receiver = connect(as_client(world.connector), endpoint.delivery, description="the app")
        listed = json.loads(run("list", "--json").output)
        [stream] = listed["streams"]
        assert listed["count"] == 1
        assert (stream["client"], stream["status"], stream["waiting"]) == ("app", "enabled", 0)
        assert (stream["subjects"], stream["delivered_at"], stream["failures"]) == (0, None, 0)
        assert json.loads(run("show", receiver.stream_id, "--json").output) == stream
        for words in (["list"], ["show", receiver.stream_id]):
            assert receiver.stream_id in run(*words).output
            assert "of-the-receiver" not in run(*words).output
        assert run("list", "--tenant", "acme").output == "There is no stream.\n"
        other = run("show", receiver.stream_id, "--tenant", "acme")
        assert (other.exit_code, "There is no stream" in other.stderr) == (1, True)


def test_an_operator_verifies_pauses_enables_disables_and_removes_a_stream(
    world: World, run: Callable[..., Result]
) -> None:
    receiver = connect(as_client(world.connector))
    stream_id = receiver.stream_id
    for words in (
        ["verify", stream_id],
        ["pause", stream_id, "--reason", "noon"],
        ["enable", stream_id],
        ["disable", stream_id, "--yes"],
    ):
        assert run(*words).exit_code == 0
    assert receiver.ask_status()["status"] == "disabled"
    assert [next(iter(each["events"])) for each in receiver.events()] == [STREAM_UPDATED] * 3
    assert VERIFIED not in str(receiver.events())
    assert run("verify", stream_id).exit_code == 1
    assert run("pause", stream_id, "--reason", "x" * 256).exit_code == 2
    assert run("remove", stream_id, "--yes").output == f"Removed {stream_id}.\n"
    assert run("remove", UNKNOWN_ID, "--yes").exit_code == 1
    assert receiver.caller.get("/ssf/streams").json() == []
