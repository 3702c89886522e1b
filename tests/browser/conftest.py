"""The console in a real browser: Debian's Chromium, driven by Playwright, one browser for all tests.

`make browser-test` runs these; `make test` does not. Where BROWSER_PICTURES names a folder, each `shot` is kept there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.settings import Settings
from connector.simulator.server import Simulator
from tests.browser.visiting import ALL_SCOPES, Visitor
from tests.harness import Clock, ConnectorServer, World

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("browser")
            item.add_marker(pytest.mark.timeout(600))  # four views of a page, on a busy machine


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The driver; what is expected may take a minute, as long as a click (`visiting.py`)."""
    expect.set_options(timeout=60_000)
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The browser."""
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM} is not there: apt-get install chromium, or name another with CHROMIUM")
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield browser
    browser.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def place(
    request: pytest.FixtureRequest,
    new_settings: Callable[..., Settings],
    standing_simulator: Simulator,
) -> Iterator[World]:
    """A connector that runs until the last test, over each database; tests register separate providers."""
    settings, clock = new_settings(request.param), Clock()
    with ConnectorServer(settings, clock) as connector:
        yield World(connector, standing_simulator, clock)


@pytest.fixture
def visit(chromium: Browser, place: World, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visitor]]:
    """Sign a person in, in a separate browser: `visit(scopes=…, tenant=…, width=…, scheme=…)`.

    At the end of the test, no page may have broken its Content-Security-Policy, thrown an error, or held a secret.
    """
    visitors: list[Visitor] = []

    def begin(
        scopes: tuple[str, ...] = ALL_SCOPES,
        tenant: str = DEFAULT_TENANT,
        *,
        user: str = "admin",
        width: int = 1280,
        scheme: str = "light",
        javascript: bool = True,
    ) -> Visitor:
        visitor = Visitor(chromium, place, tenant, request.node.name, width=width, scheme=scheme, javascript=javascript)
        visitors.append(visitor)
        visitor.sign_in(user, scopes)
        return visitor

    yield begin
    _remove_endpoints(place)
    for visitor in visitors:
        visitor.leave()
    for visitor in visitors:
        visitor.check()


def _remove_endpoints(place: World) -> None:
    """Remove the endpoints for all of a tenant's providers: they would appear on the pages of the next test."""
    tenant, endpoints = Tenant(place.tenant), place.connector.services.endpoints
    for endpoint in endpoints.all(tenant):
        if endpoint.config.provider_id is None:
            endpoints.remove(tenant, endpoint.endpoint_id)
