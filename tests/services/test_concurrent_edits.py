"""A change based on an outdated state is refused, inside its transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial

import pytest

from connector.domain.notices import CLAIMS_CHANGED, FINISHED, EndpointConfig
from connector.domain.openid.clients import ClientConfig
from connector.domain.providers.provider import Provider, ProviderConfig
from connector.domain.tenancy import Tenant
from connector.errors import ChangedMeanwhile
from tests.harness import World

URL = "http://127.0.0.1:9/notices"


def test_a_concurrently_changed_endpoint_is_not_overwritten(world: World) -> None:
    endpoints, tenant = world.connector.services.endpoints, Tenant(world.tenant)
    seen = EndpointConfig(URL, (CLAIMS_CHANGED,), world.provider_id)
    endpoint, _ = endpoints.add(tenant, seen)
    other = replace(seen, events=(FINISHED,))
    endpoints.change(tenant, endpoint.endpoint_id, other, seen=seen)

    with pytest.raises(ChangedMeanwhile, match="read it again"):
        endpoints.change(tenant, endpoint.endpoint_id, replace(seen, is_enabled=False), seen=seen)

    assert endpoints.get(tenant, endpoint.endpoint_id).config == other


def test_a_concurrently_changed_provider_is_not_overwritten(world: World) -> None:
    providers, tenant = world.connector.services.providers, Tenant(world.tenant)
    seen = providers.get(tenant, world.provider_id)
    first = providers.change(tenant, world.provider_id, config_of(seen, "First"), seen=seen)

    with pytest.raises(ChangedMeanwhile, match="read it again"):
        providers.change(tenant, world.provider_id, config_of(seen, "Second"), seen=seen)

    assert providers.get(tenant, world.provider_id).name == first.name == "First"


def config_of(provider: Provider, name: str) -> ProviderConfig:
    """Return the provider's configuration under another name; its secrets are kept."""
    kept = {each.name: getattr(provider, each.name) for each in fields(ProviderConfig) if hasattr(provider, each.name)}
    return ProviderConfig(**kept | {"name": name})


def test_a_concurrently_changed_client_is_not_overwritten(world: World) -> None:
    clients, tenant = world.connector.services.openid_clients, Tenant(world.tenant)
    seen = ClientConfig("Staff", "ida", world.provider_id, ("https://application.example/callback",))
    client, _ = clients.add(tenant, seen)
    other = replace(seen, name="Other")
    clients.change(tenant, client.client_id, other, seen=seen)

    with pytest.raises(ChangedMeanwhile, match="read it again"):
        clients.change(tenant, client.client_id, replace(seen, is_enabled=False), seen=seen)

    assert clients.get(tenant, client.client_id).config == other


@pytest.mark.parametrize("kind", ["endpoint", "client"])
def test_a_concurrently_replaced_secret_is_not_replaced_again(world: World, kind: str) -> None:
    services, tenant = world.connector.services, Tenant(world.tenant)
    if kind == "endpoint":
        endpoint, _ = services.endpoints.add(tenant, EndpointConfig(URL, (FINISHED,)))
        rotate: Callable[[], object] = partial(
            services.endpoints.rotate_secret, tenant, endpoint.endpoint_id, seen=endpoint
        )
    else:
        config = ClientConfig("Staff", "ida", world.provider_id, ("https://application.example/callback",))
        client, _ = services.openid_clients.add(tenant, config)
        rotate = partial(services.openid_clients.rotate_secret, tenant, client.client_id, seen=client)
    rotate()

    with pytest.raises(ChangedMeanwhile, match="read it again"):
        rotate()


def test_an_overlap_of_a_concurrently_replaced_token_is_not_ended(world: World) -> None:
    providers, tenant = world.connector.services.providers, Tenant(world.tenant)
    seen = providers.get(tenant, world.provider_id)
    config = replace(config_of(seen, seen.name), webhook_token="another-token-of-the-webhook")
    replaced = providers.change(tenant, world.provider_id, config)

    with pytest.raises(ChangedMeanwhile, match="read it again"):
        providers.end_overlap(tenant, world.provider_id, seen=seen)

    assert providers.get(tenant, world.provider_id) == replaced
