"""People with one name, and with more than two."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.tenancy import Tenant
from tests.bodies import config_properties, provider_body
from tests.contract.studio import ask, read_at_onfido, run_at_onfido
from tests.contract.wire import PROVIDERS, answer_on, assert_error, further, new_provider, new_user
from tests.harness import Caller, World, run_id_of, verified
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME

MIDDLE_NAME = "http://wso2.org/claims/middleName"
NAMES = {GIVEN_NAME: "first_name", LAST_NAME: "last_name"}
WITH_BIRTH_DATE = NAMES | {BIRTH_DATE: "dob"}


def provider_for(world: World, mapping: dict[str, str], missing_name: str | None = None) -> str:
    claims = [{"localClaim": uri, "idvpClaim": name} for uri, name in mapping.items()]
    properties = config_properties(world.simulator, missing_name=missing_name)
    return new_provider(world, claims=claims, configProperties=properties)


def names_of(world: World, run_id: str) -> tuple[str, str]:
    found = read_at_onfido(world, "applicants", run_at_onfido(world, run_id)["applicant_id"])
    return found["first_name"], found["last_name"]


def finish(world: World, me: Caller, provider_id: str, run_id: str, **choice: Any) -> dict[str, str]:
    """End a run at Onfido, and return the state of each claim."""
    world.outcome(run_id, **choice)
    [first, *_] = me.claims()
    answer_on(ask(me, provider_id, "COMPLETED", claims=[first]), 200)
    return {uri: each["claimMetadata"]["onfido_verification_status"] for uri, each in me.claims().items()}


# One name


@pytest.fixture(scope="module", params=["repeat", "-", "Unknown"])
def mononym(request: pytest.FixtureRequest, shared: World) -> tuple[str, str]:
    """A provider for people with one name, and the last name that Sukarno is sent with."""
    stand_in = "Sukarno" if request.param == "repeat" else request.param
    return provider_for(shared, WITH_BIRTH_DATE, request.param), stand_in


@pytest.mark.parametrize("last_name", [None, "", "\u3000"])
@pytest.mark.parametrize("requested", [[GIVEN_NAME], [GIVEN_NAME, LAST_NAME]])
@pytest.mark.one_database
def test_a_person_with_one_name_is_verified_and_only_existing_claims_are_judged(
    shared: World, mononym: tuple[str, str], last_name: str | None, requested: list[str]
) -> None:
    provider_id, stand_in = mononym
    values = {GIVEN_NAME: "Sukarno"} | ({} if last_name is None else {LAST_NAME: last_name})
    _, me = new_user(shared, values)

    answer = ask(me, provider_id, claims=requested)

    assert {claim["uri"] for claim in answer_on(answer, 200)["claims"]} == set(requested)
    run_id = run_id_of(answer)
    assert names_of(shared, run_id) == ("Sukarno", stand_in)
    said = finish(shared, me, provider_id, run_id)
    assert said == {GIVEN_NAME: "clear"} | ({LAST_NAME: "not_compared"} if LAST_NAME in requested else {})
    assert verified(me.claims()) == {GIVEN_NAME}
    assert_error(ask(me, provider_id, claims=requested), 400, "OIDV-10049")
    answer_on(ask(me, provider_id, "COMPLETED", claims=requested), 200)


def test_a_person_with_only_a_last_name_is_sent_with_a_placeholder(shared: World, mononym: tuple[str, str]) -> None:
    provider_id, stand_in = mononym
    _, me = new_user(shared, {LAST_NAME: "Sukarno"})
    run_id = run_id_of(ask(me, provider_id, claims=[LAST_NAME]))
    assert names_of(shared, run_id) == (stand_in, "Sukarno")
    assert finish(shared, me, provider_id, run_id) == {LAST_NAME: "clear"}


def test_consider_for_a_placeholder_unverifies_no_claim(shared: World, mononym: tuple[str, str]) -> None:
    provider_id, _ = mononym
    _, me = new_user(shared, {GIVEN_NAME: "Sukarno"})
    run_id = run_id_of(ask(me, provider_id, claims=NAMES))
    finish(shared, me, provider_id, run_id, status="approved", comparisons={"last_name": "consider"})
    assert verified(me.claims()) == {GIVEN_NAME}


@pytest.mark.parametrize(
    ("values", "requested", "missing"),
    [
        ({}, NAMES, (GIVEN_NAME, LAST_NAME)),
        ({BIRTH_DATE: "1901-06-06"}, WITH_BIRTH_DATE, (GIVEN_NAME, LAST_NAME)),
        ({GIVEN_NAME: "Sukarno"}, [LAST_NAME], (LAST_NAME,)),
        ({GIVEN_NAME: "Sukarno"}, WITH_BIRTH_DATE, (BIRTH_DATE,)),
    ],
)
@pytest.mark.one_database
def test_other_missing_values_are_still_refused(
    shared: World, mononym: tuple[str, str], values: dict[str, str], requested: Any, missing: tuple[str, ...]
) -> None:
    _, me = new_user(shared, values)
    assert_error(ask(me, mononym[0], claims=requested), 400, "OIDV-10002", *missing)


def test_a_last_name_added_during_a_run_is_not_verified_by_it(shared: World, mononym: tuple[str, str]) -> None:
    provider_id, stand_in = mononym
    user_id, me = new_user(shared, {GIVEN_NAME: "Sukarno"})
    run_id = run_id_of(ask(me, provider_id, claims=NAMES))
    shared.connector.services.users.change(Tenant(shared.tenant), user_id, {LAST_NAME: stand_in})

    said = finish(shared, me, provider_id, run_id)

    assert said == {GIVEN_NAME: "clear", LAST_NAME: "value_changed"}
    run_id = run_id_of(ask(me, provider_id, claims=NAMES))
    assert finish(shared, me, provider_id, run_id) == {GIVEN_NAME: "clear", LAST_NAME: "clear"}


def test_a_person_with_one_name_lacks_a_value_without_the_property(shared: World) -> None:
    _, me = new_user(shared, {GIVEN_NAME: "Sukarno"})
    answer = ask(me, provider_for(shared, NAMES), claims=[GIVEN_NAME])
    assert_error(answer, 400, "OIDV-10002", LAST_NAME)


def test_the_property_is_returned_and_removed_by_a_put_without_it(shared: World) -> None:
    admin = shared.connector.as_admin()
    path = f"{PROVIDERS}/{provider_for(shared, NAMES, 'repeat')}"
    body = answer_on(admin.get(path), 200)
    assert {"key": "missing_name", "value": "repeat", "isSecret": False} in body["configProperties"]

    changed = provider_body(shared.simulator, name=body["name"])
    answer_on(admin.put(path, changed), 200)

    assert "missing_name" not in str(answer_on(admin.get(path), 200))


@pytest.mark.parametrize("value", ["<none>", "a\x07b", "\u200b", "x" * 300])
@pytest.mark.one_database
def test_a_placeholder_that_onfido_refuses_is_refused(shared: World, value: str) -> None:
    properties = config_properties(shared.simulator, missing_name=value)
    body = provider_body(shared.simulator, name=f"missing {value[:1]!r}", configProperties=properties)
    assert_error(shared.connector.as_admin().post(PROVIDERS, body), 400, "IDVP-60002", "missing_name", "repeat")


# More than two names

PARTS = {GIVEN_NAME: "first_name", MIDDLE_NAME: "first_name", LAST_NAME: "last_name"}
ANN = {GIVEN_NAME: "Ann", MIDDLE_NAME: " Mary\u00a0Jane", LAST_NAME: "Example"}


@pytest.fixture(scope="module")
def joining(shared: World) -> str:
    return provider_for(shared, PARTS)


@pytest.mark.parametrize("requested", [PARTS, *further([GIVEN_NAME], [MIDDLE_NAME], [LAST_NAME])])
def test_several_claims_are_joined_in_the_order_of_the_mapping_for_any_request(
    shared: World, joining: str, requested: Any
) -> None:
    _, me = new_user(shared, ANN)
    run_id = run_id_of(ask(me, joining, claims=requested))
    assert names_of(shared, run_id) == ("Ann Mary Jane", "Example")
    assert finish(shared, me, joining, run_id) == dict.fromkeys(requested, "clear")


def test_the_order_of_the_mapping_is_kept_after_a_change(shared: World) -> None:
    provider_id = provider_for(shared, dict(reversed(PARTS.items())))
    _, me = new_user(shared, ANN)
    assert names_of(shared, run_id_of(ask(me, provider_id, claims=PARTS))) == ("Mary Jane Ann", "Example")


def test_every_claim_is_judged_by_the_comparison_of_its_field(shared: World, joining: str) -> None:
    _, me = new_user(shared, ANN)
    run_id = run_id_of(ask(me, joining, claims=PARTS))
    said = finish(shared, me, joining, run_id, status="approved", comparisons={"first_name": "consider"})
    assert said == {GIVEN_NAME: "consider", MIDDLE_NAME: "consider", LAST_NAME: "clear"}


def test_a_middle_name_is_needed_only_if_it_is_requested(shared: World, joining: str) -> None:
    _, me = new_user(shared, {GIVEN_NAME: "Ann", MIDDLE_NAME: "\u3000", LAST_NAME: "Example"})
    assert names_of(shared, run_id_of(ask(me, joining, claims=NAMES))) == ("Ann", "Example")
    _, me = new_user(shared, {MIDDLE_NAME: "Mary", LAST_NAME: "Example"})
    assert names_of(shared, run_id_of(ask(me, joining, claims=[LAST_NAME]))) == ("Mary", "Example")


def test_a_requested_middle_name_must_have_a_value(shared: World, joining: str) -> None:
    _, me = new_user(shared, {GIVEN_NAME: "Ann", LAST_NAME: "Example"})
    assert_error(ask(me, joining, claims=PARTS), 400, "OIDV-10002", MIDDLE_NAME)


def test_another_middle_name_leaves_the_given_name_verified(shared: World, joining: str) -> None:
    user_id, me = new_user(shared, ANN)
    finish(shared, me, joining, run_id_of(ask(me, joining, claims=PARTS)))
    shared.connector.services.users.change(Tenant(shared.tenant), user_id, {MIDDLE_NAME: "Maria"})
    assert verified(me.claims()) == {GIVEN_NAME, LAST_NAME}
    run_id = run_id_of(ask(me, joining, claims=PARTS))
    assert names_of(shared, run_id) == ("Ann Maria", "Example")


@pytest.mark.parametrize("field", ["dob", "email", "address.street"])
@pytest.mark.one_database
def test_only_names_are_joined(shared: World, field: str) -> None:
    claims = [{"localClaim": uri, "idvpClaim": name} for uri, name in NAMES.items()]
    claims += [{"localClaim": uri, "idvpClaim": field} for uri in ("urn:one", "urn:two")]
    body = provider_body(shared.simulator, name=f"joins {field}", claims=claims)
    assert_error(shared.connector.as_admin().post(PROVIDERS, body), 400, "IDVP-60002", field)
