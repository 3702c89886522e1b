"""Form input is kept when the session ends: after signing in again, the form is shown as it was sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests

from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.services.console.console_drafts import MAX_DRAFT
from connector.services.upkeep import Sweep
from tests.bodies import WORKFLOW_ID, provider_body
from tests.console.test_every_page import SCOPES, sign_in
from tests.contract.wire import PROVIDERS
from tests.harness import World
from tests.plans.forms import FilledForm, filled, forms_of

IDLE, LIFETIME, DAY = 1_801, 28_801, 86_400  # seconds, by the default settings and a little more
TOKEN = "api_live.secret-that-is-not-kept"
pytestmark = pytest.mark.one_database


@dataclass
class Browser:
    """The browser of an administrator whose sessions end during input."""

    world: World
    http: requests.Session
    tenant: str = DEFAULT_TENANT

    @property
    def base(self) -> str:
        return self.world.connector.url + ("" if self.tenant == DEFAULT_TENANT else f"/t/{self.tenant}")

    def form(self, path: str) -> FilledForm:
        """Open a page, and return its form that is posted to the same path."""
        answer = self.http.get(self.base + path, timeout=60)
        assert answer.status_code == 200, answer.text
        return self.form_in(answer, path)

    def form_in(self, answer: requests.Response, path: str) -> FilledForm:
        action = urlsplit(self.base + path).path
        [form] = [each for each in forms_of(urlsplit(answer.url).path, answer.text) if each.action == action]
        return form

    def send(
        self,
        form: FilledForm,
        changes: Mapping[str, str],
        more: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        url = self.world.connector.url + form.action
        fields = [*filled(form, dict(changes)), *more]
        return self.http.post(url, data=fields, headers=headers, timeout=60, allow_redirects=False)

    def sign_in_again(self, answer: requests.Response, user: str = "somebody") -> requests.Response:
        """Follow the link of the refusal; the issuer's part is played by a one-time link."""
        assert answer.status_code == 401
        [link] = re.findall(r'<a class="btn btn-main[^"]*" href="([^"]*/sign-in[^"]*)"', answer.text)
        following = parse_qs(urlsplit(link.replace("&amp;", "&")).query).get("next", [""])[0]
        secret = self.world.connector.services.console_sessions.make_link(Tenant(self.tenant), user, SCOPES)
        return self.http.get(f"{self.base}/console/link/{secret}", params={"next": following}, timeout=60)


@pytest.fixture
def browser(world: World) -> Iterator[Browser]:
    with sign_in(world) as http:
        yield Browser(world, http)


def values(form: FilledForm) -> dict[str, str]:
    return dict(form.fields)


def test_a_form_that_is_sent_after_its_session_has_ended_comes_back_as_it_was_typed(
    world: World, browser: Browser
) -> None:
    path = f"/console/providers/{world.provider_id}/limits"
    form = browser.form(path)
    world.clock.advance(IDLE)

    refused = browser.send(form, {"max_attempts": "7", "missing_name": "-"})
    assert "nothing was saved" in refused.text
    provider = world.connector.services.providers.get(Tenant(DEFAULT_TENANT), world.provider_id)
    assert provider.max_attempts != 7

    shown = browser.sign_in_again(refused)
    again = browser.form_in(shown, path)
    assert shown.status_code == 200
    assert "not saved yet" in shown.text
    assert (values(again)["max_attempts"], values(again)["missing_name"]) == ("7", "-")
    assert "It was not saved." not in shown.text, "it was not refused, it was not tried"

    assert browser.send(again, {}).status_code == 302
    saved = world.connector.services.providers.get(Tenant(DEFAULT_TENANT), world.provider_id)
    assert (saved.max_attempts, saved.missing_name) == (7, "-")


def test_a_resubmitted_form_does_not_overwrite_values_saved_meanwhile(world: World, browser: Browser) -> None:
    path = f"/console/providers/{world.provider_id}/limits"
    form = browser.form(path)
    world.clock.advance(IDLE)
    refused = browser.send(form, {"max_attempts": "7"})
    with sign_in(world) as http:
        other = Browser(world, http)
        assert other.send(other.form(path), {"max_attempts": "9"}).status_code == 302

    again = browser.form_in(browser.sign_in_again(refused), path)

    assert browser.send(again, {}).status_code == 409
    provider = world.connector.services.providers.get(Tenant(DEFAULT_TENANT), world.provider_id)
    assert provider.max_attempts == 9


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["plain", "htmx"])
def test_a_new_provider_comes_back_without_its_token(
    world: World, browser: Browser, headers: Mapping[str, str]
) -> None:
    form = browser.form("/console/providers/new")
    world.clock.advance(IDLE)
    typed = {"name": 'Łukasz & "Söhne" <b> 🙂', "token": TOKEN, "workflow_id": WORKFLOW_ID}

    shown = browser.sign_in_again(browser.send(form, typed, headers=headers))

    again = values(browser.form_in(shown, "/console/providers/new"))
    assert (again["name"], again["workflow_id"], again["token"]) == (typed["name"], WORKFLOW_ID, "")
    assert TOKEN not in shown.text


def test_no_secret_is_kept(world: World, browser: Browser) -> None:
    form = browser.form("/console/providers/new")
    world.clock.advance(IDLE)
    browser.send(form, {"name": "Onfido", "token": TOKEN, "client_secret": TOKEN})
    sessions = world.connector.services.console_sessions
    [cookie] = [each for each in browser.http.cookies if each.name.startswith("console-carbon")]

    secret = sessions.make_link(Tenant(DEFAULT_TENANT), "somebody", SCOPES)
    browser.http.get(f"{browser.base}/console/link/{secret}", timeout=60, allow_redirects=False)
    [now] = [each for each in browser.http.cookies if each.name == cookie.name]
    session = sessions.find(Tenant(DEFAULT_TENANT), now.value or "")
    assert session is not None
    draft = sessions.draft(session)

    assert draft is not None
    assert "name" in dict(draft.fields)
    assert [name for name, value in draft.fields if TOKEN in value or "secret" in name or "token" in name] == []


def test_rows_that_were_added_to_a_table_come_back(world: World, browser: Browser) -> None:
    path = f"/console/providers/{world.provider_id}/workflow"
    form = browser.form(path)
    world.clock.advance(IDLE)
    row = [("output_pointer", "/report/first"), ("output_claim", "urn:first"), ("output_as", "result")]

    shown = browser.sign_in_again(browser.send(form, {"tags": "typed"}, [*row, ("do", "save")]))

    again = browser.form_in(shown, path)
    assert [each for each in again.fields if each in row] == row
    assert values(again)["tags"] == "typed"
    provider = world.connector.services.providers.get(Tenant(DEFAULT_TENANT), world.provider_id)
    assert provider.studio.output_claims == (), "it is shown, not saved"


def test_the_reason_of_an_act_is_listed_and_sent_by_a_button(world: World, browser: Browser) -> None:
    world.add_user("ann")
    path = "/console/users/ann/unlock"
    form = browser.form(path)
    world.clock.advance(IDLE)

    shown = browser.sign_in_again(browser.send(form, {"reason": "called the <help> desk"}))

    assert "called the &lt;help&gt; desk" in shown.text
    assert "unlocked the user ann" not in browser.http.get(f"{browser.base}/console/audit", timeout=60).text
    assert browser.send(browser.form_in(shown, path), {}).status_code == 302
    assert "unlocked the user ann" in browser.http.get(f"{browser.base}/console/audit", timeout=60).text


@pytest.mark.parametrize("user_id", ["a/b", "a?b#c", "50% ä"])
def test_the_form_of_a_user_with_any_id_comes_back(world: World, browser: Browser, user_id: str) -> None:
    world.add_user(user_id)
    page = f"/console/users/{quote(user_id, safe='')}/unlock"
    answer = browser.http.get(browser.base + page, timeout=60)
    [form] = [each for each in forms_of(page, answer.text) if each.action == page]
    world.clock.advance(IDLE)

    shown = browser.sign_in_again(browser.send(form, {"reason": "typed"}))

    [again] = [each for each in forms_of("/console/draft", shown.text) if each.action == page]
    assert values(again)["reason"] == "typed"
    assert browser.send(again, {}).status_code == 302


def test_kept_form_input_can_be_discarded(world: World, browser: Browser) -> None:
    world.add_user("ann")
    form = browser.form("/console/users/ann/unlock")
    world.clock.advance(IDLE)
    shown = browser.sign_in_again(browser.send(form, {"reason": "a mistake"}))

    browser.send(browser.form_in(shown, "/console/draft/discard"), {})

    assert "a mistake" not in browser.http.get(f"{browser.base}/console/draft", timeout=60).text


def test_a_form_comes_back_to_its_own_person_alone(world: World, browser: Browser) -> None:
    form = browser.form("/console/providers/new")
    world.clock.advance(IDLE)
    refused = browser.send(form, {"name": "typed by somebody"})

    assert "typed by somebody" not in browser.sign_in_again(refused, user="another").text
    with sign_in(world) as http:
        assert "typed by somebody" not in http.get(f"{browser.base}/console/draft", timeout=60).text


def test_a_form_comes_back_at_its_own_tenant(world: World) -> None:
    with sign_in(world, "other") as http:
        browser = Browser(world, http, "other")
        form = browser.form("/console/providers/new")
        world.clock.advance(IDLE)
        shown = browser.sign_in_again(browser.send(form, {"name": "of the other tenant"}))
        assert values(browser.form_in(shown, "/console/providers/new"))["name"] == "of the other tenant"


def test_a_conflict_is_decided_at_the_own_tenant(world: World) -> None:
    with sign_in(world, "other") as http:
        browser = Browser(world, http, "other")
        answer = world.connector.as_admin("other").post(PROVIDERS, provider_body(world.simulator))
        path = f"/console/providers/{answer.json()['id']}/limits"
        first, second = browser.form(path), browser.form(path)
        assert browser.send(first, {"max_attempts": "7"}).status_code == 302

        overtaken = browser.send(second, {"max_attempts": "9"})

        assert overtaken.status_code == 409
        assert browser.send(browser.form_in(overtaken, path), {}).status_code == 302
        provider = world.connector.services.providers.get(Tenant("other"), answer.json()["id"])
        assert provider.max_attempts == 9


def test_a_form_that_comes_from_elsewhere_is_not_kept(world: World, browser: Browser) -> None:
    form = browser.form("/console/providers/new")
    world.clock.advance(IDLE)

    refused = browser.send(form, {"name": "forged", "csrf_token": "forged"})

    assert "you get back what you typed" not in refused.text
    assert "forged" not in browser.sign_in_again(refused).text


@pytest.mark.parametrize(("later", "is_kept"), [(LIFETIME, True), (LIFETIME + DAY, False)])
def test_a_form_is_kept_for_a_day_after_its_session(
    world: World, browser: Browser, later: int, *, is_kept: bool
) -> None:
    form = browser.form("/console/providers/new")
    world.clock.advance(later)
    world.connector.services.upkeep.sweep(Sweep())

    shown = browser.sign_in_again(browser.send(form, {"name": "typed long ago"}))

    assert ("typed long ago" in shown.text) is is_kept


def test_a_session_that_was_ended_keeps_nothing(world: World, browser: Browser) -> None:
    form = browser.form("/console/providers/new")
    world.connector.services.console_sessions.end_of_tenant(Tenant(DEFAULT_TENANT), "admin")

    shown = browser.sign_in_again(browser.send(form, {"name": "typed by somebody"}))

    assert "typed by somebody" not in shown.text


def test_a_form_without_anything_typed_leads_back_to_its_page(world: World, browser: Browser) -> None:
    path = f"/console/providers/{world.provider_id}/danger"
    page = browser.http.get(browser.base + path, timeout=60)
    form = browser.form_in(browser.http.get(f"{browser.base}{path}/disable", timeout=60), f"{path}/disable")
    world.clock.advance(IDLE)

    shown = browser.sign_in_again(browser.send(form, {}, headers={"Referer": page.url}))

    assert urlsplit(shown.url).path == path


def test_forms_have_no_secret_under_a_name_that_would_be_kept() -> None:
    from connector.console.drafts import SECRET  # noqa: PLC0415
    from connector.console.forms import SecretField  # noqa: PLC0415
    from connector.console.frame import HERE  # noqa: PLC0415

    names = {
        name
        for file in HERE.rglob("*.py")
        for name in re.findall(rf"^    (\w+) = {SecretField.__name__}\(", file.read_text(), re.MULTILINE)
    }
    for file in HERE.rglob("*.html"):
        for each in re.findall(r"<input[^>]*type=\"password\"[^>]*>", file.read_text()):
            names |= set(re.findall(r'name="(\w+)"', each))
    assert len(names) > 4
    assert [name for name in names if not SECRET.search(name)] == []


def test_a_form_that_is_too_large_is_not_kept(world: World, browser: Browser) -> None:
    form = browser.form("/console/providers/new")
    world.clock.advance(IDLE)
    refused = browser.send(form, {"name": "x" * MAX_DRAFT})
    assert refused.status_code == 401
    shown = browser.sign_in_again(refused)
    assert shown.status_code == 200
    assert "x" * 100 not in shown.text
    assert "not saved yet" not in shown.text
