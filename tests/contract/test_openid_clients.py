"""The OpenID provider's clients over HTTP and on the command line: registered, changed, shown and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from tests.bodies import provider_body
from tests.cli.conftest import commands
from tests.contract.wire import OPENID_CLIENTS, PROVIDERS
from tests.harness import Caller, World
from tests.values import GIVEN_NAME, LAST_NAME

pytestmark = pytest.mark.one_database

CALLBACK = "https://org.okta.example/idp/identity-verification/callback"
MASK = "********"
NAMES = ["given_name", "family_name"]


@pytest.fixture
def admin(world: World) -> Caller:
    return world.connector.as_admin()


def body_of(world: World, **changes: Any) -> dict[str, Any]:
    given = {"name": "Workforce", "profile": "okta", "idVProviderId": world.provider_id, "redirectUris": [CALLBACK]}
    return given | changes


def test_a_client_is_registered_shown_changed_and_removed(world: World, admin: Caller) -> None:
    made = admin.post(OPENID_CLIENTS, body_of(world)).json()
    assert len(made["secret"]) >= 43
    path = f"{OPENID_CLIENTS}/{made['clientId']}"
    assert made | {"secret": MASK} == admin.get(path).json() == admin.get(OPENID_CLIENTS).json()["clients"][0]
    assert (made["allowsSandbox"], made["isEnabled"], made["claims"], made["keys"]) == (False, True, [], [])

    changed = admin.put(path, body_of(world, claims=NAMES, allowsSandbox=True, isEnabled=False)).json()
    assert (changed["allowsSandbox"], changed["isEnabled"], changed["claims"]) == (True, False, NAMES)
    assert admin.put(path, body_of(world)).json()["allowsSandbox"] is False, "a missing member is reset to its default"

    rotated = admin.post(f"{path}/rotate-secret", None).json()
    assert rotated["secret"] not in (made["secret"], MASK)
    assert rotated["previousSecretExpiresAt"] is not None
    assert admin.request("DELETE", path).status_code == 204
    assert admin.get(path).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"profile": "saml"}, "profile"),
        ({"redirectUris": []}, "redirectUris"),
        ({"redirectUris": ["http://app.example/cb"]}, "redirectUris"),
        ({"claims": ["shoe_size"]}, "claims"),
        ({"claims": ["given_name"]}, "claims: must also include family_name"),
        ({"claims": ["birthdate"]}, "claims: must also include family_name, given_name"),
        ({"claims": ["address.locality", "email"]}, "claims: must include one of birthdate, family_name, given_name"),
        ({"claims": ["address.locality"], "profile": "ida"}, "never verifies address.locality"),
        ({"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}, "keys"),
        ({"keys": [RSAKey.generate_key(2048).as_dict(private=True)]}, "keys"),
        ({"idVProviderId": "00000000-0000-4000-8000-000000000000"}, "idVProviderId"),
        ({"allowsSandbox": "perhaps"}, "allowsSandbox"),
    ],
    ids=[
        "name",
        "profile",
        "no URI",
        "http",
        "claim",
        "one name",
        "no name",
        "unmapped",
        "unmapped ida",
        "no key",
        "private key",
        "provider",
        "sandbox",
    ],
)
def test_an_invalid_client_is_refused_with_its_field(
    world: World, admin: Caller, changes: dict[str, Any], field: str
) -> None:
    answer = admin.post(OPENID_CLIENTS, body_of(world, **changes))
    assert (answer.status_code, answer.json()["code"]) == (400, "IDVP-60002")
    assert field in answer.json()["description"]
    assert admin.get(OPENID_CLIENTS).json()["count"] == 0


def test_a_client_whose_provider_was_changed_can_still_be_disabled(world: World, admin: Caller) -> None:
    body = body_of(world, claims=["birthdate"], profile="ida")
    path = f"{OPENID_CLIENTS}/{admin.post(OPENID_CLIENTS, body).json()['clientId']}"
    names = [
        {"localClaim": GIVEN_NAME, "idvpClaim": "first_name"},
        {"localClaim": LAST_NAME, "idvpClaim": "last_name"},
    ]
    provider = provider_body(world.simulator, claims=names)
    assert admin.put(f"{PROVIDERS}/{world.provider_id}", provider).status_code == 200
    assert admin.put(path, body | {"isEnabled": False}).json()["isEnabled"] is False
    refused = admin.put(path, body | {"claims": ["birthdate", "email"]})
    assert (refused.status_code, "never verifies" in refused.json()["description"]) == (400, True)


def test_another_tenant_can_neither_see_nor_change_a_client(world: World, admin: Caller) -> None:
    made = admin.post(OPENID_CLIENTS, body_of(world)).json()
    stranger = world.connector.as_admin("theirs.example")
    path = f"{OPENID_CLIENTS}/{made['clientId']}"
    assert stranger.get(OPENID_CLIENTS).json() == {"count": 0, "clients": []}
    assert stranger.post(OPENID_CLIENTS, body_of(world)).status_code == 400, "our provider is not theirs"
    refused = (stranger.get(path), stranger.post(f"{path}/rotate-secret", None), stranger.request("DELETE", path))
    assert [answer.status_code for answer in refused] == [404, 404, 404]
    assert admin.get(path).status_code == 200


def test_the_command_line_has_the_same_operations(world: World, admin: Caller, tmp_path: Path) -> None:
    settings = world.connector.settings
    run = commands(settings.data_dir)
    options = {"CONNECTOR_DATABASE_URL": settings.database_url, "CONNECTOR_ALLOW_HTTP_LOOPBACK": "true"}

    def connector(*arguments: str) -> Any:
        result = run("openid", *arguments, "--json", **options)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    given = ("--name", "Workforce", "--profile", "okta", "--provider", world.provider_id, "--redirect-uri", CALLBACK)
    made = connector("add-client", *given, "--allow-sandbox")
    assert made | {"secret": MASK} == admin.get(f"{OPENID_CLIENTS}/{made['clientId']}").json()
    assert made["allowsSandbox"] is True
    changed = connector("update-client", made["clientId"], "--refuse-sandbox", *(f"--claim={name}" for name in NAMES))
    assert (changed["allowsSandbox"], changed["claims"]) == (False, NAMES)
    for arguments in (("add-client", *given), ("update-client", made["clientId"])):
        refused = run("openid", *arguments, "--claim", "given_name", **options)
        assert refused.exit_code != 0
        assert "must also include family_name" in refused.output
    keys = tmp_path / "keys.json"
    keys.write_text("[" * 60_000)
    refused = run("openid", "update-client", made["clientId"], "--keys", str(keys), **options)
    assert (refused.exit_code, "must be a JWK Set" in refused.output) == (2, True)
    assert connector("update-client", made["clientId"], "--name", "Staff")["allowsSandbox"] is False
    assert connector("rotate-secret", made["clientId"])["previousSecretExpiresAt"] is not None
    assert connector("list")["count"] == 1
