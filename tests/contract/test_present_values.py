"""A reused applicant contains no value that the user has changed or removed since."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.tenancy import Tenant
from tests.bodies import provider_body
from tests.contract.studio import ask, calls, calls_since, read_at_onfido, run_at_onfido
from tests.contract.wire import ALL_SCOPES, PROVIDERS, answer_on, assert_error, further, new_provider, new_user
from tests.harness import Caller, World, run_id_of, verified
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME

W = "http://wso2.org/claims/"
MAIL, PHONE, STREET, POSTCODE, COUNTRY, PASSPORT, LICENCE, AGREED = (
    W + name for name in ("mail", "phone", "street", "postalcode", "country", "passport", "licence", "agreed")
)
NAMES = {GIVEN_NAME: "first_name", LAST_NAME: "last_name"}
ADDRESS = {STREET: "address.street", POSTCODE: "address.postcode", COUNTRY: "address.country"}
NUMBERS = {PASSPORT: "id_numbers.passport", LICENCE: "id_numbers.driving_licence"}
MAPPING = {
    **NAMES,
    **ADDRESS,
    **NUMBERS,
    BIRTH_DATE: "dob",
    MAIL: "email",
    PHONE: "phone_number",
    AGREED: "consents.privacy_notices_read",
}
VALUES = {
    GIVEN_NAME: "Zebulon",
    LAST_NAME: "Quackenbush",
    BIRTH_DATE: "1909-07-07",
    MAIL: "zeb@old.example",
    PHONE: "+44 20 7946 0000",
    STREET: "Elm Road",
    POSTCODE: "ZZ9 9ZZ",
    COUNTRY: "GB",
    PASSPORT: "999999999",
    LICENCE: "QUACK707079Z99",
    AGREED: "true",
}
UPDATE = "PUT /applicants/{applicant_id}"
CREATE = "POST /applicants"


def provider_for(world: World, mapping: dict[str, str]) -> str:
    return new_provider(world, claims=as_claims(mapping))


def as_claims(mapping: dict[str, str]) -> list[dict[str, str]]:
    return [{"localClaim": uri, "idvpClaim": name} for uri, name in mapping.items()]


@pytest.fixture(scope="module")
def provider_id(shared: World) -> str:
    return provider_for(shared, MAPPING)


def end(world: World, me: Caller, provider_id: str, claims: Any) -> str:
    """Start a run of these claims, decline it, and return the applicant's id."""
    run_id = run_id_of(ask(me, provider_id, claims=claims))
    world.outcome(run_id, status="declined")
    answer_on(ask(me, provider_id, "COMPLETED", claims=claims), 200)
    return str(run_at_onfido(world, run_id)["applicant_id"])


def ended(world: World, provider_id: str, claims: Any = tuple(MAPPING)) -> tuple[str, Caller, str]:
    """Add a user with an applicant that has received these claims."""
    user_id, me = new_user(world, VALUES)
    return user_id, me, end(world, me, provider_id, claims)


def change(world: World, user_id: str, **values: str) -> None:
    world.connector.services.users.change(
        Tenant(world.tenant), user_id, {W + name: value for name, value in values.items()}
    )


def applicant(world: World, applicant_id: str) -> dict[str, Any]:
    found: dict[str, Any] = read_at_onfido(world, "applicants", applicant_id)
    return found


@pytest.mark.parametrize(
    ("changed", "field", "present"),
    [
        ({"dob": "1990-01-31"}, "dob", "1990-01-31"),
        *further(
            ({"mail": "zeb@new.example"}, "email", "zeb@new.example"),
            ({"phone": "+44 20 7946 0001"}, "phone_number", "+44 20 7946 0001"),
            ({"country": "FR"}, "address", {"street": "Elm Road", "postcode": "ZZ9 9ZZ", "country": "FRA"}),
            ({"street": ""}, "address", {"postcode": "ZZ9 9ZZ", "country": "GBR"}),
            ({"passport": ""}, "id_numbers", [{"type": "driving_licence", "value": "QUACK707079Z99"}]),
        ),
    ],
)
def test_fields_sent_once_are_sent_again_with_the_current_value(
    shared: World, provider_id: str, changed: dict[str, str], field: str, present: Any
) -> None:
    user_id, me, before = ended(shared, provider_id)
    change(shared, user_id, **changed)

    after = end(shared, me, provider_id, NAMES)

    assert after == before
    assert applicant(shared, after)[field] == present


@pytest.mark.parametrize(
    "removed",
    [
        {"dob": ""},
        *further(
            {"mail": "\u00a0"},
            {"phone": ""},
            {"street": "", "postalcode": "", "country": ""},
            {"country": ""},
            {"passport": "", "licence": ""},
            {"agreed": ""},
        ),
    ],
)
def test_a_removed_value_is_not_in_the_applicant_of_the_next_run(
    shared: World, provider_id: str, removed: dict[str, str]
) -> None:
    user_id, me, before = ended(shared, provider_id)
    change(shared, user_id, **removed)

    after = end(shared, me, provider_id, NAMES)

    assert after != before
    assert set(applicant(shared, after)) & set(FIELDS) == {"first_name", "last_name"}, (
        "the requested claims, and no others"
    )
    assert end(shared, me, provider_id, NAMES) == after, "which is used again"


FIELDS = {name.partition(".")[0] for name in MAPPING.values()}


@pytest.mark.parametrize(
    "broken", [{"dob": "soon"}, *further({"country": "Atlantis"}, {"street": "Elm \x07"}, {"agreed": "perhaps"})]
)
def test_a_value_that_can_no_longer_be_sent_causes_a_new_applicant(
    shared: World, provider_id: str, broken: dict[str, str]
) -> None:
    user_id, me, before = ended(shared, provider_id)
    change(shared, user_id, **broken)

    assert end(shared, me, provider_id, NAMES) != before


def test_an_unrequested_value_that_onfido_refuses_causes_a_new_applicant(shared: World, provider_id: str) -> None:
    user_id, me, before = ended(shared, provider_id)
    change(shared, user_id, mail="no address")

    after = end(shared, me, provider_id, NAMES)

    assert after != before
    assert "email" not in applicant(shared, after)
    assert_error(ask(me, provider_id, claims=[MAIL]), 400, "OIDV-10043", "email")


def test_values_that_were_not_requested_are_not_sent(shared: World, provider_id: str) -> None:
    _, me, before = ended(shared, provider_id, NAMES)

    assert end(shared, me, provider_id, NAMES) == before
    assert set(applicant(shared, before)) & set(FIELDS) == {"first_name", "last_name"}


def test_every_run_adds_to_the_recorded_fields(shared: World, provider_id: str) -> None:
    user_id, me, before = ended(shared, provider_id, [GIVEN_NAME])
    assert end(shared, me, provider_id, [BIRTH_DATE]) == before
    assert end(shared, me, provider_id, [MAIL]) == before
    change(shared, user_id, dob="1990-01-31", mail="zeb@new.example")

    assert end(shared, me, provider_id, NAMES) == before

    known = applicant(shared, before)
    assert (known["dob"], known["email"]) == ("1990-01-31", "zeb@new.example")


def test_a_field_that_was_unmapped_or_remapped_is_not_left_at_onfido(shared: World) -> None:
    provider_id = provider_for(shared, NAMES | {BIRTH_DATE: "dob"})
    user_id, me, before = ended(shared, provider_id, [*NAMES, BIRTH_DATE])
    shared.connector.services.users.change(Tenant(shared.tenant), user_id, {"urn:born": "1990-01-31"})

    remap(shared, provider_id, NAMES | {"urn:born": "dob"})
    assert end(shared, me, provider_id, NAMES) == before
    assert applicant(shared, before)["dob"] == "1990-01-31"
    remap(shared, provider_id, NAMES)
    after = end(shared, me, provider_id, NAMES)

    assert after != before
    assert "dob" not in applicant(shared, after)


def remap(world: World, provider_id: str, mapping: dict[str, str]) -> None:
    admin = world.connector.as_admin()
    name = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200)["name"]
    answer_on(
        admin.put(f"{PROVIDERS}/{provider_id}", provider_body(world.simulator, name=name, claims=as_claims(mapping))),
        200,
    )


def test_fields_sent_by_an_administrator_count_as_sent(shared: World, provider_id: str) -> None:
    user_id, me, before = ended(shared, provider_id, NAMES)
    admin = shared.connector.as_admin(scopes=ALL_SCOPES)
    path = f"{PROVIDERS}/{provider_id}/applicants/{before}"
    assert admin.request("PUT", path).status_code == 204
    assert applicant(shared, before)["dob"] == "1909-07-07"
    change(shared, user_id, dob="1990-01-31")

    assert end(shared, me, provider_id, NAMES) == before
    assert applicant(shared, before)["dob"] == "1990-01-31"
    change(shared, user_id, dob="")
    assert end(shared, me, provider_id, NAMES) != before


def test_a_new_applicant_verifies_its_claims_and_keeps_former_results(shared: World) -> None:
    provider_id = provider_for(shared, NAMES | {BIRTH_DATE: "dob"})
    user_id, me = new_user(shared, VALUES)
    shared.outcome(run_id_of(ask(me, provider_id, claims=[BIRTH_DATE])), comparisons={"first_name": "clear"})
    answer_on(ask(me, provider_id, "COMPLETED", claims=[BIRTH_DATE]), 200)
    assert verified(me.claims()) == {BIRTH_DATE}
    change(shared, user_id, dob="")

    shared.outcome(run_id_of(ask(me, provider_id, claims=NAMES)))
    answer_on(ask(me, provider_id, "COMPLETED", claims=NAMES), 200)

    assert verified(me.claims()) == set(NAMES)


def test_all_applicants_of_a_user_are_deleted_with_the_user(shared: World, provider_id: str) -> None:
    user_id, me, before = ended(shared, provider_id)
    change(shared, user_id, dob="")
    after = end(shared, me, provider_id, NAMES)

    assert shared.connector.services.users.remove(Tenant(shared.tenant), user_id) == len({before, after}) == 2


def test_an_applicant_missing_at_onfido_is_replaced_with_the_requested_values(shared: World, provider_id: str) -> None:
    _, me, before = ended(shared, provider_id)
    admin = shared.connector.as_admin(scopes=ALL_SCOPES)
    assert admin.request("DELETE", f"{PROVIDERS}/{provider_id}/applicants/{before}").status_code == 204

    after = end(shared, me, provider_id, NAMES)

    assert after != before
    assert "dob" not in applicant(shared, after)


def test_the_usual_case_needs_one_call_for_the_applicant(shared: World, provider_id: str) -> None:
    user_id, me, _ = ended(shared, provider_id)
    change(shared, user_id, dob="1990-01-31")
    before = calls(shared)

    end(shared, me, provider_id, NAMES)

    since = calls_since(shared, before)
    assert (since.get(UPDATE), since.get(CREATE)) == (1, None)
