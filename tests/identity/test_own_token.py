"""Users at node-oidc-provider's UserInfo, which answers only their own tokens: verified on the user's page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
import requests
from sqlalchemy import select, update
from structlog.testing import capture_logs

from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.services.upkeep import Sweep
from connector.settings import Issuer, Settings
from connector.settings.directory import DirectorySettings
from connector.settings.tenants import Tenant as TenantSettings
from connector.store.models import console_sessions
from tests.directory.deployment import DIALECT
from tests.harness import World
from tests.identity.person import Person
from tests.identity.servers import OidcProvider
from tests.identity.test_console_sign_in import logout_token, post_logout
from tests.oidc.relying_party import NAMES, Pushed, RelyingParty, UserBrowser, register, returned, run_of
from tests.values import BIRTH_DATE, MAPPING

ANN, HER_TOKEN_LASTS = Tenant(DEFAULT_TENANT), 600
DONE, START = "You are verified", "Agree and start"


@pytest.fixture
def settings(settings: Settings, oidc_provider: OidcProvider, tmp_path: Path) -> Settings:
    """A tenant whose users are at the provider, where they also sign in."""
    issuer = Issuer(
        oidc_provider.issuer,
        "connector",
        console_client_id="console",
        console_client_secret="env:CONSOLE_SECRET",
        console_scopes=("openid", "profile"),
    )
    dialect = tmp_path / "dialect.toml"
    dialect.write_text(DIALECT)
    directory = DirectorySettings(kind="userinfo", url=f"{oidc_provider.issuer}/me", dialect=str(dialect), timeout=60)
    return replace(settings, issuers=(issuer,), tenants=(TenantSettings(DEFAULT_TENANT, directory=directory),))


@pytest.fixture
def person(world: World, oidc_provider: OidcProvider) -> Iterator[Person]:
    person = Person(world.connector, oidc_provider)
    yield person
    person.browser.close()


@pytest.fixture
def page(world: World) -> str:
    return f"/verify/{world.provider_id}"


def start(person: Person, page: str) -> requests.Response:
    return person.press(f"{page}/start", person.get(page))


def sign_in_again(person: Person, answer: requests.Response) -> requests.Response:
    """Sign in again while the person still has a session at the provider, and return to the page."""
    [url] = re.findall(r'http-equiv="refresh" content="0;url=([^"]+)"', answer.text) or [answer.headers["Location"]]
    assert url.startswith("/console/sign-in?")
    return person.get(person.get(person.consent(person.begin(url.replace("&amp;", "&")))).headers["Location"])


def finish(world: World) -> None:
    """Approve the open run, and wait for the webhook."""
    world.outcome(str(world.verifications("ann")[0].run_id))
    world.wait_until(lambda: world.verifications("ann")[0].closed_at is not None)


def token_of(person: Person) -> str:
    [session] = person.sessions.search(ANN, limit=5).rows
    return person.sessions.own_token(session) or ""


def stored(world: World) -> list[str | None]:
    with world.connector.services.database.read() as connection:
        return list(connection.execute(select(console_sessions.c.access_token)).scalars())


def test_a_user_of_userinfo_is_verified_on_the_page(world: World, person: Person, page: str) -> None:
    answers = [person.sign_in(page), person.get(page)]
    assert answers[-1].text.count("Not checked") >= len(MAPPING)
    answers.append(start(person, page))
    assert "onfido-mount" in answers[-1].text
    finish(world)
    answers += [person.get(f"{page}/return"), person.get(page)]
    assert DONE in answers[-1].text
    token = token_of(person)
    assert [each is not None and each.startswith("v1.") and token not in each for each in stored(world)] == [True]
    for answer in answers:
        assert token not in answer.text + str(answer.headers)


def test_a_user_who_needs_another_token_signs_in_again_and_continues(world: World, person: Person, page: str) -> None:
    person.sign_in(page)
    before = person.get(page)
    world.clock.advance(HER_TOKEN_LASTS + 1)
    answer = person.press(f"{page}/start", before)
    assert (answer.status_code, world.verifications()) == (401, [])
    assert START in sign_in_again(person, answer).text
    assert "onfido-mount" in start(person, page).text
    world.clock.advance(HER_TOKEN_LASTS + 1)
    assert "Continue your verification" in person.get(page).text, "an open verification needs no values"
    finish(world)
    assert person.get(f"{page}/return").status_code == 303
    assert DONE in sign_in_again(person, person.get(page)).text


def test_a_revoked_token_is_replaced_once(world: World, person: Person, page: str, oidc_provider: OidcProvider) -> None:
    world.clock.stop()
    person.sign_in(page)
    assert START in person.get(page).text
    oidc_provider.revoke(token_of(person), "console")
    with capture_logs() as logs:
        refused = person.get(page)
    assert (refused.status_code, "Your profile cannot be read" in refused.text) == (400, True), "it is new"
    assert "verify.profile_unreadable" in [each["event"] for each in logs]
    assert "again=1" in refused.text
    world.clock.advance(11)
    assert START in sign_in_again(person, person.get(page)).text


def test_a_changed_value_is_verified_again(
    world: World, person: Person, page: str, oidc_provider: OidcProvider
) -> None:
    person.sign_in(page)
    start(person, page)
    finish(world)
    person.get(f"{page}/return")
    assert DONE in person.get(page).text
    with oidc_provider.having(birthdate="1991-02-02"):
        changed = person.get(page)
        assert "You have changed this since it was checked." in changed.text
        claims = world.connector.as_user("ann").claims()
        assert [uri for uri, each in claims.items() if not each["isVerified"]] == [BIRTH_DATE]
        person.press(f"{page}/start", changed)
        finish(world)
        person.get(f"{page}/return")
        assert DONE in person.get(page).text


@pytest.mark.one_database
def test_the_token_is_used_only_for_requests_of_its_session(
    world: World, person: Person, page: str, oidc_provider: OidcProvider
) -> None:
    person.sign_in(page)
    assert START in person.get(page).text
    admin = world.connector.as_admin()
    answer = admin.verify(world.provider_id, "INITIATED", user_id="ann")
    assert (answer.status_code, answer.json()["code"]) == (400, "OIDV-10050")
    own = world.connector.as_user("ann").verify(world.provider_id, "INITIATED")
    assert (own.status_code, own.json()["code"]) == (400, "OIDV-10050"), "the API uses the caller's token"
    bob = Person(world.connector, oidc_provider)
    bob.get(bob.consent(bob.begin(page), "bob"))
    assert START in bob.get(page).text
    start(bob, page)
    assert [each.user_id for each in world.verifications()] == ["bob"]
    bob.browser.close()


@pytest.mark.one_database
def test_a_console_session_keeps_no_token_until_the_users_page_needs_it(
    world: World, person: Person, page: str
) -> None:
    person.sign_in("/console/sessions")
    assert stored(world) == [None]
    assert START in sign_in_again(person, person.get(page)).text
    assert stored(world) != [None]
    assert person.get("/console/sessions").status_code == 200


@pytest.mark.one_database
@pytest.mark.parametrize("end", ["sign-out", "back-channel", "removal", "expiry", "idleness"])
def test_the_token_is_deleted_after_use(world: World, person: Person, page: str, end: str) -> None:
    person.sign_in(page)
    assert START in person.get(page).text
    assert None not in stored(world)
    if end == "sign-out":
        person.press("/console/sign-out", person.get("/console/sessions"))
    elif end == "back-channel":
        assert post_logout(person, logout_token(person)) == 200
    elif end == "removal":
        world.connector.services.users.remove(ANN, "ann")
        assert stored(world) == [], "the session has ended"
        world.clock.advance(11)
        assert START in sign_in_again(person, person.get(page)).text, "the identity provider still has the user"
        return
    else:
        world.clock.advance(HER_TOKEN_LASTS + 1 if end == "expiry" else 31 * 60)
        world.connector.services.upkeep.sweep(Sweep())
    assert stored(world) in ([], [None])


@pytest.mark.one_database
def test_an_outage_of_userinfo_is_reported_and_loses_no_data(
    world: World, person: Person, page: str, oidc_provider: OidcProvider
) -> None:
    person.sign_in(page)
    before = person.get(page)
    oidc_provider.stop()
    try:
        answer = person.get(page)
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        assert "Nothing was lost. Try again in a minute." in answer.text
        assert person.press(f"{page}/start", before).headers["Location"] == page
    finally:
        oidc_provider.start()
    assert re.search(r"<h1[^>]*>Verify your identity", person.get(page).text) is None


class TestOpenIdProvider:
    """The connector as an OpenID provider: the user signs in there, and the values are read with the user's token."""

    ASKED: ClassVar = {"id_token": {"verified_claims": {"claims": dict.fromkeys(NAMES)}}}

    @pytest.fixture
    def party(self, world: World) -> RelyingParty:
        return register(world, profile="ida")

    @pytest.fixture
    def browser(self, person: Person, party: RelyingParty) -> UserBrowser:
        browser = UserBrowser(party)
        browser.session = person.browser
        return browser

    def test_a_user_is_verified_with_values_that_only_the_user_can_read(
        self, world: World, person: Person, party: RelyingParty, browser: UserBrowser
    ) -> None:
        pushed = self.begin(person, party, browser)
        browser.start()
        world.outcome(run_of(world))
        answer = browser.follow()
        token = party.id_token(pushed, returned(answer, pushed, party)["code"])
        assert (token["sub"], token["verified_claims"]["claims"]) == ("ann", NAMES)

    def test_a_token_that_expires_meanwhile_is_replaced(
        self, world: World, person: Person, party: RelyingParty, browser: UserBrowser
    ) -> None:
        pushed = self.begin(person, party, browser)
        self.let_the_token_expire(world)
        sign_in_again(person, browser.press("start"))
        browser.start()
        world.outcome(run_of(world))
        self.let_the_token_expire(world)
        back = sign_in_again(person, browser.look())
        assert "code" in returned(back, pushed, party)

    @pytest.mark.one_database
    def test_the_token_of_another_user_is_not_used(
        self, world: World, person: Person, party: RelyingParty, browser: UserBrowser
    ) -> None:
        self.begin(person, party, browser)
        browser.start()
        world.outcome(run_of(world))
        person.press("/console/sign-out", person.get("/console/sessions"))
        flow = person.browser.cookies["openid-flow"]
        person.browser.cookies.clear()  # the provider has ended its session as well
        person.browser.cookies.set("openid-flow", flow, domain="127.0.0.1", path="/")
        person.get(person.consent(person.begin("/verify"), "bob"))
        answer = browser.look()
        assert (answer.status_code, "Your profile cannot be read" in answer.text) == (400, True)
        assert answer.headers.get("Location") is None

    def begin(self, person: Person, party: RelyingParty, browser: UserBrowser) -> Pushed:
        pushed = party.push(self.ASKED)
        browser.authorize(pushed)
        person.get(person.consent(person.begin(browser.page)))
        assert "Agree and continue" in browser.look().text
        return pushed

    def let_the_token_expire(self, world: World) -> None:
        """Expire only the user's token: by moving the clock, the request would expire as well."""
        with world.connector.services.database.write() as connection:
            connection.execute(update(console_sessions).values(token_expires_at=world.clock()))
        world.clock.advance(11)
