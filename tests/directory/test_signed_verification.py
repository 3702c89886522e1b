"""A verification over HTTP of a user whose UserInfo is signed: its whole life, and answers that start nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from connector.directory.signed_answers import MAX_SIGNED
from connector.domain.tenancy import DEFAULT_TENANT
from connector.settings import Settings
from connector.settings.issuers import Issuer
from connector.settings.tenants import Tenant as TenantSettings
from tests.api.test_auth import AuthIssuer
from tests.bodies import event_body
from tests.directory.deployment import CLEAR, DIALECT
from tests.directory.faulty import FaultyDirectory, Reply
from tests.directory.test_signed_userinfo import EC, JWT, OKP, RSA, Site, encrypted, unsigned, with_public_key
from tests.harness import Caller, World, verified
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

SENT: dict[str, Any] = {"given_name": "Ann", "family_name": "Exämple", "birthdate": "1990-01-01"}


@pytest.fixture
def issuer() -> Iterator[AuthIssuer]:
    running = AuthIssuer()
    running.publish(EC, RSA, OKP, running.key)
    yield running
    running.close()


@pytest.fixture
def stranger() -> Iterator[AuthIssuer]:
    """The issuer of another tenant."""
    running = AuthIssuer()
    yield running
    running.close()


@pytest.fixture
def site(faulty: FaultyDirectory, issuer: AuthIssuer, tmp_path: Path) -> Site:
    return Site(faulty, issuer, tmp_path, audiences=("shop",))


@pytest.fixture
def settings(settings: Settings, site: Site, stranger: AuthIssuer, tmp_path: Path) -> Settings:
    dialect = tmp_path / "dialect.toml"
    dialect.write_text(DIALECT)
    directory = replace(site.settings, dialect=str(dialect), timeout=3)
    tenants = (
        TenantSettings(DEFAULT_TENANT, issuers=(Issuer(site.issuer.identifier, "connector"),), directory=directory),
        TenantSettings("other", issuers=(Issuer(stranger.identifier, "connector"),)),
    )
    return replace(settings, tenants=tenants)


@dataclass
class User:
    """The user `ann`, with a token of the issuer."""

    world: World
    site: Site
    caller: Caller

    def answers(self, answer: str | bytes, *, drips: bool = False) -> None:
        body = answer.encode() if isinstance(answer, str) else answer
        self.site.faulty.replies = [Reply(200, body, JWT, drips=drips)]

    def verify(self, *uris: str) -> None:
        """Verify some claims, with the result by the webhook."""
        run_id = self.world.start(self.caller, uris or tuple(MAPPING))
        assert self.world.post_event(event_body(run_id, "approved", CLEAR)).status_code == 200

    def refusal(self, status: int, code: str) -> str:
        """Return the sentence with which a start is refused; nothing is stored, and nothing of it is shown."""
        with capture_logs() as logs:
            answer = self.caller.verify(self.world.provider_id, "INITIATED")
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert [each.run_id for each in self.world.verifications() if each.applicant_id or each.run_id] == []
        assert self.world.onfido_state()["runs"] == []
        for value in (*SENT.values(), "mallory", self.caller.headers["Authorization"].split()[1]):
            assert value not in answer.text + str(logs)
        return str(answer.json()["description"])


@pytest.fixture
def user(world: World, site: Site, issuer: AuthIssuer) -> User:
    token = issuer.mint(aud="connector", sub="ann", scope="internal_login")
    return User(world, site, Caller(world.connector.url, {"Authorization": f"Bearer {token}"}))


def test_a_user_is_verified_with_signed_answers_from_start_to_result(user: User) -> None:
    site, ann = user.site, user.caller
    user.answers(site.signed(**SENT))
    user.verify()
    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME, BIRTH_DATE}
    user.answers(site.signed(RSA, "RS256", **SENT | {"family_name": "Exämple-Müller"}))
    answer = ann.verify(user.world.provider_id, "INITIATED", [GIVEN_NAME])
    assert (answer.status_code, answer.json()["code"]) == (400, "OIDV-10049"), (
        "the rest is verified, and still the same"
    )
    assert verified(ann.claims()) == {GIVEN_NAME, BIRTH_DATE}, "the change was found on the way"
    user.verify(LAST_NAME)
    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME, BIRTH_DATE}
    assert {each.headers["Authorization"] for each in site.faulty.requests} == {ann.headers["Authorization"]}


def of_another(user: User, issuer: AuthIssuer, **changes: Any) -> str:
    """Return an answer that another issuer has signed."""
    key = issuer.key
    return user.site.signed(key, "ES256", **SENT | changes)


Forge = Callable[[User, AuthIssuer], str]
FORGED: dict[str, tuple[Forge, str]] = {
    "alg none": (lambda user, _: unsigned(user.site), "must be signed"),
    "public key as a secret": (lambda user, _: with_public_key(user.site), "asymmetric algorithm"),
    "another issuer": (lambda user, _: user.site.signed(iss="https://idp.example.com"), "its iss must be an issuer"),
    "another tenant's issuer": (
        lambda user, issuer: of_another(user, issuer, iss=issuer.identifier),
        "its iss must be an issuer of this tenant",
    ),
    "another tenant's key": (
        lambda user, issuer: of_another(user, issuer, header={"kid": "theirs"}),
        "must be signed with a key that its issuer publishes",
    ),
    "another tenant's key, under a kid of ours": (of_another, "its signature must match"),
    "another audience": (lambda user, _: user.site.signed(aud="others"), "its aud must have"),
    "another user": (lambda user, _: user.site.signed(sub="mallory"), "its sub must be the id of the user"),
    "expired": (lambda user, _: user.site.signed(exp=int(time.time()) - 86_400), "its exp must be in the future"),
    "encrypted": (lambda user, _: encrypted(user.site), "encrypted answers (JWE) are not supported"),
    "encrypted and signed": (lambda user, _: encrypted(user.site, Site.signed), "encrypted answers (JWE)"),
    "huge": (lambda user, _: user.site.signed(picture="A" * MAX_SIGNED), f"at most {MAX_SIGNED} bytes"),
}


@pytest.mark.one_database
@pytest.mark.parametrize(("forge", "words"), FORGED.values(), ids=FORGED)
def test_a_forged_answer_starts_nothing(user: User, stranger: AuthIssuer, forge: Forge, words: str) -> None:
    user.answers(forge(user, stranger))
    assert words in user.refusal(502, "OIDV-10052")
    user.answers(user.site.signed(**SENT))
    user.verify()
    assert verified(user.caller.claims()) == {GIVEN_NAME, LAST_NAME, BIRTH_DATE}, "it was the answer alone"


@pytest.mark.one_database
def test_an_endless_body_and_a_very_slow_one_start_nothing(user: User) -> None:
    user.answers(b"e" * 5_000_000)
    user.refusal(502, "OIDV-10052")
    user.answers(user.site.signed(**SENT), drips=True)
    began = time.monotonic()
    user.refusal(503, "OIDV-10051")
    assert time.monotonic() - began < 30, "the timeout of the directory counts, not its patience"
    user.answers(user.site.signed(**SENT))
    user.world.wait_until(lambda: user.caller.verify(user.world.provider_id, "INITIATED").status_code == 200)


@pytest.mark.one_database
def test_a_forged_answer_changes_no_verified_claim(user: User, stranger: AuthIssuer) -> None:
    user.answers(user.site.signed(**SENT))
    user.verify()
    user.answers(of_another(user, stranger, family_name="Mallory"))
    assert user.caller.verify(user.world.provider_id, "INITIATED").status_code == 502
    assert verified(user.caller.claims()) == {GIVEN_NAME, LAST_NAME, BIRTH_DATE}
