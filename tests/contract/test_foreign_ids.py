"""Every route of the API and of signals, with the ids of another tenant: read from the routes, so later ones count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from connector.domain.tenancy import Tenant
from connector.domain.verifications.verification import VerificationFilter
from tests.bodies import config_properties, provider_body
from tests.console.test_every_page import planted
from tests.contract.wire import ALL_SCOPES, PROVIDERS, UNKNOWN_ID, USERS, entry
from tests.harness import Caller, World
from tests.oidc.relying_party import REDIRECT_URI
from tests.signals.receiver import SCOPES as SIGNAL_SCOPES
from tests.signals.receiver import connect
from tests.values import GIVEN_NAME, VALUES

__all__ = ["planted"]

PARAMETER = re.compile(r"<(?:[^:>]+:)?(\w+)>")
OPEN_TO_ALL = {"tenant", "name"}  # parameters that name no object of a tenant
SCOPES = (*ALL_SCOPES, "internal_idv_claim_delete", *SIGNAL_SCOPES)
HARMLESS = (
    "console-sessions.end_console_session|"  # a session may have ended before
    "user_status.get_user_status"  # the refused start of this tenant, by another call here
)
# The codes of refusals that name the object, so that the body was accepted before
UNKNOWN = re.compile(rf"IDVP-600(00|1[01246]|19|20|30|70|90)|IDVP-60100|IDV-1000[01]|OIDV-10009|HTTP-404|{HARMLESS}")


@dataclass(frozen=True)
class Call:
    endpoint: str
    method: str
    path: str
    foreign: tuple[str, ...]


@pytest.fixture
def theirs(world: World, planted: Mapping[str, str]) -> Mapping[str, str]:
    """Ids of every kind, of the default tenant."""
    stream = connect(world.connector.caller("admin", SCOPES))
    runs = f"{PROVIDERS}/{world.provider_id}/verifications/{planted['run_id']}"
    file = world.connector.as_admin().post(f"{runs}/timeline-file", None).json()["fileId"]
    return {**planted, "stream_id": stream.stream_id, "file_id": file, "task_id": UNKNOWN_ID}


@pytest.fixture
def ours(world: World) -> Mapping[str, str]:
    """Ids of the objects in paths that contain others, of the calling tenant."""
    own = World(world.connector, world.simulator, world.clock, tenant="other")
    properties = config_properties(world.simulator, webhook_token="another-webhook-token")
    answer = _admin(world).post(PROVIDERS, provider_body(world.simulator, name="Ours", configProperties=properties))
    own.provider_id = answer.json()["id"]
    return {
        "provider_id": own.provider_id,
        "user_id": "our-user",
        "run_id": own.start(own.add_user("our-user")),
    }


def _admin(world: World) -> Caller:
    return world.connector.caller("admin", SCOPES, "other")


def filled(rule: str, ids: Mapping[str, str]) -> Iterator[str]:
    """Yield the parts of a rule's path, each parameter replaced by its id."""
    for at, part in enumerate(PARAMETER.split(rule)):
        yield ids[part] if at % 2 else part


def calls(world: World, theirs: Mapping[str, str], ours: Mapping[str, str]) -> Iterator[Call]:
    """Return every route with parameters: with all ids theirs, and with the leading ones ours."""
    for rule in world.connector.app.url_map.iter_rules():
        names = PARAMETER.findall(rule.rule)
        if not names or set(names) & OPEN_TO_ALL or rule.endpoint.startswith("webhooks."):
            continue
        for kept in range(len(names)):
            if set(names[:kept]) <= ours.keys():
                ids = {name: (ours if at < kept else theirs)[name] for at, name in enumerate(names)}
                path = "".join(filled(rule.rule, ids))
                for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                    yield Call(rule.endpoint, method, path, tuple(names[kept:]))


def body_for(world: World, call: Call, provider_id: str) -> Any:
    """Return a body that the route accepts."""
    provider = provider_body(world.simulator, name="Captured", configProperties=config_properties(world.simulator))
    verify = {
        "idVProviderId": provider_id,
        "claims": [GIVEN_NAME],
        "properties": [{"key": "status", "value": "INITIATED"}],
    }
    endpoint = {"url": f"{world.simulator.url}/captured", "events": ["verification.finished"]}
    client = {"name": "c", "profile": "okta", "idVProviderId": provider_id, "redirectUris": [REDIRECT_URI]}
    claims = [{"localClaim": GIVEN_NAME, "idvpClaim": "first_name"}]
    bodies: dict[str, Any] = {
        r"POST .*/verify": verify,
        r"(POST|PUT) .*/idv/claims": [entry(provider_id)],
        r"PUT .*/idv/claims/[^/]+": {"isVerified": True, "claimMetadata": {}},
        r"(PUT|POST) .*/idv-providers/[^/]+(/test-configuration)?": provider,
        r".*/remapping-impact|.*/dry-run": {"claims": claims},
        r".*/decision": {"decision": "approve", "reason": "captured"},
        r".*/complete": {"data": {"score": 7}},
        r"PUT .*/notice-endpoints/[^/]+": endpoint,
        r".*/recover": {"since": "2026-01-01T00:00:00Z"},
        r"PUT .*/openid-clients/[^/]+": client,
        r"POST /ssf/poll/.*": {"maxEvents": 5, "returnImmediately": True},
    }
    return next((body for path, body in bodies.items() if re.fullmatch(path, f"{call.method} {call.path}")), {})


def everything(world: World) -> object:
    """Return what an administrator of the default tenant sees of it, which nobody else may change."""
    admin, services, tenant = world.connector.caller("admin", SCOPES), world.connector.services, Tenant("carbon.super")
    paths = (
        *(PROVIDERS, f"{USERS}/planted-user/idv", f"{USERS}/planted-user/idv/claims", "/api/server/v1/jobs"),
        *("/api/server/v1/notice-endpoints", "/api/server/v1/openid-clients", "/api/server/v1/signal-streams"),
        "/api/server/v1/console-sessions",
    )
    runs = services.lookup.page(tenant, VerificationFilter(), limit=100).rows
    return [*(admin.get(path).json() for path in paths), *(run.verification.status for run in runs)]


def test_an_object_of_another_tenant_is_unknown_on_every_route(
    world: World, theirs: Mapping[str, str], ours: Mapping[str, str]
) -> None:
    before, admin = everything(world), _admin(world)
    marks = {*theirs.values(), "Planted provider", "planted description", *VALUES.values()} - {UNKNOWN_ID}
    wrong = []
    for call in calls(world, theirs, ours):
        answer = admin.request(call.method, call.path, json=body_for(world, call, ours["provider_id"]))
        seen = [mark for mark in marks if mark in answer.text and mark not in call.path]
        code = answer.json()["code"] if answer.status_code >= 400 else call.endpoint
        if seen or not UNKNOWN.fullmatch(code):
            wrong.append((call.method, call.path, call.foreign, answer.status_code, answer.text[:300], seen))

    assert not wrong, "\n".join(map(str, wrong))
    assert everything(world) == before
