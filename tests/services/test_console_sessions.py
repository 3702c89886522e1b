"""Sessions of the console: how long they last, who ends them, and that a link works once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.services.console_sessions import LINK_LIFETIME, ConsoleSessions, Person
from connector.services.upkeep import Sweep
from connector.store.console_models import console_links, console_sessions
from tests.harness import ConnectorServer, World

ACME, OTHER = Tenant(DEFAULT_TENANT), Tenant("other")
ISSUER = "https://idp.example.com"
BOB = Person("bob", "Bob", "console", ISSUER, frozenset({"internal_idvp_view"}), "bob-there", "session-there")
ANN = Person("ann", "Ann", "console", ISSUER, frozenset())
SESSIONS = "/api/server/v1/console-sessions"


@pytest.fixture
def sessions(world: World) -> ConsoleSessions:
    world.clock.stop()
    return world.connector.services.console_sessions


def rows_of(connector: ConnectorServer) -> int:
    with connector.services.database.read() as connection:
        return sum(len(connection.execute(table.select()).all()) for table in (console_sessions, console_links))


def test_a_session_ends_after_its_lifetime_however_much_it_is_used(world: World, sessions: ConsoleSessions) -> None:
    secret = sessions.begin(ACME, BOB)
    for _ in range(17):
        world.clock.advance(28 * 60)
        assert sessions.find(ACME, secret) is not None
    world.clock.advance(28 * 60)
    assert sessions.find(ACME, secret) is None
    assert sessions.search(ACME, limit=5).rows == []


def test_a_session_ends_when_it_is_idle(world: World, sessions: ConsoleSessions) -> None:
    secret = sessions.begin(ACME, BOB)
    world.clock.advance(29 * 60)
    assert sessions.find(ACME, secret) is not None
    world.clock.advance(30 * 60)
    assert sessions.find(ACME, secret) is None


def test_that_it_is_in_use_is_written_once_a_minute(world: World, sessions: ConsoleSessions) -> None:
    secret = sessions.begin(ACME, BOB)
    seen = []
    for _ in range(4):
        world.clock.advance(25)
        sessions.find(ACME, secret)
        seen.append(sessions.search(ACME, limit=1).rows[0].seen_at)
    assert len(set(seen)) == 2


def test_the_database_does_not_hold_what_the_cookie_holds(world: World, sessions: ConsoleSessions) -> None:
    secret, link = sessions.begin(ACME, BOB), sessions.make_link(ACME, "bob", ())
    with world.connector.services.database.read() as connection:
        held = str([*connection.execute(console_sessions.select()), *connection.execute(console_links.select())])
    assert secret not in held
    assert link not in held


def test_a_new_sign_in_ends_the_session_that_the_browser_had(sessions: ConsoleSessions) -> None:
    first = sessions.begin(ACME, BOB)
    second = sessions.begin(ACME, ANN, replaced=first)
    third = sessions.begin(ACME, ANN, replaced="no session")
    assert [sessions.find(ACME, each) is None for each in (first, second, third)] == [True, False, False]


def test_another_tenant_neither_sees_nor_ends_a_session(world: World, sessions: ConsoleSessions) -> None:
    secret = sessions.begin(ACME, BOB)
    [session] = sessions.search(ACME, limit=5).rows
    stranger = world.connector.as_admin("other")
    assert stranger.get(SESSIONS).json()["sessions"] == []
    assert stranger.request("DELETE", f"{SESSIONS}/{session.session_id}").status_code == 204
    assert stranger.request("DELETE", SESSIONS).status_code == 204
    assert sessions.find(OTHER, secret) is None
    assert sessions.find(ACME, secret) is not None


def test_an_administrator_ends_one_session_a_persons_and_all(world: World, sessions: ConsoleSessions) -> None:
    admin = world.connector.as_admin()
    for person in (BOB, BOB, ANN, ANN):
        sessions.begin(ACME, person)

    def shown(**query: str) -> list[str]:
        return sorted(each["userId"] for each in admin.get(SESSIONS, params=query).json()["sessions"])

    assert shown() == ["ann", "ann", "bob", "bob"]
    [first, *_] = admin.get(SESSIONS, params={"userId": "bob"}).json()["sessions"]
    assert (first["scopes"], first["issuer"]) == (["internal_idvp_view"], ISSUER)
    admin.request("DELETE", f"{SESSIONS}/{first['id']}")
    assert shown() == ["ann", "ann", "bob"]
    admin.request("DELETE", SESSIONS, params={"userId": "ann"})
    assert shown() == ["bob"]
    admin.request("DELETE", SESSIONS)
    assert shown() == []


def test_the_issuer_ends_a_persons_sessions_or_one_session(sessions: ConsoleSessions) -> None:
    secrets = [sessions.begin(tenant, BOB) for tenant in (ACME, OTHER)]
    assert sessions.end_of_issuer("https://another.example", subject="bob-there", issuer_session=None) == 0
    assert sessions.end_of_issuer(ISSUER, subject="bob-there", issuer_session="another") == 0
    assert sessions.end_of_issuer(ISSUER, subject=None, issuer_session="session-there") == 2
    assert [sessions.find(tenant, secret) for tenant, secret in zip((ACME, OTHER), secrets, strict=True)] == [None] * 2
    with pytest.raises(ValueError, match="must be named"):
        sessions.end_of_issuer(ISSUER, subject=None, issuer_session=None)


def test_of_many_that_use_a_link_at_once_one_is_signed_in(sessions: ConsoleSessions) -> None:
    link = sessions.make_link(ACME, "bob", ("internal_idvp_view",))
    with ThreadPoolExecutor(6) as pool:
        used = list(pool.map(lambda _: sessions.use_link(ACME, link), range(12)))
    assert len([each for each in used if each is not None]) == 1


def test_a_link_expires(world: World, sessions: ConsoleSessions) -> None:
    link = sessions.make_link(ACME, "bob", ())
    world.clock.advance(LINK_LIFETIME.total_seconds())
    assert sessions.use_link(ACME, link) is None


def test_what_has_expired_is_removed(world: World, sessions: ConsoleSessions) -> None:
    sessions.begin(ACME, BOB)
    sessions.make_link(ACME, "bob", ())
    world.clock.advance(timedelta(hours=7).total_seconds())
    world.connector.services.upkeep.sweep(Sweep())
    assert rows_of(world.connector) == 1
    world.clock.advance(timedelta(hours=2).total_seconds())
    world.connector.services.upkeep.sweep(Sweep())
    assert rows_of(world.connector) == 0
