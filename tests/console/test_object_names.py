"""The audit trail: an endpoint, a client and a stream have their names beside their ids while they exist."""

from __future__ import annotations

import html
from dataclasses import replace

from connector.domain.notices import FINISHED, EndpointConfig
from connector.domain.tenancy import Tenant
from connector.services.lookup.object_names import ObjectNames
from tests.console.test_deliveries import add_stream
from tests.console.test_every_page import SCOPES
from tests.harness import World
from tests.oidc.relying_party import register
from tests.plans.browsing import Console

URL = "http://127.0.0.1:9/notices"


def test_the_audit_trail_names_objects_that_still_exist(world: World) -> None:
    services, tenant = world.connector.services, Tenant(world.tenant)
    endpoint, _secret = services.endpoints.add(tenant, EndpointConfig(URL, (FINISHED,)), actor="bob")
    client_id = register(world, name="Workforce").client_id
    stream_id = add_stream(world, "The shop’s signals")
    console = Console(world, "bob", SCOPES)

    page = html.unescape(console.open("/console/audit"))
    for name, object_id in ((URL, endpoint.endpoint_id), ("Workforce", client_id), ("The shop’s signals", stream_id)):
        assert f" {name} ({object_id[:8]})." in page
        assert f'{name}<div class="xs faint">{object_id}</div>' in page
    changes = html.unescape(console.open(f"/console/audit/changes?object={endpoint.endpoint_id}"))
    assert f"added the notice endpoint {URL} ({endpoint.endpoint_id[:8]})." in changes

    services.endpoints.remove(tenant, endpoint.endpoint_id, "bob")
    page = html.unescape(console.open("/console/audit"))
    assert f"removed the notice endpoint {endpoint.endpoint_id[:8]}." in page
    assert f" {URL} (" not in page


def test_names_are_found_for_the_objects_of_one_tenant_only(world: World) -> None:
    names: ObjectNames = world.connector.services.object_names
    stream_id = add_stream(world, "Ours")
    asked = [("stream", stream_id), ("stream", None), ("client", "unknown"), ("user", stream_id)]
    assert names.of(Tenant(world.tenant), asked) == {("stream", stream_id): "Ours"}
    assert names.of(replace(Tenant(world.tenant), name="another"), asked) == {}
    assert names.of(Tenant(world.tenant), [("user", "ann")]) == {}
