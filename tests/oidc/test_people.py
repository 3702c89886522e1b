"""The subject of a request: a guest of this request only, or a signed-in user of the directory."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from connector.domain.openid.flow import is_guest
from connector.domain.tenancy import Tenant
from tests.harness import World
from tests.oidc.relying_party import NAMES, Pushed, RelyingParty, UserBrowser, okta_claims, register, returned, run_of

ASKED = {"id_token": {"verified_claims": {"claims": dict.fromkeys(NAMES)}}}


@pytest.fixture
def party(world: World) -> RelyingParty:
    return register(world, profile="ida")


def signed_in(party: RelyingParty, user_id: str = "ann") -> UserBrowser:
    """Return the browser of a person who has signed in at the tenant's issuer."""
    browser = UserBrowser(party)
    services = party.world.connector.services
    secret = services.console_sessions.make_link(Tenant(party.tenant), user_id, ())
    assert browser.get(f"/console/link/{secret}").status_code == 302
    return browser


def led_back(world: World) -> tuple[RelyingParty, Pushed, UserBrowser, str]:
    """Verify a guest, and return the code with which the client is called back."""
    party = register(world)
    pushed, browser = party.push(), UserBrowser(party)
    browser.authorize(pushed)
    browser.start()
    world.outcome(run_of(world))
    return party, pushed, browser, returned(browser.follow(), pushed, party)["code"]


def answered(browser: UserBrowser, pushed: Pushed, party: RelyingParty) -> dict[str, object]:
    return party.id_token(pushed, returned(browser.follow(), pushed, party)["code"])


def test_a_user_who_signs_in_is_verified_with_directory_values_and_then_answered_at_once(
    world: World, party: RelyingParty
) -> None:
    world.add_user("ann")
    pushed, stranger = party.push(ASKED), UserBrowser(party)
    stranger.authorize(pushed)
    location = stranger.look().headers["Location"]
    assert location.startswith("/console/sign-in?next=")
    assert stranger.session.post(f"{stranger.page}/start", timeout=60).status_code == 400

    pushed, browser = party.push(ASKED), signed_in(party)
    browser.authorize(pushed)
    browser.start()
    world.outcome(run_of(world))
    token = answered(browser, pushed, party)
    assert (token["sub"], token["verified_claims"]["claims"]) == ("ann", NAMES)  # type: ignore[index]

    again = party.push(claims=None)  # without named claims, all verifiable ones are requested
    browser.authorize(again)
    assert "Agree and continue" in browser.look().text
    returned_at_once = browser.press("start")
    at_once = party.id_token(again, returned(returned_at_once, again, party)["code"])
    assert at_once["verified_claims"]["claims"] == NAMES
    assert len(world.verifications()) == 1, "verified claims are not paid for again"


def test_a_user_whose_earlier_verification_was_declined_starts_again(world: World, party: RelyingParty) -> None:
    ann = world.add_user("ann")
    world.outcome(world.start(ann), status="declined")
    world.wait_until(lambda: world.verifications()[0].closed_at is not None)
    pushed, browser = party.push(ASKED), signed_in(party)
    browser.authorize(pushed)
    assert "Agree and continue" in browser.look().text
    browser.start()
    world.outcome(run_of(world))
    assert answered(browser, pushed, party)["sub"] == "ann"
    assert len(world.verifications()) == 2


def test_a_user_missing_in_the_directory_is_informed_that_nothing_started(party: RelyingParty) -> None:
    pushed, browser = party.push(ASKED), signed_in(party, "nobody-here")
    browser.authorize(pushed)
    answer = browser.press("start")
    assert (answer.status_code, "did not start" in answer.text) == (503, True)
    assert returned(browser.press("leave"), pushed, party)["error"] == "access_denied"


def test_a_guest_belongs_to_one_request_and_attempts_are_limited_by_the_named_user(world: World) -> None:
    party = register(world)
    world.connector.services.providers  # noqa: B018  created before the threads ask
    most = world.connector.services.providers.get(Tenant(world.tenant), world.provider_id).max_attempts
    for _ in range(most + 2):  # cancelling before the start uses no attempt
        pushed, browser = party.push(), UserBrowser(party)
        browser.authorize(pushed)
        returned(browser.press("leave"), pushed, party)
    for _ in range(most):
        pushed, browser = party.push(), UserBrowser(party)
        browser.authorize(pushed)
        browser.start()
    pushed, browser = party.push(), UserBrowser(party)
    browser.authorize(pushed)
    answer = browser.press("start")
    assert (answer.status_code, "too many attempts" in answer.text) == (429, True)
    guests = {each.user_id for each in world.verifications()}
    assert len(guests) == most
    assert all(map(is_guest, guests))
    other, elsewhere = party.push(login_hint="00u2"), UserBrowser(party)
    elsewhere.authorize(other)
    elsewhere.start()


def test_concurrent_starts_of_one_request_pay_for_one_run(world: World) -> None:
    party = register(world)
    browser = UserBrowser(party)
    browser.authorize(party.push())
    token = {"token": browser.look().text.partition('name="token" value="')[2][:64]}
    ready = threading.Barrier(6)

    def start() -> requests.Response:
        ready.wait()
        return requests.post(f"{browser.page}/start", data=token, cookies=browser.session.cookies, timeout=60)

    with ThreadPoolExecutor(6) as pool:
        answers = [each.result() for each in [pool.submit(start) for _ in range(6)]]

    assert 200 in {answer.status_code for answer in answers}
    assert len(world.verifications()) == 1
    assert world.onfido_state()["requests"]["POST /workflow_runs"] == 1


def test_only_one_of_many_concurrent_exchanges_of_a_code_gets_tokens(world: World) -> None:
    party, pushed, _browser, code = led_back(world)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: party.exchange(pushed, code), range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 5]


@pytest.mark.one_database
def test_values_refused_by_onfido_are_an_ordinary_answer(world: World) -> None:
    party = register(world)
    pushed, browser = party.push(okta_claims({**NAMES, "birthdate": "soon"})), UserBrowser(party)
    browser.authorize(pushed)
    query = returned(browser.press("start"), pushed, party)
    [element] = party.id_token(pushed, query["code"])["verified_claims"]
    assert element["verification"]["assurance_level"] == "FAILED"
    assert world.verifications() == []


@pytest.mark.one_database
def test_a_client_with_configured_claims_cannot_ask_for_others(world: World) -> None:
    party = register(world, claims=("given_name", "family_name"))
    pushed, browser = party.push(), UserBrowser(party)
    browser.authorize(pushed)
    assert "Date of birth" not in browser.look().text


@pytest.mark.one_database
def test_an_outage_of_onfido_leaves_the_user_a_way_back(world: World) -> None:
    party = register(world)
    pushed, browser = party.push(), UserBrowser(party)
    browser.authorize(pushed)
    world.faults(route="POST /applicants", failed=-1)
    answer = browser.press("start")
    assert (answer.status_code, "Try again" in answer.text) == (503, True)
    world.faults(route="POST /applicants", failed=0)
    browser.start()


def test_a_page_left_open_while_the_run_ended_leads_back(world: World) -> None:
    party = register(world)
    pushed, browser = party.push(), UserBrowser(party)
    browser.authorize(pushed)
    token = {"token": browser.look().text.partition('name="token" value="')[2][:64]}
    browser.start()
    world.outcome(run_of(world))
    world.wait_until(lambda: world.verifications()[0].closed_at is not None)
    answer = browser.session.post(f"{browser.page}/start", data=token, timeout=60, allow_redirects=False)
    assert party.id_token(pushed, returned(answer, pushed, party)["code"])["sub"] == "00u1"
    assert len(world.verifications()) == 1


def test_a_user_who_closed_onfidos_page_continues_the_same_run(world: World) -> None:
    party = register(world)
    pushed, browser = party.push(), UserBrowser(party)
    browser.authorize(pushed)
    link = browser.start()
    world.clock.advance(10)
    assert "Continue where you left off" in browser.look().text
    assert browser.start() == link
    assert len(world.verifications()) == 1


def test_a_user_whose_redirect_was_lost_is_sent_back_with_another_code(world: World) -> None:
    party, pushed, browser, lost = led_back(world)
    assert "already" in browser.look().text
    again = returned(browser.press("back"), pushed, party)["code"]
    assert party.exchange(pushed, lost).json()["error"] == "invalid_grant", "the former code is none any more"
    assert party.id_token(pushed, again)["sub"] == "00u1"
    page = browser.look().text
    assert "already" in page
    assert "/back" not in page, "the client has the answer"
    answer = browser.session.post(f"{browser.page}/back", data={"token": form_token(browser)}, timeout=60)
    assert (answer.status_code, "already" in answer.text) == (200, True)
    assert len(world.verifications()) == 1


@pytest.mark.one_database
def test_a_result_lasts_no_longer_if_its_user_goes_back_again_and_again(world: World) -> None:
    party, pushed, browser, code = led_back(world)
    form = {"token": form_token(browser)}
    for _ in range(20):  # 17 minutes
        world.clock.advance(50)
        answer = browser.session.post(f"{browser.page}/back", data=form, timeout=60, allow_redirects=False)
        if answer.status_code != 302:
            break
        code = returned(answer, pushed, party)["code"]
    assert (answer.status_code, "already" in answer.text, "/back" in answer.text) == (200, True, False)
    assert party.exchange(pushed, code).json()["error"] == "invalid_grant"


@pytest.mark.one_database
def test_a_user_who_cancelled_is_sent_back_on_every_request(world: World) -> None:
    party = register(world)
    pushed, browser = party.push(), UserBrowser(party)
    browser.authorize(pushed)
    for button in ("leave", "back", "back"):
        assert returned(browser.press(button), pushed, party)["error"] == "access_denied"
    thief = UserBrowser(party)
    thief.authorize(party.push())
    assert thief.session.post(f"{browser.page}/back", data={"token": "0" * 64}, timeout=60).status_code == 404
    assert browser.session.post(f"{browser.page}/back", data={"token": "0" * 64}, timeout=60).status_code == 400
    world.clock.advance(601)
    assert "/back" not in browser.look().text


def form_token(browser: UserBrowser) -> str:
    """Return the token of the browser's forms."""
    secret = browser.session.cookies["openid-flow"]
    return hashlib.sha256(f"form {secret}".encode()).hexdigest()
