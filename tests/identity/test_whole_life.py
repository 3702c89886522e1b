"""A whole verification over HTTP, by a user who has signed in at a real authorization server."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from connector.settings import Settings, load
from tests.harness import Caller, World, verified
from tests.identity.gates import ASKED
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
