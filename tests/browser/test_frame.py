"""The frame of the console: its parts, its safety, and the page that shows every part."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests
from playwright.sync_api import expect

from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from tests.browser.visiting import ALL_SCOPES, NARROW, Visitor
from tests.harness import World

Visit = Callable[..., Visitor]
SAMPLE = "/console/sample"
BROKEN = "Response Status Error Code 500 from /console/sample/broken"


@pytest.fixture
def visitor(visit: Visit) -> Visitor:
    """A person with every scope, at the page that shows every component."""
    visitor = visit()
    visitor.expected.append(BROKEN)
    return visitor


@pytest.mark.one_database
def test_every_component_is_legible_in_every_view(visitor: Visitor) -> None:
    visitor.look(SAMPLE, "sample")
    visitor.look("/console/sample/remove", "question")
    visitor.look("/console/sessions", "sessions")


@pytest.mark.one_database
def test_the_check_of_the_content_security_policy_detects_an_inline_handler(visitor: Visitor) -> None:
    with visitor.expecting_violations() as violations:
        visitor.open("/console/sample/control")
        visitor.page.get_by_role("button", name="Inline").click()
        visitor.page.wait_for_function("window.__violations.length > 0")
    assert [each for each in violations if each.startswith("script-src-attr")] != []
    assert visitor.page.locator("#proof").inner_text() == "not run"


@pytest.mark.one_database
def test_a_page_forbids_other_sources_and_caching(visitor: Visitor) -> None:
    answer = visitor.context.request.get(visitor.base + SAMPLE)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    file = re.findall(r'href="([^"]+console\.css[^"]*)"', answer.text())[0]
    assert "immutable" in visitor.context.request.get(visitor.place.connector.url + file).headers["cache-control"]


@pytest.mark.one_database
def test_a_destructive_action_is_confirmed_in_a_dialog_which_returns_the_focus(visitor: Visitor) -> None:
    page = visitor.open(SAMPLE)
    remove = page.get_by_role("link", name="Remove")
    remove.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("41,203 verifications")
    button = dialog.get_by_role("button", name="Remove")
    expect(button).to_be_disabled()
    visitor.axe()
    dialog.get_by_label("Type onfido-eu to confirm").fill("onfido-eu")
    expect(button).to_be_enabled()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(remove).to_be_focused()
    remove.click()
    dialog.get_by_label("Reason").fill("it moved")
    dialog.get_by_label("Type onfido-eu to confirm").fill("onfido-eu")
    button.click()
    expect(page.get_by_text("Removed.")).to_be_visible()


@pytest.mark.one_database
def test_every_action_is_possible_without_javascript(visit: Visit) -> None:
    visitor = visit(javascript=False)
    page = visitor.open(SAMPLE)
    page.get_by_role("link", name="Remove").click()
    expect(page.get_by_role("heading", name="Remove Onfido EU?")).to_be_visible()
    page.get_by_label("Reason").fill("it moved")
    page.get_by_label("Type onfido-eu to confirm").fill("another")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("the id did not match")).to_be_visible()
    page.locator("form").filter(has_text="API token").get_by_role("button", name="Save").click()
    expect(page.get_by_text("It was not saved.")).to_be_visible()


@pytest.mark.one_database
def test_the_result_of_an_action_is_shown_once_and_can_be_undone(visitor: Visitor) -> None:
    page = visitor.open(SAMPLE)
    page.get_by_label("Name", exact=True).fill("Onfido US")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved Onfido US.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Undone.")).to_have_count(0)


@pytest.mark.one_database
def test_a_form_error_is_shown_at_its_field_which_has_the_focus(visitor: Visitor) -> None:
    page = visitor.open(SAMPLE)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").filter(has_text="It was not saved.")).to_be_focused()
    field = page.get_by_label("Name", exact=True)
    assert field.get_attribute("aria-invalid") == "true"
    visitor.axe()


@pytest.mark.one_database
def test_a_panel_fails_alone_and_a_live_part_is_sent_again_only_after_a_change(visitor: Visitor) -> None:
    statuses: list[int] = []
    visitor.page.on("response", lambda answer: statuses.append(answer.status) if answer.url.endswith("/live") else None)
    page = visitor.open(SAMPLE)
    expect(page.get_by_text("The rest of this page is not affected.")).to_be_visible()
    expect(page.get_by_text("This came after the page.")).to_be_visible()
    for _ in range(2):
        with page.expect_response(lambda answer: answer.status == 304):
            pass
    assert statuses == [200, 304, 304]
    expect(page.locator(".live")).to_contain_text("Checked")


@pytest.mark.one_database
def test_the_keyboard_shortcuts_navigate(visitor: Visitor) -> None:
    page = visitor.open(SAMPLE)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()


@pytest.mark.one_database
def test_the_menu_is_a_drawer_on_narrow_screens(visit: Visit) -> None:
    visitor = visit(width=NARROW)
    page = visitor.open("/console/sessions")
    page.get_by_role("button", name="Menu").click()
    drawer = page.get_by_role("dialog", name="Menu")
    expect(drawer.get_by_role("link", name="Your sessions")).to_be_visible()
    visitor.axe()
    visitor.shot("drawer")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()


@pytest.mark.one_database
def test_the_chosen_theme_is_kept(visitor: Visitor) -> None:
    page = visitor.open("/console/sessions")
    page.get_by_role("button", name="Switch between light and dark").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"


@pytest.mark.one_database
def test_the_chosen_density_of_lists_is_kept(visitor: Visitor) -> None:
    page = visitor.open("/console/sessions")
    height = page.get_by_role("row").last.bounding_box()
    page.get_by_role("button", name="Compact lists").click()
    page.reload()
    expect(page.get_by_role("button", name="Compact lists", pressed=True)).to_be_visible()
    compact = page.get_by_role("row").last.bounding_box()
    assert height
    assert compact
    assert compact["height"] < height["height"]
    visitor.look_at("compact")


@pytest.mark.one_database
def test_a_page_without_permission_names_the_scope_and_is_not_in_the_menu(visit: Visit) -> None:
    visitor = visit(scopes=("internal_idv_claim_view",))
    page = visitor.open(SAMPLE, status=403)
    expect(page.get_by_text("internal_idvp_view")).to_be_visible()
    assert page.get_by_role("navigation", name="Main").get_by_role("link", name="Providers").count() == 0
    visitor.look_at("forbidden")


@pytest.mark.one_database
def test_an_unauthenticated_person_is_redirected_to_the_sign_in(visit: Visit) -> None:
    visitor = visit()
    visitor.context.clear_cookies()
    visitor.open(SAMPLE)
    assert "/console/sign-in" in visitor.page.url
    visitor.look_at("sign-in")


@pytest.mark.one_database
def test_an_unknown_page_has_an_error_page(visitor: Visitor) -> None:
    visitor.open("/console/nothing/here", status=404)
    visitor.look_at("no-such-page")


def test_a_session_belongs_to_its_tenant_and_can_be_ended(visit: Visit, place: World) -> None:
    visitor = visit()
    sessions = place.connector.services.console_sessions
    cookie = next(each for each in visitor.context.cookies() if each["name"] == f"console-{DEFAULT_TENANT}")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    other = {"Cookie": f"console-other={cookie['value']}"}
    answer = requests.get(
        f"{place.connector.url}/t/other/console/sessions", headers=other, timeout=60, allow_redirects=False
    )
    assert answer.status_code == 302, "another tenant's page does not know it"
    for session in sessions.search(Tenant(DEFAULT_TENANT), limit=50).rows:
        sessions.end(Tenant(DEFAULT_TENANT), session.session_id, "admin")
    visitor.open("/console/sessions")
    assert "/console/sign-in" in visitor.page.url


def test_a_person_can_end_the_session_of_another_browser(visit: Visit) -> None:
    first, second = visit(user="bob"), visit(user="bob")
    page = second.open("/console/sessions")
    page.get_by_role("button", name="Sign out").last.click()
    expect(page.get_by_text("That browser is signed out.")).to_be_visible()
    first.open("/console/sessions")
    assert "/console/sign-in" in first.page.url


def test_a_sign_in_link_can_be_used_only_once(place: World) -> None:
    sessions = place.connector.services.console_sessions
    secret = sessions.make_link(Tenant(DEFAULT_TENANT), "admin", ALL_SCOPES)
    url = f"{place.connector.url}/console/link/{secret}"
    first, second = (requests.get(url, timeout=60, allow_redirects=False) for _ in range(2))
    assert (first.status_code, second.status_code) == (302, 400)
    other = sessions.make_link(Tenant(DEFAULT_TENANT), "admin", ALL_SCOPES)
    assert requests.get(f"{place.connector.url}/t/other/console/link/{other}", timeout=60).status_code == 400


@pytest.mark.one_database
def test_a_post_from_another_site_has_no_effect(visitor: Visitor, place: World) -> None:
    cookies = {each["name"]: each["value"] for each in visitor.context.cookies()}
    for data in ({}, {"csrf_token": "forged"}):
        answer = requests.post(place.connector.url + "/console/sample/undo", data, cookies=cookies, timeout=60)
        assert answer.status_code == 400
    answer = requests.post(place.connector.url + "/console/sample/undo", timeout=60)
    assert answer.status_code == 401
