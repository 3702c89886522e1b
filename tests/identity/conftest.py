"""Real authorization servers, each started once, where they are installed."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from tests.directory.faulty import FaultyDirectory
from tests.identity.canaille_server import Canaille, has_canaille
from tests.identity.glewlwyd import Glewlwyd, has_glewlwyd
from tests.identity.scim_server import CLIENT_SECRET, ScimServer
from tests.identity.scimmy_server import TOKEN, Scimmy, has_scimmy
from tests.identity.servers import NanoIdp, NoticeReceiver, OidcProvider, has_node

NPM = "npm --prefix tests/identity/node ci"


def needs(is_installed: bool, product: str, how: str) -> None:
    """Skip the tests of a product that is not installed."""
    if not is_installed:
        pytest.skip(f"{product}: not installed ({how})")


@pytest.fixture(scope="session")
def nanoidp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NanoIdp]:
    """NanoIDP, from PyPI."""
    with NanoIdp(tmp_path_factory.mktemp("nanoidp")) as running:
        yield running


@pytest.fixture(scope="session")
def oidc_provider() -> Iterator[OidcProvider]:
    """node-oidc-provider, from npm."""
    needs(has_node(), "node-oidc-provider", NPM)
    with OidcProvider() as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[NoticeReceiver]:
    """An application that uses npm's standardwebhooks."""
    needs(has_node("standardwebhooks"), "standardwebhooks", NPM)
    with NoticeReceiver("whsec_" + base64.b64encode(bytes(32)).decode()) as running:
        yield running


@pytest.fixture(scope="session")
def glewlwyd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Glewlwyd]:
    """Glewlwyd, from Debian."""
    needs(has_glewlwyd(), "Glewlwyd", "apt-get install glewlwyd")
    with Glewlwyd(tmp_path_factory.mktemp("glewlwyd")) as running:
        yield running


@pytest.fixture(scope="session")
def canaille() -> Iterator[Canaille]:
    """Canaille, from PyPI."""
    needs(has_canaille(), "Canaille", "tests/identity/canaille/install")
    with Canaille() as running:
        yield running


@pytest.fixture(scope="session")
def standing_scim() -> Iterator[ScimServer]:
    """scim2-server, from PyPI."""
    with ScimServer() as running:
        yield running


@pytest.fixture(scope="session")
def scimmy() -> Iterator[Scimmy]:
    """SCIMMY, from npm."""
    needs(has_scimmy(), "SCIMMY", NPM)
    with Scimmy() as running:
        yield running


@pytest.fixture
def faulty() -> Iterator[FaultyDirectory]:
    """A directory with answers that a test sets."""
    with FaultyDirectory() as running:
        yield running


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets that the settings of these tests name."""
    monkeypatch.setenv("AS_SECRET", "connector-secret")
    monkeypatch.setenv("SCIM_SECRET", CLIENT_SECRET)
    monkeypatch.setenv("SHOP_SECRET", "shop-secret")
    monkeypatch.setenv("AS_SECRET_BY_POST", "connector-by-post-secret")
    monkeypatch.setenv("SCIMMY_TOKEN", TOKEN)
    monkeypatch.setenv("CONSOLE_SECRET", "console-secret")
