"""UserInfo answers that are signed JWTs: verified with the issuer's keys, or refused."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from structlog.testing import capture_logs

from connector.access.discovery import FETCH_TIMEOUT
from connector.bootstrap import create_services
from connector.bootstrap.signed_userinfo import Verifier
from connector.directory.directories import Directories
from connector.directory.signed_answers import MAX_SIGNED
from connector.domain.tenancy import Tenant
from connector.errors import Code, DirectoryError
from connector.settings import Settings
from connector.settings.directory import DirectorySettings
from connector.settings.issuers import Issuer
from connector.settings.tenants import Tenant as TenantSettings
from tests.api.test_auth import AuthIssuer, sign
from tests.directory.faulty import FaultyDirectory, Reply

DAY = 86_400
EC = ECKey.generate_key("P-256", {"kid": "ec"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
OKP = OKPKey.generate_key("Ed25519", {"kid": "okp"})
STRANGER = ECKey.generate_key("P-256", {"kid": "ec"})
JWT = {"Content-Type": "application/jwt"}
READ = {"given_name": "Ann", "birthdate": "1990-01-01"}


class Clock:
    """The clock for fetching keys, which the tests advance."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Site:
    """A tenant `acme` with a UserInfo directory, and its issuer."""

    faulty: FaultyDirectory
    issuer: AuthIssuer
    data_dir: Path
    audiences: tuple[str, ...] = ()
    timeout: float = 60
    issuer_settings: dict[str, Any] = field(default_factory=lambda: {"tenant": "acme"})
    clock: Clock = field(default_factory=Clock)
    directories: Directories = field(init=False)

    def __post_init__(self) -> None:
        issuers = (Issuer(self.issuer.identifier, "connector", **self.issuer_settings),)
        verifier = Verifier(Settings(data_dir=self.data_dir, issuers=issuers), self.clock)
        self.directories = Directories(None, verifier=verifier)  # type: ignore[arg-type]  # no tenant is local

    @property
    def settings(self) -> DirectorySettings:
        return DirectorySettings(
            kind="userinfo", url=self.faulty.url, timeout=self.timeout, answer_audiences=self.audiences
        )

    def read(self, answer: str | bytes, **headers: str) -> dict[str, str]:
        """Return the values in a signed answer."""
        body = answer.encode() if isinstance(answer, str) else answer
        self.faulty.replies = [Reply(200, body, JWT | headers)]
        return dict(self.directories.values(Tenant("acme", self.settings.choice()), "ann", "token of ann") or {})

    def refusal(self, answer: str | bytes) -> tuple[str, str]:
        """Return the check that refuses an answer, and the sentence for the caller; neither has a value."""
        with capture_logs() as logs, pytest.raises(DirectoryError) as caught:
            self.read(answer)
        assert caught.value.code is Code.DIRECTORY_REFUSED
        [line] = [each for each in logs if each["event"] == "directory.answer_refused"]
        assert line["log_level"] == "warning"
        for text in (str(line), str(caught.value)):
            assert not any(value in text for value in ("Ann", "1990", "bob", "evil.example", "token of ann"))
        return line["check"], caught.value.description

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of an answer; one that is `...` is left out."""
        claims = {"iss": self.issuer.identifier, "aud": "shop", "sub": "ann", **READ} | changes
        return {name: value for name, value in claims.items() if value is not ...}

    def signed(self, key: Key = EC, alg: str = "ES256", header: dict[str, Any] | None = None, **changes: Any) -> str:
        merged = {"alg": alg, "kid": key.kid} | (header or {})
        return sign(
            {name: each for name, each in merged.items() if each is not ...},
            json.dumps(self.claims(**changes)).encode(),
            key,
        )


@pytest.fixture
def issuer() -> Iterator[AuthIssuer]:
    running = AuthIssuer()
    running.publish(EC, RSA, OKP)
    yield running
    running.close()


@pytest.fixture
def make(faulty: FaultyDirectory, issuer: AuthIssuer, tmp_path: Path) -> Callable[..., Site]:
    return lambda **more: Site(faulty, issuer, tmp_path, **more)


@pytest.fixture
def site(make: Callable[..., Site]) -> Site:
    return make()


@pytest.mark.parametrize(
    ("key", "alg"), [(EC, "ES256"), (RSA, "RS256"), (RSA, "PS384"), (OKP, "EdDSA")], ids=lambda each: str(each)[:5]
)
def test_a_signed_answer_is_verified_with_the_issuers_keys(site: Site, key: Key, alg: str) -> None:
    assert site.read(site.signed(key, alg)) == READ
    [request] = site.faulty.requests
    assert request.headers["Authorization"] == "Bearer token of ann"
    assert request.headers["Accept"] == "application/json, application/jwt;q=0.9"
    assert site.read(site.signed(key, alg)) == READ
    assert site.issuer.seen["/jwks"] == 1, "the keys are kept"


@pytest.mark.parametrize("media_type", ["application/jwt; charset=utf-8", "Application/JWT", " application/jwt ;x=y"])
def test_the_media_type_of_the_answer_may_be_written_differently(site: Site, media_type: str) -> None:
    assert site.read(site.signed() + "\n", **{"Content-Type": media_type}) == READ


def test_optional_members_may_be_missing(site: Site) -> None:
    assert site.read(site.signed(aud=..., header={"typ": "JWT"})) == READ
    now = int(time.time())
    assert site.read(site.signed(aud=["other", "shop"], exp=now + DAY, iat=now, nbf=now)) == READ


def test_a_json_answer_is_read_and_causes_no_fetch_of_keys(site: Site) -> None:
    site.faulty.replies = [Reply(200, {"sub": "ann", **READ}, {"Content-Type": "application/json"})]
    assert site.directories.values(Tenant("acme", site.settings.choice()), "ann", "t") == READ
    assert not site.issuer.seen


def unsigned(site: Site, alg: str = "none") -> str:
    parts = ({"alg": alg}, site.claims())
    return ".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts) + "."


def with_public_key(site: Site) -> str:
    """Return an answer whose secret is the issuer's public key."""
    content = unsigned(site, "HS256").rstrip(".")
    digest = hmac.digest(RSA.as_pem(private=False), content.encode(), "sha256")
    return f"{content}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def encrypted(site: Site, content: Callable[[Site], str] = lambda site: json.dumps(site.claims())) -> str:
    return jwe.encrypt_compact({"alg": "RSA-OAEP", "enc": "A128GCM"}, content(site), RSA)


NO_KEYS_NEEDED = {
    "unsigned": [unsigned, lambda site: unsigned(site, "None"), lambda site: unsigned(site, "NONE")],
    "encrypted": [encrypted, lambda site: encrypted(site, Site.signed), lambda site: "a.b.c.d.e"],
    "alg": [with_public_key, lambda site: site.signed(header={"kid": ["ec"]})],
    "iss": [
        lambda site: site.signed(iss="https://evil.example.com"),
        lambda site: site.signed(iss=site.issuer.identifier + "/"),
        lambda site: site.signed(iss=[site.issuer.identifier]),
        lambda site: site.signed(iss=...),
    ],
    "form": [
        lambda site: "",
        lambda site: "garbage",
        lambda site: "ey.ey.sig",
        lambda site: json.dumps(site.claims()),
        lambda site: b"\xff\xfe\x00.\x00.\x00",
        lambda site: sign({"alg": "ES256", "kid": "ec"}, b"[1]", EC),
        lambda site: sign({"alg": "ES256", "kid": "ec"}, b'{"sub": ' + b"[" * 50_000, EC),
        lambda site: sign({"alg": "ES256", "kid": "ec"}, b'{"sub": "Ann"', EC),
        lambda site: site.signed(header={"crit": ["exp"], "exp": 1}),
        lambda site: site.signed(header={"x5c": ["A" * 5000]}),
    ],
    "size": [lambda site: site.signed(picture="A" * MAX_SIGNED)],
}
KEYS_NEEDED = {
    "kid": [lambda site: site.signed(header={"kid": "unknown"}), lambda site: site.signed(header={"kid": ...})],
    "signature": [
        lambda site: site.signed(STRANGER),
        lambda site: site.signed()[:-20] + "A" * 20,
        lambda site: swapped(site.signed(sub="bob"), site.signed()),
    ],
    "exp": [lambda site: site.signed(exp=int(time.time()) - DAY), lambda site: site.signed(exp="never")],
    "iat": [lambda site: site.signed(iat=int(time.time()) + DAY)],
    "nbf": [lambda site: site.signed(nbf=int(time.time()) + DAY)],
    "sub": [
        lambda site: site.signed(sub="bob"),
        lambda site: site.signed(sub="Ann"),
        lambda site: site.signed(sub=["ann"]),
        lambda site: site.signed(sub=...),
    ],
}
WORDS = {
    "unsigned": "must be signed: register the client with userinfo_signed_response_alg unset",
    "encrypted": "encrypted answers (JWE) are not supported: register the client with userinfo_encrypted_response_alg",
    "alg": "must be signed with an asymmetric algorithm",
    "iss": "its iss must be an issuer of this tenant",
    "form": "must be a signed JWT: register the client with userinfo_signed_response_alg unset",
    "size": f"must have at most {MAX_SIGNED} bytes",
    "kid": "must be signed with a key that its issuer publishes",
    "signature": "its signature must match a key that its issuer publishes",
    "exp": "its exp must be in the future",
    "iat": "its iat must not be in the future",
    "nbf": "its nbf must not be in the future",
    "sub": "its sub must be the id of the user",
}


def swapped(claims: str, signature: str) -> str:
    """Return a JWT with the signature of another."""
    return ".".join([*claims.split(".")[:2], signature.split(".")[2]])


def cases(answers: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(check, each, id=f"{check}-{at}") for check, some in answers.items() for at, each in enumerate(some)
    ]


@pytest.mark.parametrize(("check", "answer"), cases(NO_KEYS_NEEDED | KEYS_NEEDED))
def test_an_unusable_answer_is_refused_without_its_values(
    site: Site, check: str, answer: Callable[[Site], str]
) -> None:
    failed, sentence = site.refusal(answer(site))
    assert (failed, WORDS[check] in sentence) == (check, True), sentence
    assert bool(site.issuer.seen) == (check in KEYS_NEEDED), "answers that need no key cause no fetch"


@pytest.mark.parametrize("aud", ["other", ["other", "connector"], [["shop"]], {"shop": 1}, "", ...], ids=str)
def test_an_answer_for_another_application_is_refused_if_applications_are_configured(
    make: Callable[..., Site], aud: Any
) -> None:
    site = make(audiences=("shop", "app"))
    check, sentence = site.refusal(site.signed(aud=aud))
    assert (check, "must have one of the answer_audiences" in sentence) == ("aud", True)
    assert site.read(site.signed(aud=["other", "app"])) == READ
    assert make().read(site.signed(aud=aud)) == READ, "without the setting it is not compared"


def test_only_the_tenants_issuers_may_answer_for_its_users(make: Callable[..., Site]) -> None:
    other = make(issuer_settings={"tenant": "other"})
    assert other.refusal(other.signed())[0] == "iss"
    several = make(issuer_settings={"tenant_claim": "org"})
    assert several.read(several.signed()) == READ


def test_the_algorithms_of_the_issuer_apply(make: Callable[..., Site]) -> None:
    site = make(issuer_settings={"tenant": "acme", "algorithms": ("RS256",)})
    assert site.refusal(site.signed())[0] == "alg"
    assert site.read(site.signed(RSA, "RS256")) == READ


def test_an_issuer_of_opaque_tokens_may_sign_its_answers(make: Callable[..., Site]) -> None:
    asked = {"token_format": "opaque", "client_id": "connector", "client_secret": "env:NOT_READ_HERE"}
    site = make(issuer_settings={"tenant": "acme", **asked})
    assert site.read(site.signed()) == READ


def test_a_new_key_causes_one_fetch_and_forged_keys_cause_no_more(site: Site) -> None:
    assert site.read(site.signed()) == READ
    newer = ECKey.generate_key("P-256", {"kid": "newer"})
    site.issuer.publish(newer)
    site.clock.now += 10
    assert site.read(site.signed(newer)) == READ
    assert site.issuer.seen["/jwks"] == 2
    for kid in ("forged", "forged too"):
        assert site.refusal(site.signed(STRANGER, header={"kid": kid}))[0] == "kid"
    assert site.issuer.seen["/jwks"] == 2, "the next fetch for an unknown key is later"
    assert site.refusal(site.signed())[0] == "kid", "the former key is published no longer"


def test_a_new_key_under_the_same_kid_is_fetched(site: Site) -> None:
    assert site.read(site.signed()) == READ
    site.issuer.publish(STRANGER)
    site.clock.now += 60
    assert site.read(site.signed(STRANGER)) == READ
    assert site.refusal(site.signed(EC))[0] == "signature"


def test_missing_keys_of_the_issuer_are_a_temporary_error(site: Site) -> None:
    site.issuer.go_down()
    with pytest.raises(DirectoryError, match="the keys of its issuer, to check the signed answer, could not") as caught:
        site.read(site.signed())
    assert caught.value.code is Code.DIRECTORY_UNREACHABLE
    assert caught.value.retry_after == 5
    site.issuer.come_back()
    site.clock.now += 10
    assert site.read(site.signed()) == READ


def test_the_keys_are_fetched_within_the_time_limit_of_the_directory(site: Site) -> None:
    assert site.read(site.signed()) == READ
    site.issuer.answering.clear()
    site.clock.now += 10
    site.timeout = 0.5
    began = time.monotonic()
    with pytest.raises(DirectoryError) as caught:
        site.read(site.signed(header={"kid": "unknown"}))
    assert caught.value.code is Code.DIRECTORY_UNREACHABLE, "it may be good: its key did not arrive in time"
    assert time.monotonic() - began < FETCH_TIMEOUT


def test_use_cases_accept_signed_answers(faulty: FaultyDirectory, issuer: AuthIssuer, tmp_path: Path) -> None:
    site = Site(faulty, issuer, tmp_path)
    own = (Issuer(issuer.identifier, "connector"),)
    acme = TenantSettings("acme", issuers=own, directory=site.settings)
    other = TenantSettings("other", directory=site.settings)
    settings = Settings(data_dir=tmp_path, tenants=(acme, other))
    services = create_services(settings)
    try:
        faulty.replies = [Reply(200, site.signed().encode(), JWT)]
        read = services.directories.values
        assert read(services.tenants.named("acme"), "ann", "t") == READ
        with pytest.raises(DirectoryError, match="its iss must be an issuer of this tenant"):
            read(services.tenants.named("other"), "ann", "t")
    finally:
        services.close()
