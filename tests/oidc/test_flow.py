"""The OpenID provider's flow with a strict client shaped as Okta's, over real HTTP and both databases."""

from __future__ import annotations

import pytest

from tests.harness import World
from tests.oidc.relying_party import NAMES, RelyingParty, UserBrowser, register, returned, run_of


@pytest.fixture
def party(world: World) -> RelyingParty:
    return register(world)


def test_a_person_with_a_matching_document_is_verified(world: World, party: RelyingParty) -> None:
    pushed = party.push()
    browser = UserBrowser(party)
    assert browser.authorize(pushed).status_code == 303
    consent = browser.look().text
    for words in ("Example Workforce", "First name", "Last name", "Date of birth", "Agree and continue"):
        assert words in consent
    link = browser.start()
    assert "Continue where you left off" in browser.look().text
    assert browser.get(link).status_code == 200

    world.outcome(run_of(world))
    query = returned(browser.follow(), pushed, party)

    token = party.id_token(pushed, query["code"])
    assert token["sub"] == "00u1"
    [element] = token["verified_claims"]
    assert element["verification"]["trust_framework"] == "IDV-DELEGATED"
    assert element["verification"]["assurance_level"] == "VERIFIED"
    assert element["verification"]["verification_process"] == run_of(world)
    assert element["claims"] == {name: {"value": value, "fuzzy": True} for name, value in NAMES.items()}


def test_a_declined_verification_is_an_ordinary_answer(world: World, party: RelyingParty) -> None:
    pushed = party.push()
    browser = UserBrowser(party)
    browser.authorize(pushed)
    browser.start()
    world.outcome(run_of(world), status="declined")

    query = returned(browser.follow(), pushed, party)

    [element] = party.id_token(pushed, query["code"])["verified_claims"]
    assert element["verification"]["assurance_level"] == "FAILED"
    assert element["claims"] == {name: {"value": None, "fuzzy": True} for name in NAMES}


def test_a_person_who_cancels_is_sent_back(party: RelyingParty) -> None:
    pushed = party.push()
    browser = UserBrowser(party)
    browser.authorize(pushed)

    query = returned(browser.press("leave"), pushed, party)

    assert query["error"] == "access_denied"
    assert "code" not in query
    assert "already" in browser.look().text


def test_a_request_and_a_code_can_be_used_only_once(world: World, party: RelyingParty) -> None:
    pushed = party.push()
    browser = UserBrowser(party)
    browser.authorize(pushed)
    assert browser.authorize(pushed).status_code == 400
    assert UserBrowser(party).authorize(pushed).status_code == 400
    browser.start()
    world.outcome(run_of(world))
    code = returned(browser.follow(), pushed, party)["code"]
    access_token = party.id_token(pushed, code)["access_token"]
    userinfo = f"{party.base}/oauth2/userinfo"
    assert browser.get(userinfo, headers={"Authorization": f"Bearer {access_token}"}).json()["sub"] == "00u1"

    answer = party.exchange(pushed, code)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    ended = browser.get(userinfo, headers={"Authorization": f"Bearer {access_token}"})
    assert ended.status_code == 401, "a repeated code revokes the token"


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "unknown"}, "invalid_client"),
        ({"redirect_uri": "https://org.okta.example/elsewhere"}, "invalid_request"),
        ({"redirect_uri": "https://org.okta.example/idp/identity-verification/callback/"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"claims": "{"}, "invalid_request"),
        ({"claims": '{"id_token": {"verified_claims": [{}, {}]}}'}, "invalid_request"),
        ({"claims": '{"id_token": {"verified_claims": {"claims": {"favourite_colour": null}}}}'}, "invalid_request"),
        ({"claims": '{"id_token": {"verified_claims": {"claims": {"given_name": {"value": 7}}}}}'}, "invalid_request"),
        (
            {"claims": '{"id_token": {"verified_claims": {"claims": {"given_name": {"value": "Ann"}}}}}'},
            "invalid_request",
        ),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({"state": "x" * 2001}, "invalid_request"),
        ({"login_hint": "x" * 256}, "invalid_request"),
        ({"nonce": "a\u0000b"}, "invalid_request"),
    ],
    ids=str,
)
def test_an_invalid_request_is_refused_at_its_push(
    party: RelyingParty, changes: dict[str, str | None], error: str
) -> None:
    parameters, _ = party.parameters(**changes)
    answer = party.post("/oauth2/par", parameters)
    assert answer.status_code in (400, 401), answer.text
    assert answer.json()["error"] == error
    assert "Location" not in answer.headers
