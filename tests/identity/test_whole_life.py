"""A whole verification over HTTP, for each authorization server with each directory."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.tenancy import DEFAULT_TENANT
from connector.domain.tenancy import Tenant as DomainTenant
from connector.settings import Settings, load
from connector.settings.directory import DirectorySettings
from connector.settings.tenants import Tenant
from tests.directory.deployment import KEYCLOAK
from tests.directory.faulty import FaultyDirectory, Reply
from tests.harness import Caller, World, verified
from tests.identity.canaille_server import Canaille
from tests.identity.gates import ASKED
from tests.identity.glewlwyd import Glewlwyd
from tests.identity.scim_server import CLIENT_ID, IDENTITY, ScimServer
from tests.identity.scimmy_server import Scimmy
from tests.identity.servers import AUDIENCE, NanoIdp, OidcProvider
from tests.values import GIVEN_NAME, LAST_NAME, MAPPING, VALUES

pytestmark = pytest.mark.one_database

LOGIN = "internal_login"
DIALECT = f"""
[scim.claims]
"http://wso2.org/claims/givenname" = "name.givenName"
"http://wso2.org/claims/lastname" = "name.familyName"
"http://wso2.org/claims/dob" = "{IDENTITY}:birthdate"

[scim.status]
verified = "{IDENTITY}:verified"
{KEYCLOAK}
[userinfo.claims]
"http://wso2.org/claims/givenname" = ["given_name", "attributes.given_name"]
"http://wso2.org/claims/lastname" = ["family_name", "attributes.family_name", "given_name"]
"http://wso2.org/claims/dob" = ["birthdate", "attributes.birthdate"]
"""


@dataclass(frozen=True)
class SignedIn:
    """A signed-in user: the access token, the id in it, the issuer's settings, and its UserInfo."""

    issuer: str
    token: str
    settings: dict[str, Any] = field(default_factory=dict)
    user_id: str = "ann"
    userinfo: str = ""


def of_oidc_provider(kind: str) -> Callable[[pytest.FixtureRequest], SignedIn]:
    def sign_in(request: pytest.FixtureRequest) -> SignedIn:
        provider: OidcProvider = request.getfixturevalue("oidc_provider")
        token = provider.sign_in(kind, "ann", LOGIN)["access_token"]
        return SignedIn(provider.issuer, token, ASKED if kind == "opaque" else {})

    return sign_in


def of_client(client: str) -> Callable[[pytest.FixtureRequest], SignedIn]:
    """Sign in with a client of node-oidc-provider whose tokens are for UserInfo, and have no audience."""

    def sign_in(request: pytest.FixtureRequest) -> SignedIn:
        provider: OidcProvider = request.getfixturevalue("oidc_provider")
        token = provider.sign_in("", "ann", f"profile {LOGIN}", client)["access_token"]
        settings = ASKED | {"audience": client, "audience_claim": "client_id"}
        return SignedIn(provider.issuer, token, settings, userinfo=f"{provider.issuer}/me")

    return sign_in


def of_nanoidp(settings: dict[str, Any]) -> Callable[[pytest.FixtureRequest], SignedIn]:
    def sign_in(request: pytest.FixtureRequest) -> SignedIn:
        nanoidp: NanoIdp = request.getfixturevalue("nanoidp")
        token = nanoidp.sign_in(f"openid {LOGIN}")["access_token"]
        return SignedIn(nanoidp.issuer, token, settings, userinfo=f"{nanoidp.issuer}/userinfo")

    return sign_in


def of_glewlwyd(settings: dict[str, Any]) -> Callable[[pytest.FixtureRequest], SignedIn]:
    def sign_in(request: pytest.FixtureRequest) -> SignedIn:
        glewlwyd: Glewlwyd = request.getfixturevalue("glewlwyd")
        token = glewlwyd.sign_in(f"openid {LOGIN}")["access_token"]
        table = {"audience": f"openid {LOGIN}"} | settings
        return SignedIn(glewlwyd.issuer, token, table, _subject(token), f"{glewlwyd.issuer}/userinfo")

    return sign_in


def of_canaille(request: pytest.FixtureRequest) -> SignedIn:
    canaille: Canaille = request.getfixturevalue("canaille")
    token = canaille.sign_in(f"openid profile {LOGIN}")["access_token"]
    return SignedIn(canaille.issuer, token, ASKED, userinfo=f"{canaille.issuer}/oauth/userinfo")


def _subject(token: str) -> str:
    claims = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"])


SERVERS = {
    "oidc-provider jwt": of_oidc_provider("jwt"),
    "oidc-provider opaque": of_oidc_provider("opaque"),
    "nanoidp": of_nanoidp({"token_types": ["JWT"]}),
    "glewlwyd": of_glewlwyd({}),
    "canaille": of_canaille,
}
ASKED_SERVERS = {
    "nanoidp asked": of_nanoidp(ASKED),
    "glewlwyd asked": of_glewlwyd(ASKED | {"client_id": "shop", "client_secret": "env:SHOP_SECRET"}),
}
WITH_USERINFO = {
    "oidc-provider userinfo": of_client("shop"),
    "oidc-provider signed userinfo": of_client("signing-shop"),
    "nanoidp": SERVERS["nanoidp"],
    "glewlwyd": SERVERS["glewlwyd"],
    "canaille": SERVERS["canaille"],
}


class Place:
    """A directory: its settings, its user, and a function that reads the user's status."""

    settings: DirectorySettings | None = None

    def add(self, world: World, user_id: str) -> None:
        """Add the user, with the values."""

    def is_told(self) -> bool:
        """Whether the directory has received the status of the verified user."""
        return True


class Embedded(Place):
    def add(self, world: World, user_id: str) -> None:
        world.connector.services.users.add(DomainTenant(world.tenant), user_id, VALUES)


class InScim(Place):
    def __init__(self, scim: ScimServer, dialect: str) -> None:
        self.scim = scim
        scim.empty()
        self.settings = DirectorySettings(
            kind="scim",
            url=scim.url,
            dialect=dialect,
            look_up_by="userName",
            token_url=scim.token_url,
            client_id=CLIENT_ID,
            client_secret="env:SCIM_SECRET",
            timeout=60,
            writes_status=True,
        )

    def add(self, world: World, user_id: str) -> None:
        del world
        name = {"givenName": "Ann", "familyName": "Example"}
        self.id = self.scim.add_user(user_id, name=name, **{IDENTITY: {"birthdate": "1990-01-01"}})

    def is_told(self) -> bool:
        return bool(self.scim.user(self.id)[IDENTITY].get("verified"))


class InScimmy(Place):
    def __init__(self, scimmy: Scimmy, dialect: str) -> None:
        self.scimmy = scimmy
        self.settings = DirectorySettings(
            kind="scim",
            url=scimmy.url,
            dialect=dialect,
            look_up_by="userName",
            bearer_token="env:SCIMMY_TOKEN",
            timeout=60,
            writes_status=True,
        )

    def add(self, world: World, user_id: str) -> None:
        del world
        for each in self.scimmy.call("GET", "/Users").json()["Resources"]:
            self.scimmy.call("DELETE", f"/Users/{each['id']}")
        self.id = self.scimmy.add_user(user_id, "Ann", familyName="Example")

    def is_told(self) -> bool:
        return self.scimmy.status(self.id) == {"verified": True}


class InKeycloak(Place):
    """A stub of Keycloak's Admin REST API."""

    def __init__(self, faulty: FaultyDirectory, dialect: str) -> None:
        self.faulty = faulty
        self.settings = DirectorySettings(
            kind="keycloak",
            url=faulty.url,
            dialect=dialect,
            bearer_token="env:SCIMMY_TOKEN",
            timeout=60,
            writes_status=True,
        )

    def add(self, world: World, user_id: str) -> None:
        del world
        user = {"id": user_id, "username": "ann", "firstName": "Ann", "lastName": "Example"}
        self.faulty.replies = [Reply(200, user | {"attributes": {"birthdate": ["1990-01-01"]}})]

    def is_told(self) -> bool:
        written = [each.body for each in self.faulty.requests if each.line.startswith("PUT")]
        return bool(written) and written[-1]["attributes"]["identityVerified"] == ["true"]


class InCanaille(Place):
    """Canaille's SCIM, which ignores filters, and to which nothing can be added."""

    def __init__(self, canaille: Canaille, dialect: str) -> None:
        self.settings = DirectorySettings(
            kind="scim",
            url=f"{canaille.issuer}/scim/v2",
            dialect=dialect,
            look_up_by="userName",
            token_url=f"{canaille.issuer}/oauth/token",
            client_id="connector",
            client_secret="env:AS_SECRET",
            timeout=60,
        )


class OwnUserInfo(Place):
    def __init__(self, url: str, dialect: str) -> None:
        self.settings = DirectorySettings(kind="userinfo", url=url, dialect=dialect, timeout=60)


PLACES = ("embedded", "scim2-server", "scimmy", "keycloak")
PAIRS = [
    *((server, place) for server in SERVERS for place in PLACES),
    *((server, "embedded") for server in ASKED_SERVERS),
    *((server, "userinfo") for server in WITH_USERINFO),
    *((server, "canaille scim") for server in ("canaille", "nanoidp")),
]
WITHOUT_BIRTH_DATE = {
    ("glewlwyd", "userinfo"),
    *((server, "canaille scim") for server in SERVERS),
    ("canaille", "userinfo"),
}


@pytest.fixture
def signed_in(request: pytest.FixtureRequest, pair: tuple[str, str]) -> SignedIn:
    server, place = pair
    known = WITH_USERINFO if place == "userinfo" else SERVERS | ASKED_SERVERS
    return known[server](request)


@pytest.fixture
def place(request: pytest.FixtureRequest, pair: tuple[str, str], signed_in: SignedIn, tmp_path: Path) -> Place:
    path = tmp_path / "dialect.toml"
    path.write_text(DIALECT)
    dialect = str(path)
    made: dict[str, Callable[[], Place]] = {
        "embedded": Embedded,
        "scim2-server": lambda: InScim(request.getfixturevalue("standing_scim"), dialect),
        "scimmy": lambda: InScimmy(request.getfixturevalue("scimmy"), dialect),
        "keycloak": lambda: InKeycloak(request.getfixturevalue("faulty"), dialect),
        "canaille scim": lambda: InCanaille(request.getfixturevalue("canaille"), dialect),
        "userinfo": lambda: OwnUserInfo(signed_in.userinfo, dialect),
    }
    return made[pair[1]]()


@pytest.fixture
def settings(settings: Settings, signed_in: SignedIn, place: Place) -> Settings:
    table = {"issuer": signed_in.issuer, "audience": AUDIENCE} | signed_in.settings
    trusting = replace(settings, issuers=load(None, {"CONNECTOR_ISSUERS": json.dumps([table])}).issuers)
    if place.settings is None:
        return trusting
    return replace(trusting, tenants=(Tenant(DEFAULT_TENANT, directory=place.settings),))


@pytest.mark.parametrize("pair", PAIRS, ids=" + ".join)
def test_a_user_is_verified(world: World, pair: tuple[str, str], signed_in: SignedIn, place: Place) -> None:
    place.add(world, signed_in.user_id)
    user = Caller(world.connector.url, {"Authorization": f"Bearer {signed_in.token}"})
    claims = (GIVEN_NAME, LAST_NAME) if pair in WITHOUT_BIRTH_DATE else tuple(MAPPING)
    world.outcome(world.start(user, claims))
    answer = user.verify(world.provider_id, "COMPLETED", claims)
    assert answer.status_code == 200, answer.text
    assert verified(user.claims()) == set(claims)
    assert [each.user_id for each in world.verifications()] == [signed_in.user_id]
    assert user.get("/api/server/v1/idv-providers").status_code == 403
    world.wait_until(place.is_told)
