"""The settings file of each product is read, names what exists, and accepts the product's access tokens, no others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.cli.examples import example
from connector.directory.opening import open_directory
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.errors import ConfigurationError
from connector.settings import Issuer, Settings, load
from connector.settings.tenancy import read_tenants
from connector.shipped import example_files
from tests.access.shapes import ACCESS_TOKENS, AUDIENCE, ID_TOKENS, SCOPE, Shape
from tests.access.test_token_shapes import mint, refusal
from tests.api.test_auth import AuthIssuer, Site
from tests.identity.product_files import FOLDER, PRODUCTS, everything_switched_on, settings_file

ADMINISTRATOR = {f"internal_idvp_{name}" for name in ("view", "add", "update", "delete")} | {
    f"internal_idv_claim_{name}" for name in ("view", "verify", "update", "delete")
}

each_product = pytest.mark.parametrize("product", PRODUCTS)


@pytest.fixture(autouse=True)
def named_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets that the files name."""
    for name in ("DIRECTORY_SECRET", "INTROSPECTION_SECRET"):
        monkeypatch.setenv(name, "secret of the tests")


@pytest.fixture(scope="module")
def issuer() -> Iterator[AuthIssuer]:
    running = AuthIssuer()
    yield running
    running.close()


def read(product: str) -> Settings:
    return load(FOLDER / f"{product}.toml", {})


def issuer_of(product: str) -> Issuer:
    """Return the issuer as the gate sees it."""
    [issuer] = read(product).all_issuers
    return issuer


def tenant_of(settings: Settings) -> Tenant:
    [tenant] = read_tenants(settings).configured
    return tenant


@each_product
def test_the_only_tenant_of_the_settings_is_the_default_one(product: str) -> None:
    settings = read(product)
    assert tenant_of(settings).name == DEFAULT_TENANT
    assert [each.tenant for each in settings.all_issuers] == [DEFAULT_TENANT]


@each_product
def test_the_profile_and_the_dialect_of_the_settings_exist(product: str) -> None:
    assert issuer_of(product).profile == ("" if product == "generic" else product)
    directory = tenant_of(read(product)).directory
    if not directory.is_local:
        assert {"given_name", "http://wso2.org/claims/givenname"} & set(open_directory(directory).uris)


@each_product
def test_every_commented_setting_can_be_enabled(product: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(everything_switched_on(settings_file(product)).replace("/etc/connector/is.pem", ""))
    changed, as_shipped = load(path, {}), read(product)
    assert (changed == as_shipped) is (settings_file(product) == path.read_text())
    tenant_of(changed)


@pytest.mark.parametrize(
    ("product", "replaced"),
    [
        ("wso2", {"https://is.example.com:9443": "https://api.asgardeo.io/t/acme"}),
        (
            "keycloak",
            {'"keycloak"\nurl': '"scim"\ndialect = "keycloak"\nurl', "admin/realms/shop": "realms/shop/scim/v2"},
        ),
        ("generic", {"token_url = ": 'bearer_token = "env:DIRECTORY_SECRET"\n#', "client_": "#client_"}),
        ("generic", {'token_url = "https://as.example.com/token"': 'username = "ann"', "client_secret": "password"}),
    ],
    ids=["Asgardeo", "Keycloak's SCIM", "bearer token", "HTTP Basic"],
)
def test_a_variant_named_by_the_guide_can_be_read(product: str, replaced: dict[str, str], tmp_path: Path) -> None:
    text = settings_file(product)
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "settings.toml"
    path.write_text(text.replace('client_id = "idv-directory"\n', "") if "username" in text else text)
    assert open_directory(tenant_of(load(path, {})).directory).is_readable


@pytest.mark.parametrize("product", [name for name in PRODUCTS if "DIRECTORY_SECRET" in settings_file(name)])
def test_a_missing_secret_is_named(product: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIRECTORY_SECRET")
    with pytest.raises(ConfigurationError, match="DIRECTORY_SECRET"):
        tenant_of(read(product))


@each_product
def test_the_settings_of_every_product_are_an_example(product: str) -> None:
    [argument] = example.params
    assert f"settings-{product}" in argument.type.choices  # type: ignore[attr-defined]
    assert example_files()[f"settings-{product}"].read_text(encoding="utf-8") == settings_file(product)


def with_settings_of(product: str, issuer: AuthIssuer) -> Site:
    """Return a gate with a product's settings; its issuer is local."""
    return Site(replace(issuer_of(product), issuer=issuer.identifier, audience=AUDIENCE))


def of_product(shapes: list[Shape]) -> list[Shape]:
    """Return the tokens that are accepted with the profile alone."""
    own = [shape for shape in shapes if shape.settings.get("profile") in PRODUCTS]
    return [shape for shape in own if set(shape.settings) == {"profile", "audience"}]


@pytest.mark.parametrize("shape", of_product(ACCESS_TOKENS), ids=lambda shape: shape.name)
def test_the_settings_accept_the_products_access_tokens(shape: Shape, issuer: AuthIssuer) -> None:
    answer = with_settings_of(shape.settings["profile"], issuer).get(mint(issuer, shape))
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["subject"] == shape.subject
    assert SCOPE in answer.get_json()["scopes"]


@pytest.mark.parametrize("shape", of_product(ID_TOKENS), ids=lambda shape: shape.name)
def test_the_settings_refuse_the_products_id_tokens(shape: Shape, issuer: AuthIssuer) -> None:
    assert refusal(with_settings_of(shape.settings["profile"], issuer), mint(issuer, shape)) == "use"


def test_an_issuer_whose_name_ends_with_a_slash_is_found(issuer: AuthIssuer) -> None:
    """Auth0's name ends so."""
    [shape] = [shape for shape in ACCESS_TOKENS if shape.name == "auth0 permissions"]
    slashed = AuthIssuer()
    try:
        slashed.identifier += "/"
        for document in slashed.documents.values():
            if "issuer" in document:
                document["issuer"] = slashed.identifier
        assert with_settings_of("auth0", slashed).get(mint(slashed, shape)).status_code == 200
        assert refusal(with_settings_of("auth0", slashed), mint(issuer, shape)) == "iss"
    finally:
        slashed.close()


def test_the_role_of_keycloaks_administrators_has_their_scopes_and_no_users(issuer: AuthIssuer) -> None:
    [shape] = [shape for shape in ACCESS_TOKENS if shape.name == "keycloak"]
    site = with_settings_of("keycloak", issuer)
    token = mint(issuer, shape, realm_access={"roles": ["default-roles-shop", "idv-admin"]})
    assert {name for name in site.get(token).get_json()["scopes"] if name.startswith("internal_")} == ADMINISTRATOR
    assert refusal(site, mint(issuer, shape, realm_access={"roles": ["default-roles-shop"]}), 403) == "scope"
