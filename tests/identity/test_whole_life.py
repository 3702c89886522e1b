"""A whole verification over HTTP, by a user who has signed in at a real authorization server."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.tenancy import DEFAULT_TENANT
from connector.settings import Settings, load
from connector.settings.directory import DirectorySettings
from connector.settings.tenants import Tenant
from tests.directory.deployment import add_ann
from tests.harness import Caller, World, verified
from tests.identity.gates import ASKED
from tests.identity.scim_server import CLIENT_ID, CUSTOM, ScimServer
from tests.identity.servers import AUDIENCE, NanoIdp, OidcProvider
from tests.values import GIVEN_NAME, LAST_NAME, MAPPING

pytestmark = pytest.mark.one_database


def trusting(settings: Settings, issuer: str, **more: Any) -> Settings:
    table = {"issuer": issuer, "audience": AUDIENCE} | more
    return replace(settings, issuers=load(None, {"CONNECTOR_ISSUERS": json.dumps([table])}).issuers)


def verify(world: World, token: str) -> None:
    """Verify the user `ann` with her token."""
    world.add_user("ann")
    ann = Caller(world.connector.url, {"Authorization": f"Bearer {token}"})
    run = world.start(ann)
    world.outcome(run)
    answer = ann.verify(world.provider_id, "COMPLETED", tuple(MAPPING))
    assert answer.status_code == 200, answer.text
    assert verified(ann.claims()) >= {GIVEN_NAME, LAST_NAME}
    assert ann.get("/api/server/v1/idv-providers").status_code == 403


class TestOidcProvider:
    @pytest.fixture(params=["jwt", "opaque"])
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def settings(self, settings: Settings, oidc_provider: OidcProvider, kind: str) -> Settings:
        return trusting(settings, oidc_provider.issuer, **(ASKED if kind == "opaque" else {}))

    def test_its_user_is_verified(self, world: World, oidc_provider: OidcProvider, kind: str) -> None:
        verify(world, oidc_provider.sign_in(kind, "ann", "internal_login")["access_token"])


class TestNanoIdp:
    @pytest.fixture
    def settings(self, settings: Settings, nanoidp: NanoIdp) -> Settings:
        return trusting(settings, nanoidp.issuer, token_types=["JWT"])

    def test_its_user_is_verified(self, world: World, nanoidp: NanoIdp) -> None:
        verify(world, nanoidp.sign_in("openid internal_login")["access_token"])


DIALECT = """
[userinfo.claims]
"http://wso2.org/claims/givenname" = "attributes.given_name"
"http://wso2.org/claims/lastname" = "attributes.family_name"
"http://wso2.org/claims/dob" = "attributes.birthdate"
"""


class TestDirectories:
    """The values are where the users are: at the authorization server itself, or in a SCIM server beside it."""

    @pytest.fixture(params=["userinfo", "scim"])
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def settings(
        self, settings: Settings, nanoidp: NanoIdp, standing_scim: ScimServer, kind: str, tmp_path: Path
    ) -> Settings:
        dialect = tmp_path / "nanoidp.toml"
        dialect.write_text(DIALECT)
        directories = {
            "userinfo": DirectorySettings(
                kind="userinfo", url=f"{nanoidp.issuer}/userinfo", dialect=str(dialect), timeout=60
            ),
            "scim": DirectorySettings(
                kind="scim",
                url=standing_scim.url,
                dialect="wso2",
                look_up_by="userName",
                token_url=standing_scim.token_url,
                client_id=CLIENT_ID,
                client_secret="env:SCIM_SECRET",
                timeout=60,
                writes_status=True,
            ),
        }
        tenants = (Tenant(DEFAULT_TENANT, directory=directories[kind]),)
        return replace(trusting(settings, nanoidp.issuer, token_types=["JWT"]), tenants=tenants)

    def test_its_user_is_verified(self, world: World, nanoidp: NanoIdp, standing_scim: ScimServer, kind: str) -> None:
        standing_scim.empty()
        user_id = add_ann(standing_scim)
        token = nanoidp.sign_in("openid internal_login")["access_token"]
        ann = Caller(world.connector.url, {"Authorization": f"Bearer {token}"})
        run = world.start(ann)
        world.outcome(run)
        answer = ann.verify(world.provider_id, "COMPLETED", tuple(MAPPING))
        assert answer.status_code == 200, answer.text
        assert verified(ann.claims()) == set(MAPPING)
        if kind == "scim":
            world.wait_until(lambda: standing_scim.user(user_id)[CUSTOM].get("identityVerified") == "true")
