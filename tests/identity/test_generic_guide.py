"""The guide for any identity provider, followed with real servers: from its settings file to a verified user."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from connector.domain.providers.readiness import Check
from connector.settings import Settings, load
from connector.settings.tenancy import read_tenants
from connector.settings_check import check_settings
from connector.shipped import dialects
from tests.bodies import config_properties, provider_body
from tests.harness import Caller, World, verified
from tests.identity.product_files import FOLDER, edited, settings_file
from tests.identity.scim_server import CLIENT_SECRET, IDENTITY, ScimServer
from tests.identity.servers import NanoIdp, OidcProvider
from tests.waiting import wait_until

pytestmark = pytest.mark.one_database

GIVEN_NAME, FAMILY_NAME, BIRTHDATE = CLAIMS = ("given_name", "family_name", "birthdate")
OPAQUE = ("token_format", "client_id", "client_secret")


@dataclass(frozen=True)
class SignedIn:
    """An authorization server's user; `switches` are the settings to uncomment for this server, by the guide."""

    issuer: str
    token: str
    switches: tuple[str, ...] = ()


@pytest.fixture(params=["nanoidp", "oidc-provider jwt", "oidc-provider opaque"])
def signed_in(request: pytest.FixtureRequest) -> SignedIn:
    if request.param == "nanoidp":
        nanoidp: NanoIdp = request.getfixturevalue("nanoidp")
        return SignedIn(nanoidp.issuer, nanoidp.sign_in("openid internal_login")["access_token"], ("token_types",))
    provider: OidcProvider = request.getfixturevalue("oidc_provider")
    kind = request.param.split()[1]
    token = provider.sign_in(kind, "ann", "internal_login")["access_token"]
    return SignedIn(provider.issuer, token, OPAQUE if kind == "opaque" else ())


@pytest.fixture(autouse=True)
def named_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets that the settings file names."""
    monkeypatch.setenv("DIRECTORY_SECRET", CLIENT_SECRET)
    monkeypatch.setenv("INTROSPECTION_SECRET", "connector-secret")


@pytest.fixture(scope="module")
def scim() -> Iterator[ScimServer]:
    with ScimServer() as running:
        yield running


def patiently(settings: Settings, file: Path) -> Settings:
    """Return a connector's settings with a file's tenants, and with generous time limits for a slow machine."""
    [tenant] = load(file, {}).tenants
    patient = replace(tenant, directory=replace(tenant.directory, timeout=60))
    return replace(settings, tenants=(patient,), interactive_budget=60, run_settle_time=60)


def check(world: World, user_id: str) -> dict[str, Check]:
    """Return the checks of issuers and directories by name, as `connector check-settings --user` makes them."""
    settings = world.connector.settings
    tenant = read_tenants(settings).named(world.tenant)
    parts = {tenant.directory.url or "directory", *(issuer.issuer for issuer in settings.all_issuers)}
    return {each.check.name: each.check for each in check_settings(settings, tenant, user_id) if each.part in parts}


def register(world: World) -> None:
    """Map the claims of OpenID Connect in the provider, as `--claims oidc` does."""
    claims = [{"localClaim": uri, "idvpClaim": name} for uri, name in dialects()["oidc"].items()]
    properties = config_properties(world.simulator, webhook_token=world.webhook_token)
    body = provider_body(world.simulator, claims=claims, configProperties=properties)
    answer = world.connector.as_admin().put(f"/api/server/v1/idv-providers/{world.provider_id}", body)
    assert answer.status_code == 200, answer.text


def verify(world: World, token: str) -> None:
    """Verify the user of the token."""
    ann = Caller(world.connector.url, {"Authorization": f"Bearer {token}"})
    first = ann.get("/api/users/v1/me/idv/claims")
    assert (first.status_code, first.json()) == (200, []), "as in the guide's first call"
    run = world.start(ann, CLAIMS)
    world.outcome(run)
    answer = ann.verify(world.provider_id, "COMPLETED", CLAIMS)
    assert answer.status_code == 200, answer.text
    assert verified(ann.claims()) == set(CLAIMS)


class TestScim:
    """The settings file with only its addresses changed."""

    @pytest.fixture
    def ann(self, scim: ScimServer) -> str:
        """A user of the SCIM server; returns the id there."""
        scim.empty()
        name = {"givenName": "Ann", "familyName": "Example"}
        return scim.add_user("ann", name=name, **{IDENTITY: {"birthdate": "1990-01-01"}})

    @pytest.fixture
    def settings(self, settings: Settings, signed_in: SignedIn, scim: ScimServer, tmp_path: Path) -> Settings:
        addresses = {
            "https://as.example.com": signed_in.issuer,
            "https://as.example.com/token": scim.token_url,
            "https://users.example.com/scim/v2": scim.url,
        }
        file = tmp_path / "settings.toml"
        switches = ("look_up_by", "writes_status", *signed_in.switches)
        file.write_text(edited(settings_file("generic"), addresses, *switches))
        return patiently(settings, file)

    def test_a_user_of_the_guides_scim_server_is_verified_and_marked_as_verified(
        self, world: World, signed_in: SignedIn, scim: ScimServer, ann: str
    ) -> None:
        checks = check(world, "ann")
        assert [each.detail for each in checks.values() if not each.passed] == []
        assert {"token", "user", "discovery"} <= set(checks)
        register(world)

        verify(world, signed_in.token)

        wait_until(lambda: scim.user(ann).get(IDENTITY, {}).get("verified") is True)
        status = scim.user(ann)[IDENTITY]
        assert set(status["verifiedClaims"]) == set(CLAIMS)
        assert status["verificationProvider"] == "Onfido"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", status["verifiedAt"])
        assert status["birthdate"] == "1990-01-01", "no value is written"

    @pytest.mark.parametrize("signed_in", ["nanoidp"], indirect=True)
    def test_a_user_missing_in_the_guides_directory_is_reported_by_the_check(self, world: World, ann: str) -> None:
        assert ann
        missing = check(world, "nobody")["user"]
        assert (missing.passed, missing.detail) == (False, "There is no user nobody.")


class TestUserInfo:
    """The guide's table for UserInfo in place of the file's directory, with a custom dialect."""

    @pytest.fixture
    def settings(self, settings: Settings, nanoidp: NanoIdp, tmp_path: Path) -> Settings:
        [shown] = re.findall(r"```toml\n.*?(\[tenants\.directory\]\n.*?)```", guide(), re.DOTALL)
        trusted = settings_file("generic").partition("[tenants.directory]")[0]
        dialect = tmp_path / "dialect.toml"
        members = "".join(f'{name} = "attributes.{name}"\n' for name in CLAIMS)
        dialect.write_text(f"[userinfo.claims]\n{members}")
        addresses = {
            "https://as.example.com": nanoidp.issuer,
            "https://as.example.com/userinfo": f"{nanoidp.issuer}/userinfo",
        }
        file = tmp_path / "settings.toml"
        file.write_text(edited(trusted + shown + f'dialect = "{dialect}"\n', addresses, "token_types"))
        return patiently(settings, file)

    def test_a_user_of_the_guides_userinfo_is_verified_with_the_users_own_token(
        self, world: World, nanoidp: NanoIdp
    ) -> None:
        register(world)
        checks = check(world, "ann")
        assert checks["user"].passed is None, "as the guides say"
        assert all(each.passed for name, each in checks.items() if name != "user")
        verify(world, nanoidp.sign_in("openid internal_login")["access_token"])


def guide() -> str:
    return (FOLDER / "generic.md").read_text(encoding="utf-8")
