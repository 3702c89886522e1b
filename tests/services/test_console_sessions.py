"""Sessions of the console: their lifetime, their end, and one-time links."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
import requests
from sqlalchemy import func, select

from connector.bootstrap import create_services
from connector.domain.access_tokens import OwnToken
from connector.domain.audit.history import LINK_USED, NOT_ACCEPTED, NOT_BEGUN, SIGN_IN_CAUSES
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.services.console.console_sessions import (
    KEPT_AFTER_END,
    LINK_LIFETIME,
    MAX_PLACE,
    ConsoleSessions,
    Person,
    Place,
)
from connector.services.console.sign_in_record import MOST_REFUSED
from connector.services.upkeep import Sweep
from connector.store.models import console_links, console_sessions, history
from tests.harness import ConnectorServer, World

ACME, OTHER = Tenant(DEFAULT_TENANT), Tenant("other")
ISSUER = "https://idp.example.com"
BOB = Person("bob", "Bob", "console", ISSUER, frozenset({"internal_idvp_view"}), "bob-there", "session-there")
ANN = Person("ann", "Ann", "console", ISSUER, frozenset())
AUDIT = "/api/server/v1/audit"
_numbers = itertools.count(1)
SESSIONS = "/api/server/v1/console-sessions"


@pytest.fixture
def sessions(world: World) -> ConsoleSessions:
    world.clock.stop()
    world.clock.advance(120 * next(_numbers))  # the refusals of earlier tests belong to another minute
    return world.connector.services.console_sessions


def rows_of(connector: ConnectorServer) -> int:
    with connector.services.database.read() as connection:
        return sum(len(connection.execute(table.select()).all()) for table in (console_sessions, console_links))


def test_a_used_session_ends_after_its_lifetime(world: World, sessions: ConsoleSessions) -> None:
    secret = sessions.begin(ACME, BOB, "somebody")
    for _ in range(17):
        world.clock.advance(28 * 60)
        assert sessions.find(ACME, secret) is not None
    world.clock.advance(28 * 60)
    assert sessions.find(ACME, secret) is None
    assert sessions.search(ACME, limit=5).rows == []


def test_a_session_ends_when_it_is_idle(world: World, sessions: ConsoleSessions) -> None:
    secret = sessions.begin(ACME, BOB, "somebody")
    world.clock.advance(29 * 60)
    assert sessions.find(ACME, secret) is not None
    world.clock.advance(30 * 60)
    assert sessions.find(ACME, secret) is None


def test_a_session_that_is_only_polled_is_idle(world: World, sessions: ConsoleSessions) -> None:
    secret = sessions.begin(ACME, BOB, "somebody")
    for _ in range(29):
        world.clock.advance(60)
        assert sessions.find(ACME, secret, is_use=False) is not None
    world.clock.advance(61)
    assert sessions.find(ACME, secret, is_use=False) is None


def test_the_last_use_of_a_session_is_written_once_a_minute(world: World, sessions: ConsoleSessions) -> None:
    secret = sessions.begin(ACME, BOB, "somebody")
    seen = []
    for _ in range(4):
        world.clock.advance(25)
        sessions.find(ACME, secret)
        seen.append(sessions.search(ACME, limit=1).rows[0].seen_at)
    assert len(set(seen)) == 2


def test_the_database_does_not_contain_the_secret_of_the_cookie(world: World, sessions: ConsoleSessions) -> None:
    secret, link = sessions.begin(ACME, BOB, "somebody"), sessions.make_link(ACME, "bob", ())
    with world.connector.services.database.read() as connection:
        held = str([*connection.execute(console_sessions.select()), *connection.execute(console_links.select())])
    assert secret not in held
    assert link not in held


def tokens_of(world: World) -> list[str | None]:
    with world.connector.services.database.read() as connection:
        return list(connection.execute(select(console_sessions.c.access_token)).scalars())


def test_a_token_is_stored_encrypted_for_its_session_until_it_expires(world: World, sessions: ConsoleSessions) -> None:
    for person, token in ((BOB, OwnToken("of bob", 600)), (ANN, OwnToken("of ann", 600)), (ANN, OwnToken())):
        sessions.begin(ACME, replace(person, token=token), "somebody")
    kept = {each.user_id: sessions.own_token(each) for each in sessions.search(ACME, limit=5).rows if each.scopes}
    assert kept == {"bob": "of bob"}
    assert not any(each and "of bob" in each for each in tokens_of(world))
    assert "of bob" not in str(sessions.search(ACME, limit=5).rows)
    world.clock.advance(600)
    assert not any(sessions.own_token(each) for each in sessions.search(ACME, limit=5).rows)
    world.connector.services.upkeep.sweep(Sweep())
    assert tokens_of(world) == [None, None, None]


def test_the_sessions_of_a_user_end_when_the_user_is_removed(world: World, sessions: ConsoleSessions) -> None:
    of_bob, of_ann = sessions.begin(ACME, BOB, "somebody"), sessions.begin(ACME, ANN, "somebody")
    elsewhere = sessions.begin(OTHER, BOB, "somebody")
    world.connector.services.users.add(ACME, "bob", {})
    world.connector.services.users.remove(ACME, "bob")
    assert sessions.find(ACME, of_bob) is None
    assert sessions.find(ACME, of_ann) is not None
    assert sessions.find(OTHER, elsewhere) is not None
    assert [each.user_id for each in sessions.search(ACME, limit=5).rows] == ["ann"]


@pytest.mark.parametrize("seconds", [31 * 60, 9 * 3600])
def test_a_token_is_stored_no_longer_than_its_session(world: World, sessions: ConsoleSessions, seconds: int) -> None:
    sessions.begin(ACME, replace(BOB, token=OwnToken("of bob", 86_400)), "somebody")
    world.clock.advance(29 * 60)
    world.connector.services.upkeep.sweep(Sweep())
    assert None not in tokens_of(world)
    world.clock.advance(seconds)
    world.connector.services.upkeep.sweep(Sweep())
    assert tokens_of(world) in ([None], [])


def test_a_new_sign_in_ends_the_browsers_former_session(sessions: ConsoleSessions) -> None:
    first = sessions.begin(ACME, BOB, "somebody")
    second = sessions.begin(ACME, ANN, "somebody", replaced=first)
    third = sessions.begin(ACME, ANN, "somebody", replaced="no session")
    assert [sessions.find(ACME, each) is None for each in (first, second, third)] == [True, False, False]


def test_another_tenant_can_neither_see_nor_end_a_session(world: World, sessions: ConsoleSessions) -> None:
    secret = sessions.begin(ACME, BOB, "somebody")
    [session] = sessions.search(ACME, limit=5).rows
    stranger = world.connector.as_admin("other")
    assert stranger.get(SESSIONS).json()["sessions"] == []
    assert stranger.request("DELETE", f"{SESSIONS}/{session.session_id}").status_code == 204
    assert stranger.request("DELETE", SESSIONS).status_code == 204
    assert sessions.find(OTHER, secret) is None
    assert sessions.find(ACME, secret) is not None


def test_an_administrator_can_end_one_session_a_persons_sessions_or_all(
    world: World, sessions: ConsoleSessions
) -> None:
    admin = world.connector.as_admin()
    for person in (BOB, BOB, ANN, ANN):
        sessions.begin(ACME, person, "somebody")

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


def test_the_issuer_can_end_a_persons_sessions_or_one_session(sessions: ConsoleSessions) -> None:
    secrets = [sessions.begin(tenant, BOB, "somebody") for tenant in (ACME, OTHER)]
    assert sessions.end_of_issuer("https://another.example", subject="bob-there", issuer_session=None) == 0
    assert sessions.end_of_issuer(ISSUER, subject="bob-there", issuer_session="another") == 0
    assert sessions.end_of_issuer(ISSUER, subject=None, issuer_session="session-there") == 2
    assert [sessions.find(tenant, secret) for tenant, secret in zip((ACME, OTHER), secrets, strict=True)] == [None] * 2
    with pytest.raises(ValueError, match="must be named"):
        sessions.end_of_issuer(ISSUER, subject=None, issuer_session=None)


def test_only_one_of_many_concurrent_uses_of_a_link_signs_in(sessions: ConsoleSessions) -> None:
    link = sessions.make_link(ACME, "bob", ("internal_idvp_view",))
    with ThreadPoolExecutor(6) as pool:
        used = list(pool.map(lambda _: sessions.use_link(ACME, link), range(12)))
    assert len([each for each in used if each is not None]) == 1


def test_a_link_expires(world: World, sessions: ConsoleSessions) -> None:
    link = sessions.make_link(ACME, "bob", ())
    world.clock.advance(LINK_LIFETIME.total_seconds())
    assert sessions.use_link(ACME, link) is None


def test_expired_sessions_are_deleted(world: World, sessions: ConsoleSessions) -> None:
    sessions.begin(ACME, BOB, "somebody")
    sessions.make_link(ACME, "bob", ())
    world.clock.advance(timedelta(hours=7).total_seconds())
    world.connector.services.upkeep.sweep(Sweep())
    assert rows_of(world.connector) == 1
    world.clock.advance(timedelta(hours=2).total_seconds())
    world.connector.services.upkeep.sweep(Sweep())
    assert rows_of(world.connector) == 1, "a form may be kept with a session that has expired"
    world.clock.advance(KEPT_AFTER_END.total_seconds())
    world.connector.services.upkeep.sweep(Sweep())
    assert rows_of(world.connector) == 0


def trail(world: World, tenant: str = DEFAULT_TENANT, **query: str) -> list[str]:
    """Return the audit trail's entries about sessions, the latest first."""
    admin = world.connector.as_admin(tenant)
    answer = admin.get(AUDIT, params={"subject": "session", **query})
    assert answer.status_code == 200, answer.text
    return [each["sentence"] for each in answer.json()["entries"]]


def test_signing_in_and_out_is_in_the_tenants_audit_trail(world: World, sessions: ConsoleSessions) -> None:
    bob = f"bob [console@{ISSUER}]"
    sessions.make_link(ACME, "bob", (), "cli:root")
    sessions.begin(ACME, BOB, bob, is_by_link=True)
    sessions.begin(ACME, BOB, bob)
    first, second = sessions.search(ACME, limit=5).rows
    assert sessions.end(ACME, second.session_id, bob)
    assert not sessions.end(ACME, second.session_id, bob)
    assert sessions.end(ACME, first.session_id, "ann [console@x]")
    sessions.begin(ACME, ANN, f"ann [console@{ISSUER}]")
    assert sessions.end_of_issuer(ISSUER, subject="ann", issuer_session=None) == 1
    said = trail(world)
    assert said == [
        f"{ISSUER} signed ann out of the console.",
        f"ann signed in to the console at {ISSUER}.",
        "ann signed bob out of the console.",
        "bob signed out of the console.",
        f"bob signed in to the console at {ISSUER}.",
        "bob signed in to the console with a link that works once.",
        "cli:root created a link that signs bob in once.",
    ]
    assert trail(world, actor="bob", action="signed_in") == said[4:6]
    assert trail(world, "other") == []


def test_the_number_of_recorded_refusals_is_limited(world: World, sessions: ConsoleSessions) -> None:
    record = world.connector.services.sign_in_record
    for number in range(200):
        record.refuse(ACME, NOT_BEGUN)
        record.refuse(Tenant(f"tenant-{number}"), NOT_ACCEPTED, ISSUER)
    assert trail(world) == ["A sign-in to the console was refused: it began in another browser, or too long ago."]
    with world.connector.services.database.read() as connection:
        written = connection.execute(select(func.count()).where(history.c.subject == "session")).scalar_one()
    assert written == MOST_REFUSED
    world.clock.advance(60)
    for cause in SIGN_IN_CAUSES:
        record.refuse(ACME, cause, ISSUER)
    assert len(trail(world, outcome="refused")) == 1 + len(SIGN_IN_CAUSES)
    assert trail(world, "other") == []


def test_refused_sign_ins_are_deleted_after_retention_and_successful_ones_kept(
    world: World, sessions: ConsoleSessions
) -> None:
    sessions.begin(ACME, BOB, "bob")
    world.connector.services.sign_in_record.refuse(ACME, LINK_USED)
    assert len(trail(world)) == 2
    world.clock.advance(timedelta(days=31).total_seconds())
    world.connector.services.upkeep.sweep(Sweep())
    assert trail(world) == [f"bob signed in to the console at {ISSUER}."]


def test_only_one_of_several_processes_records_a_refusal(world: World, sessions: ConsoleSessions) -> None:
    with closing(create_services(world.connector.settings, world.clock)) as other:
        for services in (world.connector.services, other):
            services.sign_in_record.refuse(ACME, NOT_BEGUN)
    assert len(trail(world)) == 1


@pytest.mark.one_database
def test_a_refusal_that_cannot_be_recorded_does_not_fail_the_request(world: World, sessions: ConsoleSessions) -> None:
    broken = world.connector.services.sign_in_record
    with world.connector.services.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE history RENAME TO hidden")
    try:
        broken.refuse(ACME, LINK_USED)
    finally:
        with world.connector.services.database.write() as connection:
            connection.exec_driver_sql("ALTER TABLE hidden RENAME TO history")
    assert trail(world) == []


def test_the_second_use_of_a_link_is_recorded(world: World, sessions: ConsoleSessions) -> None:
    secret = sessions.make_link(ACME, "bob", ())
    url = f"{world.connector.url}/console/link/{secret}"
    statuses = [requests.get(url, timeout=60, allow_redirects=False).status_code for _ in range(3)]
    assert statuses == [302, 400, 400]
    [refused, used, _made] = world.connector.as_admin().get(AUDIT, params={"subject": "session"}).json()["entries"]
    assert refused["sentence"] == "A sign-in to the console was refused: its link had been used, or had expired."
    assert used["sentence"] == "bob signed in to the console with a link that works once."
    for entry in (refused, used):
        assert (entry["channel"], entry["address"]) == ("console", "127.0.0.1")
        assert entry["traceId"]


def test_a_session_has_its_browser_in_words_and_its_address(world: World, sessions: ConsoleSessions) -> None:
    agents = (
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (f"SECRET{'x' * 3000}", None),
    )
    for agent, browser in agents:
        world.clock.advance(1)
        link = sessions.make_link(ACME, "bob", ())
        with requests.Session() as http:
            http.trust_env = False
            http.headers.update({"User-Agent": agent, "X-Forwarded-For": "6.6.6.6, 203.0.113.7"})
            path = f"{world.connector.url}/console/link/{link}?next=/console/sessions"
            page = http.get(path, timeout=60).text
        [newest, *_] = world.connector.as_admin().get(SESSIONS).json()["sessions"]
        assert (newest["browser"], newest["address"]) == (browser, "203.0.113.7")
        assert "Firefox on Linux" in page
        assert "203.0.113.7" in page
        assert "SECRET" not in page
    assert "Not known" in page


def test_a_long_browser_or_address_is_cut_and_a_missing_one_is_none(sessions: ConsoleSessions) -> None:
    sessions.begin(ACME, BOB, "somebody", place=Place("b" * 500, "a" * 500))
    sessions.begin(ACME, ANN, "somebody")
    ann, bob = sorted(sessions.search(ACME, limit=5).rows, key=lambda each: each.user_id)
    assert (len(bob.browser or ""), len(bob.address or "")) == (MAX_PLACE, MAX_PLACE)
    assert (ann.browser, ann.address) == (None, None)
