"""An unavailable or read-only database: 503 with its own code, and nothing is acknowledged that could be lost."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import requests
from structlog.testing import capture_logs

from connector.store.engine import POOL_SIZE
from tests.bodies import event_body, provider_body
from tests.contract.wire import PROVIDERS, USERS, assert_error
from tests.harness import HTTP, Caller, World
from tests.store.refusing import refusing_writes, standing_apart
from tests.values import GIVEN_NAME

Ask = Callable[[World, Caller], requests.Response]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(new_database: Callable[[str], str], request: pytest.FixtureRequest) -> str:
    """A separate database, because the test cuts all connections to it for a while."""
    return new_database(request.param)


def add_provider(world: World, admin: Caller) -> requests.Response:
    return admin.post(PROVIDERS, provider_body(world.simulator, name="Another"))


def change_provider(world: World, admin: Caller) -> requests.Response:
    return admin.put(f"{PROVIDERS}/{world.provider_id}", provider_body(world.simulator, description="changed"))


def add_claim(world: World, admin: Caller) -> requests.Response:
    claim = {"uri": GIVEN_NAME, "idVProviderId": world.provider_id, "isVerified": True, "claimMetadata": {}}
    return admin.post(f"{USERS}/ann/idv/claims", [claim])


def initiate(world: World, _: Caller) -> requests.Response:
    return world.connector.as_user("ann").verify(world.provider_id, "INITIATED")


def list_providers(_: World, admin: Caller) -> requests.Response:
    return admin.get(PROVIDERS)


def list_claims(_: World, admin: Caller) -> requests.Response:
    return admin.get(f"{USERS}/ann/idv/claims")


def assert_away(answer: requests.Response, code: str) -> None:
    assert_error(answer, 503, code, "Nothing was acknowledged")
    assert answer.headers["Retry-After"] == "5"


def until_it_answers(ask: Callable[[], requests.Response]) -> requests.Response:
    """Repeat a request until it is not answered 503: a connection that PostgreSQL has ended may be used once more."""
    answers: list[requests.Response] = []
    while not answers or answers[-1].status_code == 503:
        answers.append(ask())
        assert len(answers) < 20
    return answers[-1]


def ready(world: World) -> requests.Response:
    return HTTP.get(f"{world.connector.url}/readyz", timeout=60)


WRITES: tuple[tuple[Ask, str], ...] = (
    (add_provider, "IDVP-65001"),
    (change_provider, "IDVP-65001"),
    (add_claim, "IDV-15001"),
    (initiate, "IDV-15001"),
)


def test_a_write_gets_503_while_the_database_refuses_writes_and_succeeds_afterwards(world: World) -> None:
    world.add_user()
    admin = world.connector.as_admin()
    world.connector.rest()
    with refusing_writes(world.connector.settings.database_url):
        until_read(world)
        for ask, code in WRITES:
            with capture_logs() as lines:
                assert_away(ask(world, admin), code)
            logged = [each for each in lines if each.get("code") == code and each["event"] == "database.unavailable"]
            assert any(words in logged[-1]["reason"] for words in ("read-only transaction", "disk")), ask

    until_read(world)
    for ask, _ in WRITES:
        assert ask(world, admin).status_code in (200, 201), ask


def until_read(world: World) -> None:
    """Read until the pool has returned every connection that PostgreSQL has ended."""
    admin = world.connector.as_admin()
    for _ in range(POOL_SIZE):
        until_it_answers(lambda: admin.get(PROVIDERS))


def test_an_event_that_cannot_be_stored_is_not_acknowledged_and_applied_when_resent(world: World) -> None:
    me = world.add_user()
    run_id = world.start(me)
    world.faults(webhooks_lost=1)
    world.outcome(run_id)
    body = event_body(run_id, "approved")
    world.connector.rest()
    with refusing_writes(world.connector.settings.database_url):
        until_read(world)
        assert_away(world.post_event(body), "OIDV-65001")

    until_read(world)
    assert world.post_event(body).status_code == 200
    assert until_it_answers(lambda: me.get(f"{USERS}/me/idv/claims")).ok


def test_readiness_reports_refused_writes_and_the_log_has_the_drivers_message(world: World) -> None:
    world.connector.rest()
    assert ready(world).status_code == 200
    with capture_logs() as lines, refusing_writes(world.connector.settings.database_url):
        world.wait_until(lambda: ready(world).status_code == 503)
        world.wait_until(lambda: "accepts no writes" in ready(world).text)
    words = json.dumps([line["reason"] for line in lines if line["event"] == "database.unavailable"])
    assert "read-only transaction" in words or "disk" in words
    world.wait_until(lambda: ready(world).status_code == 200)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_unreachable_database_causes_503_everywhere_until_it_returns(world: World) -> None:
    world.add_user()
    admin = world.connector.as_admin()
    run_id = world.start(world.connector.as_user("ann"))
    with standing_apart(world.connector.settings.database_url):
        for ask, code in ((list_providers, "IDVP-65001"), (list_claims, "IDV-15001"), (initiate, "IDV-15001")):
            assert_away(ask(world, admin), code)
        assert_away(world.post_event(event_body(run_id, "approved")), "OIDV-65001")
        assert_error(ready(world), 503, None, "cannot be reached")
        assert HTTP.get(f"{world.connector.url}/healthz", timeout=60).status_code == 200
    assert until_it_answers(lambda: list_claims(world, admin)).status_code == 200
    world.wait_until(lambda: ready(world).status_code == 200)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_removed_database_file_is_not_written_to(world: World, is_replaced: bool) -> None:
    admin, path = world.connector.as_admin(), world.connector.services.database.path
    assert path
    elsewhere = path.rename(path.with_name("elsewhere.db"))
    if is_replaced:
        path.write_bytes(elsewhere.read_bytes())

    assert_error(ready(world), 503)
    assert_away(add_provider(world, admin), "IDVP-65001")
    assert_away(list_providers(world, admin), "IDVP-65001")
    assert_away(list_claims(world, admin), "IDV-15001")
    assert path.exists() is is_replaced, "no empty database takes its place"

    elsewhere.rename(path)
    assert ready(world).status_code == 200
    assert add_provider(world, admin).status_code == 201
