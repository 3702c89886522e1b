"""A provider's pages: without a dialect, beside another one, and the facts about its secrets and its monitor."""

from __future__ import annotations

import html
import json
import re

import pytest

from connector.domain.providers.provider import Provider
from connector.domain.studio.watchlist import AML
from connector.domain.tenancy import Tenant
from tests.bodies import API_TOKEN, WORKFLOW_ID, config_properties, provider_body
from tests.contract.wire import ALL_SCOPES, PROVIDERS
from tests.harness import World
from tests.plans.browsing import Console
from tests.plans.forms import filled, forms_of

NAMES = ("first_name", "last_name")
ANOTHER_WORKFLOW = "5f5a0c52-6a7e-4a6a-9d3b-0c5de0f0a002"
pytestmark = pytest.mark.one_database


@pytest.fixture
def console(world: World) -> Console:
    return Console(world, "bob", ALL_SCOPES)


def providers(world: World) -> dict[str, Provider]:
    return {each.name: each for each in world.connector.services.providers.all(Tenant(world.tenant))}


def at(world: World, page: str = "") -> str:
    return f"/console/providers/{world.provider_id}{page}"


def create(world: World, console: Console, **fields: str) -> str:
    given = {"name": "made here", "token": API_TOKEN, "workflow_id": WORKFLOW_ID, "base_url": world.simulator.api_url}
    return console.submit("/console/providers/new", do="test", **given | fields)


def test_the_chosen_dialect_fills_the_mapping(world: World, console: Console) -> None:
    assert "made here is registered. These steps remain." in create(world, console, dialect="oidc")
    assert providers(world)["made here"].claims["given_name"] == "first_name"


def test_without_a_dialect_only_the_names_are_mapped(world: World, console: Console) -> None:
    given = {"dialect": "none", "first_name": " urn:first ", "last_name": "urn:last"}
    refused = create(world, console, **given | {"last_name": " "})
    assert "made here" not in providers(world)
    assert "must not be empty" in refused
    assert 'value=" urn:first "' in refused

    create(world, console, **given)

    assert dict(providers(world)["made here"].claims) == {"urn:first": "first_name", "urn:last": "last_name"}


def test_a_change_is_tested_at_onfido_whatever_the_mapping_lacks(world: World, console: Console) -> None:
    claims = [{"localClaim": f"urn:{name}", "idvpClaim": name} for name in (*NAMES, "address.town")]
    body = provider_body(world.simulator, claims=claims)
    assert world.connector.as_admin(world.tenant).put(f"{PROVIDERS}/{world.provider_id}", body).ok

    page = console.submit(at(world, "/general"), do="test", workflow_id=ANOTHER_WORKFLOW)

    assert "Saved." in page
    assert providers(world)["Onfido"].workflow_id.endswith("a002")


def hidden(page: str) -> dict[str, str]:
    """Return the file and the version of the settings, as the page has shown the differences between them."""
    fields = dict(re.findall(r'name="(text|version)" value="([^"]*)"', page))
    return {name: html.unescape(value) for name, value in fields.items()}


def test_two_providers_are_compared_and_one_is_copied_to_the_other(world: World, console: Console) -> None:
    names = [{"localClaim": f"urn:{name}", "idvpClaim": name} for name in NAMES]
    body = provider_body(world.simulator, name="Live", description="for customers", claims=names)
    made = world.connector.as_admin(world.tenant).post(PROVIDERS, body)
    assert made.status_code == 201, made.text
    path, live = at(world, "/compare"), made.json()["id"]
    assert "Choose the provider to compare it with." in console.open(path)

    compared = console.open(f"{path}?with={live}")

    assert "for customers" in compared
    assert ">dob<" in compared
    assert API_TOKEN not in compared
    shown = console.submit_at(f"{path}?with={live}", f"/console/providers/{live}/import", do="show")
    assert "What the file changes" in shown
    assert len(providers(world)["Live"].claims) == 2, "nothing is changed before it was shown"
    assert "Live" in hidden(shown)["text"]
    before = providers(world)["Live"]
    console.post(f"/console/providers/{live}/import", **hidden(shown), do="apply")
    after = providers(world)["Live"]
    assert (after.claims, after.sealed_api_token) == (providers(world)["Onfido"].claims, before.sealed_api_token)
    assert "Both have the same settings." in console.open(f"{path}?with={live}")


def test_settings_are_compared_under_the_labels_and_in_the_words_of_their_forms(world: World, console: Console) -> None:
    studio = {
        "tags": ["vip", "web"],
        "capture": "link",
        "link": {"lifetime": 7200},
        "outputClaims": [{"pointer": "/nationality", "localClaim": "urn:nationality", "as": "value"}],
        "customData": [{"name": "risk", "type": "string", "value": "high"}],
    }
    properties = config_properties(world.simulator, attempt_window="7200", workflow_id=ANOTHER_WORKFLOW)
    body = provider_body(world.simulator, name="Live", studio=studio, configProperties=properties)
    made = world.connector.as_admin(world.tenant).post(PROVIDERS, body)
    assert made.status_code == 201, made.text

    compared = console.open(f"{at(world, '/compare')}?with={made.json()['id']}")

    rows = {
        label: values
        for label, *values in re.findall(
            r'<tr><td[^>]*title="[^"]*">(.*?)</td><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td></tr>', compared, re.DOTALL
        )
    }
    assert {name: html.unescape(after) for name, (_before, after) in rows.items()} == {
        "Workflow id": ANOTHER_WORKFLOW,
        "Within this number of hours": "2",
        "Tags": "vip\nweb",
        "Users go through capture": "on Onfido's page, at a link",
        "A link is valid for, in hours": "2",
        "Read from the output": "/nationality → Nationality (the value)",
        "Input of the workflow": 'risk: "high"',
    }


def test_a_copy_replaces_the_use_of_studio_and_leaves_the_credentials(world: World, console: Console) -> None:
    admin, ids = world.connector.as_admin(world.tenant), {}
    for name, tags in (("Sandbox", []), ("Live", ["old"])):
        client = config_properties(world.simulator, token=None, client_id=f"of-{name}", client_secret=f"secret-{name}")
        body = provider_body(world.simulator, name=name, configProperties=client, studio={"tags": tags})
        ids[name] = admin.post(PROVIDERS, body).json()["id"]
    compare = f"/console/providers/{ids['Sandbox']}/compare?with={ids['Live']}"
    take = f"/console/providers/{ids['Live']}/import"
    compared = console.open(compare)
    assert ">old<" in compared
    assert "of-Live" not in compared, "a copy does not change it"

    shown = console.submit_at(compare, take, do="show")
    console.post(take, **hidden(shown), do="apply")

    after = providers(world)["Live"]
    assert (after.studio.tags, after.client_id) == ((), "of-Live")
    assert "Both have the same settings." in console.open(compare)


@pytest.mark.parametrize("version", ["", "another"])
def test_a_file_is_not_applied_unless_its_differences_to_the_present_settings_were_shown(
    world: World, console: Console, version: str
) -> None:
    path = at(world, "/import")
    file = json.loads(console.open(at(world, "/export"))) | {"description": "from a file"}
    shown = hidden(console.post(path, text=json.dumps(file), do="show"))

    page = console.post(path, **shown | {"version": version}, do="apply")

    assert "The provider was changed since this was shown" in page
    assert providers(world)["Onfido"].description != "from a file"
    body = provider_body(world.simulator, description="by another person")
    assert world.connector.as_admin(world.tenant).put(f"{PROVIDERS}/{world.provider_id}", body).ok
    page = console.post(path, **shown, do="apply")
    assert "by another person" in page
    assert providers(world)["Onfido"].description == "by another person"
    console.post(path, **hidden(page), do="apply")
    assert providers(world)["Onfido"].description == "from a file"


def test_a_change_made_meanwhile_is_found_however_long_the_values_that_a_form_was_shown_with(
    world: World, console: Console
) -> None:
    path = at(world, "/general")
    [form] = [each for each in forms_of(path, console.open(path)) if each.action == path]
    fields = dict(filled(form, {"description": "mine", "do": "save"}))
    del fields["csrf_token"]
    body = provider_body(world.simulator, description="by another person")
    assert world.connector.as_admin(world.tenant).put(f"{PROVIDERS}/{world.provider_id}", body).ok

    answer = console.post_anyhow(path, **fields | {"shown": fields["shown"] + " " * 150_000})

    assert answer.status_code == 409, answer.text
    assert providers(world)["Onfido"].description == "by another person"


def test_the_only_provider_has_nothing_to_be_compared_with(world: World, console: Console) -> None:
    assert "There is no other provider to compare it with." in console.open(at(world, "/compare"))


def test_the_page_of_secrets_shows_who_changed_each_last(world: World, console: Console) -> None:
    console.submit(at(world, "/secrets"), webhook_token="a-token-of-the-dashboard", do="save")

    page = console.open(at(world, "/secrets"))

    [webhook] = re.findall(r"<dt>Webhook token</dt><dd>(.*?)</dd>", page, re.DOTALL)
    assert "by bob" in webhook
    [credentials] = re.findall(r"<dt>Credentials</dt><dd>(.*?)</dd>", page, re.DOTALL)
    assert "by admin" in credentials
    assert "by bob" not in Console(world, "vera", ["internal_idvp_view"]).open(at(world, "/secrets"))


def test_watchlist_monitors_are_chosen_in_the_console(world: World, console: Console) -> None:
    assert "Capture is saved." in console.submit(at(world, "/capture"), monitor=AML)
    assert providers(world)["Onfido"].studio.watchlist_monitor == AML
    console.submit(at(world, "/capture"), language="de_DE")
    assert providers(world)["Onfido"].studio.watchlist_monitor == AML
    console.submit(at(world, "/capture"), monitor="")
    assert providers(world)["Onfido"].studio.watchlist_monitor is None
