"""Claims: read by their user and by administrators, corrected by administrators, bound to the user's value."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.tenancy import Tenant
from tests.bodies import event_body
from tests.contract.wire import (
    PERSON,
    UNKNOWN_ID,
    USERS,
    add_claim,
    answer_on,
    assert_claim,
    assert_error,
    entry,
    new_provider,
    new_user,
)
from tests.harness import Caller, World, run_id_of, verified
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

CLEAR = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"}
NICKNAME = "http://wso2.org/claims/nickname"


def path_of(user_id: str, claim_id: str = "") -> str:
    return f"{USERS}/{user_id}/idv/claims" + (f"/{claim_id}" if claim_id else "")


def verify(world: World, me: Caller, **comparisons: str) -> str:
    """Verify a user by the webhook, with clear comparisons except `comparisons`; return the run's id."""
    run_id = world.start(me)
    assert world.post_event(event_body(run_id, comparisons=CLEAR | comparisons)).status_code == 200
    return run_id


# Reading


def test_a_user_without_claims_has_an_empty_list(shared: World, admin: Caller) -> None:
    user_id, me = new_user(shared)

    assert answer_on(me.get(path_of("me")), 200) == []
    assert answer_on(admin.get(path_of(user_id)), 200) == []


def test_a_token_of_a_user_missing_in_the_directory_finds_no_user(shared: World) -> None:
    stranger = shared.connector.as_user("stranger")

    assert_error(stranger.get(path_of("me")), 404, "IDV-10001", "stranger")
    assert_error(stranger.verify(shared.provider_id, "INITIATED"), 404, "IDV-10001", "stranger")


def test_claims_of_one_provider_are_distinguished_from_those_of_another(shared: World, admin: Caller) -> None:
    user_id, me = new_user(shared)
    other = new_provider(shared)
    mine = add_claim(shared, user_id)
    others = answer_on(admin.post(path_of(user_id), [entry(other)]), 201)[0]["id"]

    def ids(caller: Caller, whose: str, **query: str) -> set[str]:
        return {claim["id"] for claim in answer_on(caller.get(path_of(whose), params=query), 200)}

    assert ids(admin, user_id) == {mine, others}
    assert ids(admin, user_id, idVProviderId=shared.provider_id) == {mine}
    assert ids(me, "me", idVProviderId=other) == {others}


def test_a_claim_belongs_to_one_user(shared: World, admin: Caller) -> None:
    owner, _ = new_user(shared)
    other_id, other = new_user(shared)
    claim_id = add_claim(shared, owner)

    assert_error(other.get(path_of("me", claim_id)), 404, "IDV-10000")
    assert_error(admin.get(path_of(other_id, claim_id)), 404, "IDV-10000")
    correction = {"isVerified": False, "claimMetadata": {}}
    assert_error(admin.put(path_of(other_id, claim_id), correction), 404, "IDV-10000")
    assert answer_on(admin.get(path_of(owner, claim_id)), 200)["isVerified"]


# Scopes


def test_a_users_own_token_is_refused_on_administrator_paths(shared: World) -> None:
    user_id, me = new_user(shared)

    for answer, scope in (
        (me.get(path_of(user_id)), "internal_idv_claim_view"),
        (me.get(path_of(user_id, UNKNOWN_ID)), "internal_idv_claim_view"),
        (me.post(path_of(user_id), [entry(shared.provider_id)]), "internal_idv_claim_add"),
        (me.put(path_of(user_id), [entry(shared.provider_id)]), "internal_idv_claim_update"),
        (me.verify(shared.provider_id, "INITIATED", user_id=user_id), "internal_idv_claim_verify"),
    ):
        assert_error(answer, 403, None, scope)
    assert me.claims() == {}


def test_an_administrators_token_is_refused_at_me(shared: World, admin: Caller) -> None:
    assert_error(admin.get(path_of("me")), 403, None, "internal_login")
    assert_error(admin.verify(shared.provider_id, "INITIATED"), 403, None, "internal_login")


def test_me_is_not_a_user_id_for_an_administrator(shared: World, admin: Caller) -> None:
    assert_error(admin.post(path_of("me"), [entry(shared.provider_id)]), 404, "IDV-10001", "me")
    assert_error(admin.put(path_of("me"), [entry(shared.provider_id)]), 404)
    assert_error(admin.put(path_of("me", UNKNOWN_ID), {"isVerified": True, "claimMetadata": {}}), 404, "IDV-10001")


# Adding


def test_optional_members_have_defaults(shared: World, admin: Caller) -> None:
    user_id, _ = new_user(shared)
    body = [{"uri": GIVEN_NAME, "idVProviderId": shared.provider_id}]

    claim = answer_on(admin.post(path_of(user_id), body), 201)[0]

    assert_claim(claim)
    assert (claim["isVerified"], claim["claimMetadata"]) == (False, {})


def test_a_claim_not_mapped_by_the_provider_can_be_added(shared: World, admin: Caller) -> None:
    user_id, _ = new_user(shared)

    assert answer_on(admin.post(path_of(user_id), [entry(shared.provider_id, NICKNAME)]), 201)[0]["uri"] == NICKNAME


def test_several_claims_are_added_together_or_not_at_all(shared: World, admin: Caller) -> None:
    user_id, me = new_user(shared)
    add_claim(shared, user_id)

    taken = [entry(shared.provider_id, LAST_NAME), entry(shared.provider_id, GIVEN_NAME)]
    assert_error(admin.post(path_of(user_id), taken), 409, "IDV-10004")
    doubled = [entry(shared.provider_id, LAST_NAME), entry(shared.provider_id, LAST_NAME)]
    assert_error(admin.post(path_of(user_id), doubled), 409, "IDV-10004")
    unknown = [entry(shared.provider_id, LAST_NAME), entry(UNKNOWN_ID, BIRTH_DATE)]
    assert_error(admin.post(path_of(user_id), unknown), 400, "IDV-10003", UNKNOWN_ID)

    assert set(me.claims()) == {GIVEN_NAME}


def test_the_same_claim_may_exist_with_two_providers(shared: World, admin: Caller) -> None:
    user_id, _ = new_user(shared)
    body = [entry(shared.provider_id), entry(new_provider(shared))]

    assert len(answer_on(admin.post(path_of(user_id), body), 201)) == 2


def test_an_empty_list_adds_and_corrects_nothing(shared: World, admin: Caller) -> None:
    user_id, me = new_user(shared)

    for method in ("POST", "PUT"):
        assert answer_on(admin.request(method, path_of(user_id), json=[]), 201) == []
    assert me.claims() == {}


def test_an_empty_list_for_an_unknown_user_is_not_found(admin: Caller) -> None:
    for method in ("POST", "PUT"):
        assert_error(admin.request(method, path_of("stranger"), json=[]), 404, "IDV-10001", "stranger")


@pytest.mark.parametrize("uri", ["", " "])
def test_a_claim_without_a_name_is_refused(shared: World, admin: Caller, uri: str) -> None:
    user_id, me = new_user(shared)

    assert_error(admin.post(path_of(user_id), [entry(shared.provider_id, uri)]), 400, "IDV-10005", "uri")

    assert me.claims() == {}


# Correcting


def test_a_correction_replaces_metadata(shared: World, admin: Caller) -> None:
    user_id, _ = new_user(shared)
    claim_id = add_claim(shared, user_id, claimMetadata={"source": "desk", "officer": 7})

    body = {"isVerified": False, "claimMetadata": {"source": "letter"}}
    claim = answer_on(admin.put(path_of(user_id, claim_id), body), 200)

    assert_claim(claim)
    assert (claim["id"], claim["isVerified"], claim["claimMetadata"]) == (claim_id, False, {"source": "letter"})


@pytest.mark.parametrize("depth", [70, 968, 5000])
@pytest.mark.one_database
def test_metadata_that_cannot_be_returned_is_refused(shared: World, admin: Caller, depth: int) -> None:
    user_id, _ = new_user(shared)
    claim_id = add_claim(shared, user_id)
    body = '{"isVerified": false, "claimMetadata": {"a": ' + "[" * depth + "]" * depth + "}}"

    answer = admin.request("PUT", path_of(user_id, claim_id), data=body.encode())

    assert "too deeply" in assert_error(answer, 400)


@pytest.mark.parametrize("value", ["on", "y", "false", 1, 1.0, 0])
@pytest.mark.one_database
def test_only_booleans_are_accepted_as_is_verified(shared: World, admin: Caller, value: object) -> None:
    user_id, me = new_user(shared)
    claim_id = add_claim(shared, user_id, isVerified=False)

    answer = admin.put(path_of(user_id, claim_id), {"isVerified": value, "claimMetadata": {}})

    assert_error(answer, 400, None, "isVerified")
    assert verified(me.claims()) == set()


def test_a_duplicate_property_is_refused(shared: World) -> None:
    _, me = new_user(shared)
    statuses = [{"key": "status", "value": status} for status in ("COMPLETED", "INITIATED")]
    body = {"idVProviderId": shared.provider_id, "claims": [GIVEN_NAME], "properties": statuses}

    assert_error(me.post(f"{USERS}/me/idv/verify", body), 400, None, "properties", "twice")

    assert me.claims() == {}


def test_several_claims_are_corrected_together_or_not_at_all(shared: World, admin: Caller) -> None:
    user_id, me = new_user(shared)
    add_claim(shared, user_id, GIVEN_NAME)
    add_claim(shared, user_id, LAST_NAME)
    wrong = [entry(shared.provider_id, uri, isVerified=False) for uri in (GIVEN_NAME, LAST_NAME, NICKNAME)]

    assert_error(admin.put(path_of(user_id), wrong), 404, "IDV-10000", NICKNAME)
    assert verified(me.claims()) == {GIVEN_NAME, LAST_NAME}

    answered = answer_on(admin.put(path_of(user_id), wrong[:2]), 201)
    assert {claim["uri"] for claim in answered} == {GIVEN_NAME, LAST_NAME}
    assert verified(me.claims()) == set()


def test_contradictory_corrections_of_a_claim_are_refused(shared: World, admin: Caller) -> None:
    user_id, me = new_user(shared)
    add_claim(shared, user_id, isVerified=False)
    both = [entry(shared.provider_id, isVerified=is_verified) for is_verified in (False, True)]

    assert_error(admin.put(path_of(user_id), both), 400, "IDV-10005", "twice")

    assert verified(me.claims()) == set()


def test_an_administrators_correction_overrides_a_result(shared: World, admin: Caller) -> None:
    user_id, me = new_user(shared)
    verify(shared, me, last_name="consider")
    claim = me.claims()[LAST_NAME]
    assert not claim["isVerified"]

    body = {"isVerified": True, "claimMetadata": {"officer": "7"}}
    answered = answer_on(admin.put(path_of(user_id, claim["id"]), body), 200)

    assert answered["isVerified"]
    assert answered["claimMetadata"]["officer"] == "7"
    assert me.claims()[LAST_NAME]["isVerified"]


def test_metadata_of_a_former_result_that_a_client_put_back_is_removed_by_a_new_run(
    shared: World, admin: Caller
) -> None:
    user_id, me = new_user(shared)
    verify(shared, me)
    admin.put(path_of(user_id), [claim | {"isVerified": False} for claim in me.claims().values()])

    shared.start(me)

    assert "onfido_completed_at" not in me.claims()[GIVEN_NAME]["claimMetadata"]  # nothing is completed yet


# Metadata


@pytest.mark.parametrize("metadata", [{"sdk_token": "x"}, {"sdk_token": None}, {"a": 1, "sdk_token": ""}])
@pytest.mark.one_database
def test_an_sdk_token_in_metadata_is_refused(shared: World, admin: Caller, metadata: dict[str, Any]) -> None:
    user_id, me = new_user(shared)
    claim_id = add_claim(shared, user_id)

    body = {"isVerified": True, "claimMetadata": metadata}
    assert_error(admin.put(path_of(user_id, claim_id), body), 400, "IDV-10005", "claimMetadata", "sdk_token")
    for method in ("POST", "PUT"):
        answer = admin.request(method, path_of(user_id), json=[entry(shared.provider_id, claimMetadata=metadata)])
        assert_error(answer, 400, "IDV-10005", "claimMetadata", "sdk_token")
    assert "sdk_token" not in me.get(path_of("me")).text


def test_no_later_read_contains_the_sdk_token(shared: World, admin: Caller) -> None:
    user_id, me = new_user(shared)
    started = answer_on(me.verify(shared.provider_id, "INITIATED"), 200)
    token = started["claims"][0]["claimMetadata"]["sdk_token"]
    claim_id = started["claims"][0]["id"]

    for answer in (
        me.get(path_of("me")),
        me.get(path_of("me", claim_id)),
        admin.get(path_of(user_id)),
        admin.get(path_of(user_id, claim_id)),
        me.verify(shared.provider_id, "COMPLETED"),
    ):
        assert answer.status_code == 200
        assert "sdk_token" not in answer.text
        assert token not in answer.text


def test_an_answer_with_an_sdk_token_must_not_be_cached(shared: World) -> None:
    _, me = new_user(shared)

    for status in ("INITIATED", "REINITIATED"):
        answer = me.verify(shared.provider_id, status)
        assert "sdk_token" in answer.text
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_size_of_metadata_is_limited(shared: World, admin: Caller) -> None:
    user_id, _ = new_user(shared)
    claim_id = add_claim(shared, user_id, claimMetadata={"note": "x" * 8000})

    body = {"isVerified": True, "claimMetadata": {"note": "x" * 8192}}
    assert_error(admin.put(path_of(user_id, claim_id), body), 400, "IDV-10005", "claimMetadata")
    wide = entry(shared.provider_id, LAST_NAME, claimMetadata={str(number): number for number in range(2000)})
    assert_error(admin.post(path_of(user_id), [wide]), 400, "IDV-10005", "claimMetadata")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"": ""},
        {"list": [1, 2.5, None, True, {"deep": []}]},
        {"text": "“ünïcode” 身 🪪 <b> % _ \\ ' \" \n\t"},
        {"big": 2**70, "small": -1e-300},
        {"id": "not the claim's", "uri": "x", "isVerified": False},
    ],
)
def test_metadata_is_returned_unchanged(shared: World, admin: Caller, metadata: dict[str, Any]) -> None:
    user_id, me = new_user(shared)

    claim_id = add_claim(shared, user_id, claimMetadata=metadata)

    assert answer_on(me.get(path_of("me", claim_id)), 200)["claimMetadata"] == metadata


# Value binding


def test_a_correction_applies_to_the_users_current_value(shared: World, admin: Caller) -> None:
    user_id, me = new_user(shared)
    claim_id = add_claim(shared, user_id, isVerified=False)
    add_claim(shared, user_id, LAST_NAME)
    admin.put(path_of(user_id, claim_id), {"isVerified": True, "claimMetadata": {}})
    users = shared.connector.services.users

    users.change(Tenant(shared.tenant), user_id, {GIVEN_NAME: PERSON[GIVEN_NAME]})  # the same again
    assert verified(me.claims()) == {GIVEN_NAME, LAST_NAME}

    users.change(Tenant(shared.tenant), user_id, {GIVEN_NAME: "Another"})
    assert verified(me.claims()) == {LAST_NAME}

    users.change(Tenant(shared.tenant), user_id, {LAST_NAME: ""})
    assert verified(me.claims()) == set()

    users.change(Tenant(shared.tenant), user_id, PERSON)  # and back: withdrawn claims stay withdrawn
    assert verified(me.claims()) == set()


def test_a_correction_of_a_claim_without_a_value_ends_with_its_first_value(shared: World) -> None:
    user_id, me = new_user(shared)
    add_claim(shared, user_id, NICKNAME)
    assert verified(me.claims()) == {NICKNAME}

    shared.connector.services.users.change(Tenant(shared.tenant), user_id, {NICKNAME: "Zeb"})

    assert verified(me.claims()) == set()


def test_a_result_applies_to_the_verified_value(shared: World) -> None:
    user_id, me = new_user(shared)
    verify(shared, me)
    assert verified(me.claims()) == set(MAPPING)

    shared.connector.services.users.change(Tenant(shared.tenant), user_id, {BIRTH_DATE: "1978-08-08"})

    assert verified(me.claims()) == {GIVEN_NAME, LAST_NAME}
    again = me.verify(shared.provider_id, "INITIATED", [BIRTH_DATE])  # a changed value may be verified again
    assert run_id_of(again)


def test_no_answer_contains_the_values(shared: World, admin: Caller) -> None:
    user_id, me = new_user(shared)
    started = me.verify(shared.provider_id, "INITIATED")
    shared.post_event(event_body(run_id_of(started), comparisons=CLEAR))

    for answer in (
        started,
        me.get(path_of("me")),
        admin.get(path_of(user_id)),
        me.verify(shared.provider_id, "COMPLETED"),
    ):
        assert [value for value in PERSON.values() if value in answer.text] == []


def test_a_number_that_json_cannot_represent_is_refused(world: World) -> None:
    world.add_user()
    claim = f'{{"uri": "urn:x", "idVProviderId": "{world.provider_id}", "claimMetadata": {{"x": [1e999]}}}}'
    answer = world.connector.as_admin().request(
        "POST", "/api/users/v1/ann/idv/claims", data=f"[{claim}]", headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "IDV-10005")
