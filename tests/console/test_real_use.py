"""What happens to administrators in practice: links from elsewhere, objects that are gone, unusual names."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from tests.bodies import provider_body
from tests.console.test_every_page import SCOPES, sign_in
from tests.contract.wire import ALL_SCOPES, PROVIDERS
from tests.harness import HTTP, World
from tests.plans.browsing import Console
from tests.plans.forms import filled, forms_of

pytestmark = pytest.mark.one_database
NAMES = {
    "quotes": 'O\'Neill "& Sons" </td><script>alert(1)</script>',
    "right-to-left": "עברית العربية abc",
    "emoji": "🏦👩‍👩‍👧‍👦 Zoë",
    "template": "{{ 7 * 7 }} %(name)s %s ${x}",
    "long": "n" * 255,
}


@pytest.mark.parametrize(
    "path",
    ["/console/verifications?status=review&status=declined&tag=a%26b", "/console/users/ann%2Fb", "/console/audit"],
)
def test_a_deep_link_leads_back_to_its_page_after_the_sign_in(world: World, path: str) -> None:
    answer = HTTP.get(world.connector.url + path, timeout=60, allow_redirects=False)
    assert answer.status_code == 302
    [following] = parse_qs(urlsplit(answer.headers["Location"]).query)["next"]

    secret = world.connector.services.console_sessions.make_link(Tenant(DEFAULT_TENANT), "bob", SCOPES)
    link = f"{world.connector.url}/console/link/{secret}?next={quote(following, safe='')}"
    reached = HTTP.get(link, timeout=60, allow_redirects=False).headers["Location"]

    assert urlsplit(reached).path.replace("%2F", "/") == urlsplit(path).path.replace("%2F", "/")
    assert parse_qs(urlsplit(reached).query) == parse_qs(urlsplit(path).query)


@pytest.mark.parametrize("tab", ["limits", "general", "workflow", "capture", "attributes"])
def test_saving_a_provider_that_was_removed_meanwhile_says_so(world: World, tab: str) -> None:
    with sign_in(world) as http:
        path = f"/console/providers/{world.provider_id}/{tab}"
        page = http.get(world.connector.url + path, timeout=60)
        [form] = [each for each in forms_of(path, page.text) if each.action == path]
        world.connector.as_admin().request("DELETE", f"{PROVIDERS}/{world.provider_id}")

        answer = http.post(world.connector.url + path, data=filled(form, {"do": "save"}), timeout=60)

        assert answer.status_code == 404
        assert "Not found" in answer.text
        assert "To the first page" in answer.text
        assert http.get(world.connector.url + path, timeout=60).status_code == 404, "the back button finds no old page"


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_any_name_is_shown_as_it_is_on_every_page_of_its_provider(world: World, name: str) -> None:
    admin = world.connector.as_admin()
    answer = admin.post(PROVIDERS, provider_body(world.simulator, name=name))
    assert answer.status_code == 201, answer.text
    console, path = Console(world, "bob", ALL_SCOPES), f"/console/providers/{answer.json()['id']}"
    for page in ("/console/providers", "/console/home", f"{path}/setup", f"{path}/general", f"{path}/danger/delete"):
        text = console.open(page)
        assert name in html.unescape(text), page
        assert "<script>alert" not in text, page
    assert re.search(r"49 ", console.open("/console/providers")) is None


def test_a_user_with_any_id_has_a_page(world: World) -> None:
    console = Console(world, "bob", ALL_SCOPES)
    for user_id in ("a/b", "ä ö", "o'neill\"<b>", "🏦", "u" * 255, "%2F", "a?b#c"):
        world.add_user(user_id)
        page = console.open(f"/console/users/{quote(user_id, safe='')}")
        assert user_id in html.unescape(page)
        assert "<b>" + "</h1>" not in page


@pytest.mark.parametrize("user_id", ["SECONDARY/ann", "a?b#c"])
def test_every_link_to_a_user_leads_to_the_page(world: World, user_id: str) -> None:
    world.start(world.add_user(user_id))
    [verification] = world.verifications(user_id)
    console = Console(world, "bob", ALL_SCOPES)
    pages = ["verifications", f"verifications/{verification.verification_id}", "deliveries", "users", "audit"]
    links = {
        link
        for page in pages
        for link in re.findall(r'href="(/console/users/[^"]+)"', console.open(f"/console/{page}"))
    }
    assert links
    for link in links:
        assert user_id in html.unescape(console.open(html.unescape(link))), link


def test_the_set_up_says_which_webhook_onfido_lacks(world: World) -> None:
    """The connector is reached at another URL than the one that is registered at Onfido."""
    body = provider_body(world.simulator, name="At a wrong URL")
    provider_id = world.connector.as_admin().post(PROVIDERS, body).json()["id"]
    console = Console(world, "bob", ALL_SCOPES)
    console.post(f"/console/providers/{provider_id}/setup/check")

    page = html.unescape(console.open(f"/console/providers/{provider_id}/setup"))

    assert f"Onfido has no webhook with the URL {world.connector.url}/idv/onfido/v1/{provider_id}/verify" in page
    assert "Register the webhook" in page
