"""The OpenID provider's clients in the console, without a browser: the effect of each form, and refusals."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
import requests
from joserfc.jwk import RSAKey

from connector.domain.openid.clients import Client
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from tests.console.test_every_page import sign_in
from tests.harness import World
from tests.oidc.relying_party import REDIRECT_URI, RelyingParty, UserBrowser, register

pytestmark = pytest.mark.one_database

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_SHOWN = re.compile(r'name="shown" value="([^"]+)"')
_SECRET = re.compile(r'data-copy="([\w-]{43})"')


class Administrator:
    """A person at the pages of clients."""

    def __init__(self, world: World, tenant: str = DEFAULT_TENANT) -> None:
        self.world = world
        self.tenant = Tenant(tenant)
        self._browser = sign_in(world, tenant)
        self._base = world.connector.url + self.tenant.path + "/console/clients"

    def open(self, path: str = "") -> requests.Response:
        return self._browser.get(self._base + path, timeout=60)

    def post(self, path: str, form: str = "/new", **fields: Any) -> requests.Response:
        token = _TOKEN.search(self.open(form).text)
        assert token, form
        return self._browser.post(self._base + path, data={"csrf_token": token[1], **fields}, timeout=60)

    def shown(self, path: str) -> tuple[dict[str, Any], str]:
        """Open a form; return its values, and the shown object from its hidden field."""
        carried = _SHOWN.search(self.open(path).text)
        assert carried, path
        config = json.loads(shown := html.unescape(carried[1]))
        given = {name: config[name] for name in ("name", "profile", "claims")}
        given |= {"provider": config["provider_id"], "redirect_uris": "\n".join(config["redirect_uris"])}
        return given | {"method": "secret", "allows_sandbox": "y" if config["allows_sandbox"] else None}, shown

    def clients(self) -> list[Client]:
        return self.world.connector.services.openid_clients.all(self.tenant)

    def fields(self, **changes: Any) -> dict[str, Any]:
        given = {
            "name": "Workforce",
            "profile": "okta",
            "provider": self.world.provider_id,
            "redirect_uris": f"{REDIRECT_URI}\r\n\r\n  https://app.example/cb  \r\n",
            "claims": ["given_name", "family_name"],
            "method": "secret",
            "allows_sandbox": "y",
        }
        return {name: value for name, value in (given | changes).items() if value is not None}


@pytest.fixture
def admin(world: World) -> Administrator:
    return Administrator(world)


def test_a_client_is_added_with_a_valid_secret_that_is_shown_once(world: World, admin: Administrator) -> None:
    assert "No client yet." in admin.open().text
    page = admin.post("/new", **admin.fields())
    [client] = admin.clients()
    assert client.config.redirect_uris == (REDIRECT_URI, "https://app.example/cb")
    assert (client.config.claims, client.config.allows_sandbox) == (("given_name", "family_name"), True)
    [secret] = _SECRET.findall(page.text)
    RelyingParty(world, client.client_id, secret).push()
    for path in ("", f"/{client.client_id}", f"/{client.client_id}/edit"):
        shown = admin.open(path).text
        assert "Workforce" in shown
        assert secret not in shown
    assert f"{world.connector.url}/.well-known/openid-configuration" in admin.open(f"/{client.client_id}").text


def test_a_client_with_keys_has_no_secret_to_show(admin: Administrator) -> None:
    key = RSAKey.generate_key(2048)
    keys = json.dumps({"keys": [key.as_dict(private=False)]})
    page = admin.post("/new", **admin.fields(method="private_key_jwt", keys=keys, claims=None))
    [client] = admin.clients()
    assert client.methods == ("private_key_jwt",)
    assert not _SECRET.search(page.text)
    assert "/rotate" not in page.text
    path = f"/{client.client_id}/edit"
    assert str(key.as_dict(private=False)["n"]) in admin.open(path).text
    admin.post(path, path, **admin.fields(keys=keys))
    assert admin.clients()[0].methods[0] == "client_secret_basic", "the keys are given up"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"profile": "saml"}, "profile"),
        ({"provider": "00000000-0000-4000-8000-000000000000"}, "provider"),
        ({"redirect_uris": ""}, "redirect_uris"),
        ({"redirect_uris": "http://app.example/cb"}, "redirect_uris"),
        ({"redirect_uris": "https://app.example/cb#part"}, "redirect_uris"),
        ({"claims": ["shoe_size"]}, "claims"),
        ({"claims": ["given_name"]}, "claims"),
        ({"claims": ["address.region"]}, "claims"),
        ({"method": "private_key_jwt"}, "keys"),
        ({"method": "private_key_jwt", "keys": "{"}, "keys"),
        ({"method": "private_key_jwt", "keys": "[" * 30_000}, "keys"),
        ({"method": "private_key_jwt", "keys": '{"keys": [{"a": ' + "[" * 700 + "]" * 700 + "}]}"}, "keys"),
        ({"method": "private_key_jwt", "keys": '{"keys": []}'}, "keys"),
        ({"method": "private_key_jwt", "keys": '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'}, "keys"),
        ({"method": "none"}, "method"),
    ],
    ids=str,
)
def test_an_invalid_form_shows_each_error_at_its_field(
    admin: Administrator, changes: dict[str, Any], field: str
) -> None:
    page = admin.post("/new", **admin.fields(**changes)).text
    assert f'id="{field}-error"' in page
    assert "c2VjcmV0" not in page, "a secret key is not sent back"
    assert admin.clients() == []


def test_a_change_keeps_secret_and_state_and_is_audited(world: World, admin: Administrator) -> None:
    party = register(world)
    path = f"/{party.client_id}/edit"
    page = admin.post(path, path, **admin.fields(name="Staff", allows_sandbox=None, claims=None)).text
    assert "The client was changed." in page
    assert "Staff" in page
    assert "its requests are refused" in page, "its provider is in the sandbox"
    [client] = admin.clients()
    assert (client.config.name, client.config.claims, client.config.allows_sandbox) == ("Staff", (), False)
    assert client.config.is_enabled
    audit = admin.open("/../audit").text
    assert "Staff" in audit
    assert "allows_sandbox" in audit


def test_changes_of_two_people_to_different_values_are_both_saved(world: World, admin: Administrator) -> None:
    party = register(world)
    path = f"/{party.client_id}/edit"
    form, shown = admin.shown(path)
    admin.post(path, path, **form | {"name": "Named by another"})

    page = admin.post(path, path, **form | {"allows_sandbox": None, "shown": shown})

    assert "The client was changed." in page.text
    [client] = admin.clients()
    assert (client.config.name, client.config.allows_sandbox) == ("Named by another", False)


def test_a_value_changed_by_two_people_must_be_decided(world: World, admin: Administrator) -> None:
    party = register(world)
    path = f"/{party.client_id}/edit"
    form, shown = admin.shown(path)
    admin.post(path, path, **form | {"name": "Named by another"})

    page = admin.post(path, path, **form | {"name": "Named by me", "shown": shown})

    assert page.status_code == 409
    assert "Named by another" in page.text
    assert "Named by me" in page.text
    assert [each.config.name for each in admin.clients()] == ["Named by another"]


def test_disabling_a_client_keeps_concurrent_changes(world: World, admin: Administrator) -> None:
    party = register(world)
    path = f"/{party.client_id}"
    form, shown = admin.shown(f"{path}/edit")
    admin.post(f"{path}/disable", f"{path}/disable")

    admin.post(f"{path}/edit", f"{path}/edit", **form | {"name": "Staff", "shown": shown})

    [client] = admin.clients()
    assert (client.config.name, client.config.is_enabled) == ("Staff", False)


def test_a_secret_is_replaced_with_overlap(world: World, admin: Administrator) -> None:
    party = register(world)
    path = f"/{party.client_id}"
    assert "until the overlap ends" in admin.open(f"{path}/rotate").text
    page = admin.post(f"{path}/rotate", f"{path}/rotate").text
    [secret] = _SECRET.findall(page)
    assert secret != party.secret
    for each in (party.secret, secret):
        RelyingParty(world, party.client_id, each).push()
    assert "the former one is valid until" in admin.open(path).text


def test_disabling_is_undone(world: World, admin: Administrator) -> None:
    party = register(world)
    path = f"/{party.client_id}"
    page = admin.post(f"{path}/disable", f"{path}/disable").text
    assert f'action="/console/clients{path}/enable"' in page
    parameters, _ = party.parameters()
    assert party.post("/oauth2/par", parameters).status_code == 401
    admin.post(f"{path}/enable", path)
    party.push()


def test_removal_shows_its_consequences_and_asks_for_the_name(world: World, admin: Administrator) -> None:
    party = register(world)
    path = f"/{party.client_id}"
    assert "None of its requests is in progress" in admin.open(f"{path}/remove").text
    browser = UserBrowser(party)
    browser.authorize(party.push())
    assert "1 person with a request in progress" in admin.open(f"{path}/remove").text
    assert "typed name does not match" in admin.post(f"{path}/remove", f"{path}/remove", typed="Other").text
    assert len(admin.clients()) == 1
    assert "The client was removed." in admin.post(f"{path}/remove", f"{path}/remove", typed="Example Workforce").text
    assert admin.clients() == []
    assert browser.look().status_code == 404


def test_the_administrator_of_another_tenant_can_neither_see_nor_change_a_client(
    world: World, admin: Administrator
) -> None:
    party, stranger = register(world), Administrator(world, "theirs.example")
    assert "Example Workforce" not in stranger.open().text
    for path in ("", "/edit", "/rotate", "/disable", "/remove"):
        assert stranger.open(f"/{party.client_id}{path}").status_code == 404
    for action in ("edit", "rotate", "disable", "enable", "remove"):
        fields = admin.fields(typed="Example Workforce")
        assert stranger.post(f"/{party.client_id}/{action}", **fields).status_code == 404
    assert stranger.post("/new", **admin.fields()).status_code == 200
    assert stranger.clients() == [], "our provider is not offered there"
    assert len(admin.clients()) == 1
