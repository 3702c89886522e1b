"""Tenants that the settings describe: each has its own issuers, and pages of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests

from connector.settings import Issuer, Settings
from connector.settings.tenants import Limits, Tenant
from connector.simulator.server import Simulator
from tests.api.test_auth import AUDIENCE, AuthIssuer
from tests.contract.wire import PROVIDERS, USERS, new_provider
from tests.harness import Clock, ConnectorServer, World

EVERYWHERE, ACMES, UMBRELLAS = "https://app.example", "https://acme.example", "https://umbrella.example"
ALLOW, EXPOSE = "Access-Control-Allow-Origin", "Access-Control-Expose-Headers"
PREFLIGHT = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
MY_CLAIMS = f"{USERS}/me/idv/claims"
KINDS = [MY_CLAIMS, f"{MY_CLAIMS}/", f"{PROVIDERS}/none", "/nowhere", "/idv/onfido/v1/none/verify", "/healthz"]


@dataclass
class Site:
    """A connector with the tenants acme and umbrella, and the issuer of each; `old` is configured in the short form."""

    url: str
    acme: AuthIssuer
    umbrella: AuthIssuer
    old: AuthIssuer

    def get(self, tenant: str, path: str, token: str = "", **headers: str) -> requests.Response:
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        prefix = f"/t/{tenant}" if tenant else ""
        return requests.get(self.url + prefix + path, headers=authorization | headers, timeout=60)


@pytest.fixture(scope="module")
def site(new_settings: Callable[..., Settings]) -> Iterator[Site]:
    acme, umbrella, old = issuers = AuthIssuer(), AuthIssuer(), AuthIssuer()
    settings = new_settings(
        "sqlite",
        dev=False,
        allowed_origins=(EVERYWHERE,),
        issuers=(Issuer(old.identifier, AUDIENCE),),
        tenants=(
            Tenant("acme", issuers=(Issuer(acme.identifier, AUDIENCE),), allowed_origins=(ACMES,)),
            Tenant("umbrella", issuers=(Issuer(umbrella.identifier, AUDIENCE),), allowed_origins=(UMBRELLAS,)),
        ),
    )
    with ConnectorServer(settings, Clock()) as connector:
        yield Site(connector.url, acme, umbrella, old)
    for each in issuers:
        each.close()


@pytest.mark.parametrize(("tenant", "issuer"), [("acme", "acme"), ("umbrella", "umbrella"), ("", "old")])
@pytest.mark.parametrize("origin", ["", EVERYWHERE])
def test_a_token_of_the_tenants_own_issuer_is_accepted(site: Site, tenant: str, issuer: str, origin: str) -> None:
    answer = site.get(tenant, PROVIDERS, getattr(site, issuer).mint(), Origin=origin)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("tenant", "issuer"),
    [
        *[("acme", "umbrella"), ("acme", "old"), ("umbrella", "acme"), ("umbrella", "old"), ("", "acme")],
        *[("carbon.super", "umbrella"), ("nobody", "acme"), ("nobody", "old"), ("ACME", "acme"), ("acme.", "acme")],
    ],
)
@pytest.mark.parametrize("path", [PROVIDERS, MY_CLAIMS, f"{USERS}/alice/idv/claims"])
def test_a_token_of_another_tenants_issuer_is_refused(site: Site, tenant: str, issuer: str, path: str) -> None:
    answer = site.get(tenant, path, getattr(site, issuer).mint())
    assert answer.status_code == 403
    assert answer.json()["description"].startswith("The token is not valid for this tenant.")


@pytest.mark.parametrize("tenant", ["acme", "nobody", ""])
def test_a_token_of_an_issuer_of_no_tenant_is_refused(site: Site, tenant: str) -> None:
    stranger = AuthIssuer()
    try:
        assert site.get(tenant, PROVIDERS, stranger.mint()).status_code == 401
    finally:
        stranger.close()


@pytest.mark.parametrize("claims", [{"tenant": "acme"}, {"org": "acme"}, {"iss": "https://idp.acme.example"}])
def test_no_claim_of_a_token_grants_another_tenant(site: Site, claims: dict[str, Any]) -> None:
    assert site.get("acme", PROVIDERS, site.umbrella.mint(**claims)).status_code in (401, 403)


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize(
    ("tenant", "origin", "is_allowed"),
    [
        ("acme", ACMES, True),
        ("acme", EVERYWHERE, True),
        ("acme", UMBRELLAS, False),
        ("umbrella", UMBRELLAS, True),
        ("umbrella", ACMES, False),
        ("", EVERYWHERE, True),
        ("", ACMES, False),
        ("nobody", EVERYWHERE, True),
        ("nobody", UMBRELLAS, False),
        ("acme", "null", False),
        ("acme", "https://acme.example.evil.example", False),
    ],
)
def test_an_origin_is_allowed_only_at_its_own_tenant(
    site: Site, path: str, tenant: str, origin: str, is_allowed: bool
) -> None:
    prefix = f"/t/{tenant}" if tenant else ""
    answers = [
        site.get(tenant, path, Origin=origin),
        requests.options(site.url + prefix + path, headers={"Origin": origin, **PREFLIGHT}, timeout=60),
    ]
    for answer in answers:
        assert answer.headers.get(ALLOW) == (origin if is_allowed else None), (
            answer.request.method,
            answer.status_code,
        )
        assert ("Origin" in answer.headers["Vary"], EXPOSE in answer.headers) == (True, is_allowed)


@pytest.mark.parametrize("path", KINDS)
def test_answers_without_an_origin_vary_by_origin_too(site: Site, path: str) -> None:
    answer = site.get("acme", path)
    assert ("Origin" in answer.headers["Vary"], ALLOW in answer.headers) == (True, False)


@pytest.fixture(scope="module")
def frugal(new_settings: Callable[..., Settings]) -> Iterator[World]:
    """A connector whose tenant acme allows one attempt; its providers allow more."""
    tenants = (Tenant("acme", limits=Limits(attempts=1)), Tenant("umbrella", limits=Limits(attempts=100)))
    settings, clock = new_settings("sqlite", tenants=tenants), Clock()
    with Simulator() as simulator, ConnectorServer(settings, clock) as connector:
        yield World(connector, simulator, clock)


@pytest.mark.parametrize(("tenant", "is_limited"), [("acme", True), ("umbrella", False), ("nobody", False)])
def test_a_tenants_attempt_limit_applies_to_its_users(frugal: World, tenant: str, is_limited: bool) -> None:
    world = replace(frugal, tenant=tenant)
    world.provider_id = new_provider(world)
    ann, admin = world.add_user(), world.connector.as_admin(tenant)
    world.outcome(world.start(ann), status="declined", comparisons={"first_name": "consider"})
    assert ann.verify(world.provider_id, "COMPLETED").status_code == 200

    [status] = admin.get(f"{USERS}/ann/idv").json()["providers"]
    assert (status["nextAttemptAt"] is not None) is is_limited
    assert ann.verify(world.provider_id, "INITIATED").status_code == (429 if is_limited else 200)
