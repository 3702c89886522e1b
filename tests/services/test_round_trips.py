"""Round trips to PostgreSQL, counted at the wire: the cost of a database on another host for each request.

`pytest tests/services/test_round_trips.py -s` prints them.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from connector.services.outbox import new_owner
from connector.services.providers.deletion import DeleteApplicant
from connector.settings import Settings
from connector.simulator.server import Simulator
from connector.store.deliveries import outbox
from tests.bodies import event_body
from tests.harness import Caller, Clock, ConnectorServer, World
from tests.postgresql_proxy import PostgresqlProxy
from tests.races.attack import ALL_CLEAR, PROVIDERS, add_provider

TIMES = 4  # the first call prepares statements, and a call after a pause pings: the minimum is the cost of a request
CREATE_APPLICANT = "POST /applicants"
LONG_AFTER = 5  # seconds: by then, the run may be read again


@pytest.fixture(scope="module")
def proxied(new_settings: Callable[..., Settings]) -> Iterator[tuple[ConnectorServer, PostgresqlProxy, Clock]]:
    settings, clock = new_settings("postgresql"), Clock()
    proxy = PostgresqlProxy(settings.database_url)
    with ConnectorServer(replace(settings, database_url=proxy.url), clock) as connector:
        connector.rest()
        yield connector, proxy, clock
    proxy.close()


class Counted:
    """A world with a counting proxy in front of its database."""

    def __init__(self, world: World, proxy: PostgresqlProxy) -> None:
        self.world = world
        self._proxy = proxy
        self._names = (f"user-{number}" for number in itertools.count())

    def new_user(self) -> Caller:
        return self.world.add_user(next(self._names))

    def fewest(self, what: str, prepare: Callable[[], Callable[[], None]]) -> int:
        """Prepare and call an action several times; return the smallest number of round trips."""
        numbers = []
        for _ in range(TIMES):
            action = prepare()
            with self._proxy.counted() as number:
                action()
            numbers += number
        print(f"\n{what}: {min(numbers)} round trips")  # noqa: T201  a report for `pytest -s`
        return min(numbers)


@pytest.fixture
def counted(proxied: tuple[ConnectorServer, PostgresqlProxy, Clock], simulator: Simulator) -> Counted:
    connector, proxy, clock = proxied
    return Counted(add_provider(World(connector, simulator, clock, tenant=f"tenant-{uuid.uuid4()}")), proxy)


def asking(caller: Caller, world: World, status: str) -> Callable[[], None]:
    def ask() -> None:
        answer = caller.verify(world.provider_id, status)
        assert answer.status_code == 200, answer.text

    return ask


def getting(caller: Caller, path: str) -> Callable[[], None]:
    def ask() -> None:
        answer = caller.get(path)
        assert answer.status_code == 200, answer.text

    return ask


def test_a_webhook_takes_two_round_trips(counted: Counted) -> None:
    def prepare() -> Callable[[], None]:
        body = event_body(counted.world.start(counted.new_user()), "approved", ALL_CLEAR)

        def post() -> None:
            assert counted.world.post_event(body).ok

        return post

    assert counted.fewest("a webhook", prepare) <= 2


def test_a_repeated_webhook_takes_two_round_trips(counted: Counted) -> None:
    body = event_body(counted.world.start(counted.new_user()), "approved", ALL_CLEAR)

    def post() -> None:
        assert counted.world.post_event(body).ok

    assert counted.fewest("a webhook that is repeated", lambda: post) <= 2


def test_a_webhook_that_overtook_the_start_takes_few_round_trips(counted: Counted) -> None:
    """It is parked: stored for a run that may follow, which is searched for once more after the commit."""

    def prepare() -> Callable[[], None]:
        body = event_body(str(uuid.uuid4()), "approved", ALL_CLEAR)

        def post() -> None:
            assert counted.world.post_event(body).ok

        return post

    assert counted.fewest("a webhook that is parked", prepare) <= 10


def test_a_resumed_start_takes_the_documented_round_trips(counted: Counted) -> None:
    """Onfido failed at the first attempt, before a run was started; each call reserves one turn."""

    def prepare() -> Callable[[], None]:
        ann = counted.new_user()
        counted.world.faults(route=CREATE_APPLICANT, failed=1)
        assert ann.verify(counted.world.provider_id, "INITIATED").status_code == 503
        return asking(ann, counted.world, "INITIATED")

    assert counted.fewest("INITIATED that is resumed", prepare) <= 21


def test_initiated_takes_the_documented_round_trips(counted: Counted) -> None:
    """Four of its own, and one for the budget of its two calls to Onfido."""
    assert counted.fewest("INITIATED", lambda: asking(counted.new_user(), counted.world, "INITIATED")) <= 5


def test_a_second_initiated_takes_the_documented_round_trips(counted: Counted) -> None:
    def prepare() -> Callable[[], None]:
        ann = counted.new_user()
        assert counted.world.post_event(event_body(counted.world.start(ann), "declined", ALL_CLEAR)).ok
        return asking(ann, counted.world, "INITIATED")

    assert counted.fewest("INITIATED once more", prepare) <= 5


@pytest.mark.parametrize("has_ended", [False, True], ids=["open", "ended"])
def test_completed_takes_the_documented_round_trips(counted: Counted, *, has_ended: bool) -> None:
    def prepare() -> Callable[[], None]:
        ann = counted.new_user()
        run_id = counted.world.start(ann)
        if has_ended:
            counted.world.outcome(run_id)
        return asking(ann, counted.world, "COMPLETED")

    assert counted.fewest(f"COMPLETED, {'ended' if has_ended else 'open'}", prepare) <= 6


def test_reinitiated_takes_the_documented_round_trips(counted: Counted) -> None:
    def prepare() -> Callable[[], None]:
        ann = counted.new_user()
        counted.world.start(ann)
        counted.world.clock.advance(LONG_AFTER)
        return asking(ann, counted.world, "REINITIATED")

    assert counted.fewest("REINITIATED", prepare) <= 6


def test_a_delivery_takes_the_documented_round_trips(counted: Counted) -> None:
    world = counted.world
    services = world.connector.services

    def prepare() -> Callable[[], None]:
        with services.database.write() as connection:
            outbox.add(connection, DeleteApplicant(world.tenant, world.provider_id, str(uuid.uuid4())))

        def deliver() -> None:
            assert services.outbox.work(new_owner()) == 1

        return deliver

    assert counted.fewest("a delivery", prepare) <= 4  # one of them for the budget of its call to Onfido


def test_reading_claims_takes_one_round_trip(counted: Counted) -> None:
    ann = counted.new_user()
    counted.world.start(ann)
    reading = getting(ann, "/api/users/v1/me/idv/claims")
    assert counted.fewest("claims", lambda: reading) <= 1


def test_a_list_of_providers_takes_two_round_trips(counted: Counted) -> None:
    reading = getting(counted.world.connector.as_admin(counted.world.tenant), PROVIDERS)
    assert counted.fewest("providers", lambda: reading) <= 2
