"""The user's page in a browser: from the sign-in to the result, with Onfido's pages and with its Web SDK."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from connector.console.verify.policy import SDK_URL
from connector.domain.tenancy import Tenant
from tests.bodies import config_properties
from tests.browser.visiting import Visitor
from tests.contract.wire import PROVIDERS, USERS, entry, new_provider
from tests.harness import HTTP, World
from tests.values import GIVEN_NAME, VALUES

Visit = Callable[..., Visitor]
SCOPES = ("internal_login",)
_numbers = itertools.count(1)

# A substitute for Onfido's Web SDK: shows its parameters, and ends as the test clicks.
SDK = """
window.Onfido = {init(options) {
  const mount = document.getElementById(options.containerId);
  const button = (text, action) => {
    const each = document.createElement("button");
    each.textContent = text; each.onclick = action; mount.append(each);
  };
  mount.dataset.was = [options.token.length > 20, options.workflowRunId].join(" ");
  button("Complete", () => options.onComplete({}));
  button("Leave", () => options.onUserExit("USER_CONSENT_DENIED"));
  button("Fail", () => options.onError({type: "exception"}));
  return {tearDown() { mount.replaceChildren(); }};
}};
"""


class Own:
    """A user of a separate provider, with their page open."""

    def __init__(self, place: World, visit: Visit, *, user: str = "", **studio: Any) -> None:
        self.place, self.visit = place, visit
        self.user = user or f"user-{next(_numbers)}"
        place.connector.services.users.add(Tenant(place.tenant), self.user, VALUES)
        properties = config_properties(place.simulator, accent_color="#0c6b58")
        self.provider_id = new_provider(place, configProperties=properties)
        self.path = f"/verify/{self.provider_id}"
        self.back = f"{place.connector.url}{self.path}/return"
        self.configure(**studio)

    def configure(self, capture: str = "link", **changes: Any) -> None:
        """Change the provider."""
        admin = self.place.connector.as_admin()
        body = admin.get(f"{PROVIDERS}/{self.provider_id}").json()
        link = {"redirectUrls": [self.back], "completedRedirectUrl": self.back, "expiredRedirectUrl": self.back}
        properties = config_properties(self.place.simulator, accent_color="#0c6b58", **changes.pop("properties", {}))
        body |= {"configProperties": properties, "studio": {"capture": capture, "link": link}} | changes
        answer = admin.put(f"{PROVIDERS}/{self.provider_id}", body)
        assert answer.status_code == 200, answer.text

    def register_webhook(self) -> None:
        answer = self.place.connector.as_admin().post(f"{PROVIDERS}/{self.provider_id}/webhook", None)
        assert answer.ok, answer.text

    def come(self, **options: Any) -> Visitor:
        """Sign in and open the page."""
        visitor = self.visit(SCOPES, user=self.user, **options)
        visitor.open(self.path)
        return visitor

    @property
    def run_id(self) -> str:
        return str(self.place.verifications(self.user)[0].run_id)


@pytest.fixture
def own(place: World, visit: Visit) -> Own:
    return Own(place, visit)


def headline(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def at_onfido(page: Page) -> None:
    """Wait for Onfido's page."""
    page.wait_for_url("**/link/**")


def test_a_user_is_verified_at_onfidos_pages(own: Own) -> None:
    visitor = own.come()
    page = visitor.page
    headline(page, "Verify your identity")
    expect(page.get_by_text("Not checked", exact=True)).to_have_count(3)
    visitor.axe()
    press(page, "Agree and start")
    at_onfido(page)
    press(page, "Submit documents")
    page.wait_for_url(f"**{own.path}")
    headline(page, "You are verified")
    expect(page.get_by_text("Verified", exact=True)).to_have_count(3)
    expect(page.get_by_role("button")).to_have_text(["Sign out"])


@pytest.mark.one_database
def test_a_document_that_differs_is_explained_and_can_be_tried_again(own: Own) -> None:
    visitor = own.come()
    page = visitor.page
    press(page, "Agree and start")
    at_onfido(page)
    page.get_by_label("Date of birth").select_option("consider")
    page.get_by_label("Workflow run").select_option("declined")
    press(page, "Apply this result")
    page.wait_for_url(f"**{own.path}")
    headline(page, "Not verified this time")
    expect(page.get_by_text("Your document shows something else.")).to_be_visible()
    visitor.axe()
    press(page, "Try again")
    at_onfido(page)
    press(page, "Submit documents")
    headline(page, "You are verified")


@pytest.mark.one_database
def test_a_closed_window_is_resumed_and_an_abandoned_run_replaced(own: Own) -> None:
    visitor = own.come()
    page = visitor.page
    press(page, "Agree and start")
    at_onfido(page)
    first = page.url
    page.close()
    visitor.page = page = visitor.context.new_page()
    visitor.open(own.path)
    headline(page, "Continue your verification")
    own.place.clock.advance(5)
    press(page, "Continue")
    at_onfido(page)
    assert page.url == first
    press(page, "Abandon")
    own.place.clock.advance(5)
    visitor.open(f"{own.path}/return")
    headline(page, "Not verified this time")
    expect(page.get_by_text("The time for your verification is over.")).to_be_visible()
    press(page, "Try again")
    at_onfido(page)
    assert page.url != first


@pytest.mark.one_database
def test_an_expired_link_is_replaced_by_a_new_one(own: Own) -> None:
    admin = own.place.connector.as_admin()
    body = admin.get(f"{PROVIDERS}/{own.provider_id}").json()
    body["studio"]["link"]["lifetime"] = 60
    body["configProperties"] = config_properties(own.place.simulator)
    assert admin.put(f"{PROVIDERS}/{own.provider_id}", body).status_code == 200
    visitor = own.come()
    page = visitor.page
    press(page, "Agree and start")
    at_onfido(page)
    first = page.url
    own.place.clock.advance(120)
    visitor.open(own.path)
    press(page, "Continue")
    at_onfido(page)
    assert page.url != first


def test_the_page_refreshes_until_the_result(own: Own) -> None:
    """The webhook brings it; the user does nothing."""
    own.register_webhook()
    visitor = own.come()
    page = visitor.page
    press(page, "Agree and start")
    at_onfido(page)
    visitor.open(own.path)
    headline(page, "Continue your verification")
    own.place.outcome(own.run_id)
    headline(page, "You are verified")
    expect(page.locator("#announce")).to_have_text("You are verified")


@pytest.mark.one_database
def test_a_lost_webhook_loses_no_result(own: Own) -> None:
    """No webhook is registered: the page reads the result from Onfido when the user returns."""
    visitor = own.come()
    page = visitor.page
    press(page, "Agree and start")
    at_onfido(page)
    own.place.outcome(own.run_id)
    visitor.open(own.path)
    page.get_by_role("link", name="Refresh").click()
    headline(page, "You are verified")


def play_sdk(visitor: Visitor) -> None:
    """Serve a stub of Onfido's Web SDK in place of Onfido's host."""
    visitor.page.route(f"{SDK_URL}**", fulfill)


def fulfill(route: Route) -> None:
    route.fulfill(status=200, content_type="text/javascript", body=SDK)


@pytest.mark.one_database
def test_a_user_is_verified_with_the_web_sdk(own: Own) -> None:
    own.configure(capture="sdk")
    visitor = own.come()
    page = visitor.page
    play_sdk(visitor)
    press(page, "Agree and start")
    expect(page.locator("#onfido-mount")).to_have_attribute("data-was", f"true {own.run_id}")
    press(page, "Leave")
    headline(page, "Continue your verification")
    own.place.clock.advance(5)
    press(page, "Continue")
    press(page, "Fail")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was lost")
    press(page, "Back")
    own.place.clock.advance(5)
    press(page, "Continue")
    own.place.outcome(own.run_id)
    own.place.clock.advance(5)
    press(page, "Complete")
    headline(page, "You are verified")


@pytest.mark.one_database
def test_a_missing_sdk_is_reported(own: Own) -> None:
    own.configure(capture="sdk")
    visitor = own.come()
    visitor.expected.append("Failed to load resource")
    visitor.page.route(f"{SDK_URL}**", lambda route: route.abort())
    press(visitor.page, "Agree and start")
    expect(visitor.page.get_by_role("alert")).to_contain_text("cannot be reached")


@pytest.mark.one_database
def test_every_action_is_possible_without_javascript(own: Own) -> None:
    visitor = own.come(javascript=False)
    page = visitor.page
    press(page, "Agree and start")
    at_onfido(page)
    press(page, "Submit documents")
    headline(page, "You are verified")


@pytest.mark.one_database
def test_the_page_can_be_used_by_keyboard_on_a_small_phone(own: Own) -> None:
    visitor = own.come(width=320)
    page = visitor.page
    visitor.axe()
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "BUTTON":
            break
    page.keyboard.press("Enter")
    at_onfido(page)


@pytest.mark.one_database
def test_every_state_is_legible_in_every_view(own: Own) -> None:
    visitor = own.come()
    visitor.look(own.path, "verify-ready")
    press(visitor.page, "Agree and start")
    at_onfido(visitor.page)
    visitor.look(own.path, "verify-waiting")
    own.place.outcome(own.run_id, status="declined", comparisons={"date_of_birth": "consider"})
    visitor.open(f"{own.path}/return")
    visitor.look(own.path, "verify-declined")
    own.place.connector.as_admin().post(f"{USERS}/{own.user}/idv/claims", [entry(own.provider_id, GIVEN_NAME)])
    own.configure(properties={"max_attempts": "1"})
    visitor.look(own.path, "verify-limit")
    headline(visitor.page, "Try again later")


@pytest.mark.one_database
def test_the_page_is_in_german_for_a_german_browser(own: Own) -> None:
    visitor = own.come()
    session = {each["name"]: each["value"] for each in visitor.context.cookies()}
    for accepted, language in (("de-CH,de;q=0.9", "de"), ("fr, de;q=0.5", "de"), ("fr", "en"), ("en, de;q=0.9", "en")):
        answer = HTTP.get(visitor.base + own.path, cookies=session, headers={"Accept-Language": accepted}, timeout=60)
        assert f'<html lang="{language}"' in answer.text
    visitor.context.add_cookies([{"name": "language", "value": "de", "url": visitor.base}])
    visitor.open(own.path)
    headline(visitor.page, "Bestätigen Sie Ihre Identität")
    assert visitor.page.locator("html").get_attribute("lang") == "de"
    visitor.look(own.path, "verify-german")


@pytest.mark.one_database
def test_a_watchlist_match_is_shown_like_a_value_that_was_never_checked(own: Own) -> None:
    visitor = own.come()
    before = visitor.text()
    press(visitor.page, "Agree and start")
    at_onfido(visitor.page)
    press(visitor.page, "Submit documents")
    headline(visitor.page, "You are verified")
    services, now = own.place.connector.services, own.place.clock()
    with services.database.write() as connection:
        from connector.store.claims import claims  # noqa: PLC0415

        claims.unverify_all(
            connection, own.place.tenant, own.user, own.provider_id, now, status="watchlist_match", cause="watchlist"
        )
    visitor.open(own.path)
    assert visitor.text() == before


@pytest.mark.one_database
def test_a_verification_is_hidden_from_other_users_and_unauthenticated_visitors(own: Own) -> None:
    own.come()
    stranger = own.visit(SCOPES, user="nobody-knows")
    stranger.open(own.path)
    headline(stranger.page, "Nothing to verify")
    elsewhere = own.visit(SCOPES, user=own.user, tenant="elsewhere")
    elsewhere.open(own.path, 404)
    elsewhere.open("/verify")
    headline(elsewhere.page, "Nothing to verify")


@pytest.mark.one_database
def test_an_unauthenticated_person_signs_in_and_returns(own: Own) -> None:
    visitor = own.come()
    visitor.context.clear_cookies()
    visitor.open(own.path)
    assert f"next={own.path.replace('/', '%2F')}" in visitor.page.url or own.path in visitor.page.url


@pytest.mark.one_database
def test_a_disabled_provider_and_an_outage_are_reported(own: Own) -> None:
    visitor = own.come()
    own.place.faults(route="POST /applicants", failed=1, failed_status=503)
    press(visitor.page, "Agree and start")
    expect(visitor.page.get_by_role("alert")).to_contain_text("cannot be reached")
    own.configure(isEnabled=False)
    visitor.open(own.path)
    headline(visitor.page, "Not available now")
