"""The user's page in a browser, for users whose values only they can read: they sign in at a real OpenID provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from connector.domain.tenancy import DEFAULT_TENANT
from connector.settings import Issuer
from connector.settings.directory import DirectorySettings
from connector.settings.tenants import Tenant
from connector.simulator.server import Simulator
from tests.browser.test_verify import at_onfido, headline, press
from tests.browser.worlds import with_provider
from tests.directory.deployment import DIALECT
from tests.harness import Clock, ConnectorServer, World
from tests.identity.conftest import oidc_provider
from tests.identity.servers import OidcProvider
from tests.patience import patient_settings

__all__ = ["oidc_provider"]

LIFE_OF_A_TOKEN = 600  # seconds


@pytest.fixture(scope="module")
def provider(oidc_provider: OidcProvider) -> OidcProvider:
    return oidc_provider


@pytest.fixture(params=["sqlite", "postgresql"])
def world(
    request: pytest.FixtureRequest,
    provider: OidcProvider,
    new_database: Callable[[str], str],
    standing_simulator: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """A connector whose users are at the provider."""
    monkeypatch.setenv("CONSOLE_SECRET", "console-secret")
    data_dir, dialect = tmp_path / "data", tmp_path / "dialect.toml"
    data_dir.mkdir(mode=0o700)
    dialect.write_text(DIALECT)
    issuer = Issuer(
        provider.issuer,
        "connector",
        console_client_id="console",
        console_client_secret="env:CONSOLE_SECRET",
        console_scopes=("openid", "profile"),
    )
    directory = DirectorySettings(kind="userinfo", url=f"{provider.issuer}/me", dialect=str(dialect), timeout=60)
    tenants = (Tenant(DEFAULT_TENANT, directory=directory),)
    settings = patient_settings(data_dir, new_database(request.param), issuers=(issuer,), tenants=tenants)
    clock = Clock()
    with ConnectorServer(settings, clock) as connector:
        yield with_provider(World(connector, standing_simulator, clock), studio={"capture": "link"})


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(locale="de-DE", viewport={"width": 390, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def sign_in(page: Page) -> None:
    """Fill in the provider's own pages."""
    page.get_by_placeholder("Enter any login").fill("ann")
    page.get_by_placeholder("and password").fill("any")
    press(page, "Sign-in")
    press(page, "Continue")


def return_from(provider: OidcProvider, page: Page, path: str) -> None:
    """Sign in at the provider, where the user still has a session, and consent."""
    page.wait_for_url(f"{provider.issuer}/interaction/*")
    press(page, "Continue")
    page.wait_for_url(f"**{path}")


def test_a_user_with_an_expired_token_signs_in_again_and_is_verified(
    world: World, page: Page, provider: OidcProvider
) -> None:
    path = f"/verify/{world.provider_id}"
    page.goto(f"{world.connector.url}{path}")
    sign_in(page)
    page.wait_for_url(f"**{path}")
    headline(page, "Bestätigen Sie Ihre Identität")
    expect(page.get_by_text("Nicht geprüft", exact=True)).to_have_count(3)
    world.clock.advance(LIFE_OF_A_TOKEN + 1)
    press(page, "Zustimmen und beginnen")
    return_from(provider, page, path)
    press(page, "Zustimmen und beginnen")
    at_onfido(page)
    press(page, "Submit documents")
    page.goto(f"{world.connector.url}{path}/return")
    headline(page, "Ihre Identität ist bestätigt")
    world.clock.advance(LIFE_OF_A_TOKEN + 1)
    page.reload()
    return_from(provider, page, path)
    headline(page, "Ihre Identität ist bestätigt")
    press(page, "Abmelden")
    headline(page, "Sie sind abgemeldet")
    page.get_by_role("link", name="Erneut anmelden").click()
    page.get_by_role("link", name="Anmelden bei").click()
    return_from(provider, page, path)
    headline(page, "Ihre Identität ist bestätigt")
