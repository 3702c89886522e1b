"""Addresses in common forms: with the shipped dialects, with countries by code or name, and incomplete ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.studio import ask, read_at_onfido, run_at_onfido
from tests.contract.wire import PROVIDERS, answer_on, assert_error, new_provider, new_user
from tests.harness import Caller, World, run_id_of, verified

DIALECTS = Path(__file__).parents[2] / "config" / "claims"
W = "http://wso2.org/claims/"
WSO2 = {
    W + "givenname": "Zebulon",
    W + "lastname": "Quackenbush",
    W + "dob": "1977-07-07",
    W + "emailaddress": "zeb@example.com",
    W + "mobile": "+44 20 7946 0000",
    W + "streetaddress": "1 Elm Road\r\nFlat 2",
    W + "locality": "London",
    W + "region": "London",
    W + "postalcode": "ZZ9 9ZZ",
    W + "country": "United Kingdom",
}
OIDC = {
    "given_name": "Zebulon",
    "family_name": "Quackenbush",
    "birthdate": "1977-07-07",
    "email": "zeb@example.com",
    "phone_number": "+1 202 555 0100",
    "address.street_address": "1 Elm Road",
    "address.locality": "Springfield",
    "address.region": "California",
    "address.postal_code": "90001",
    "address.country": "US",
}
CODES = {"wso2": ("GBR", "London"), "oidc": ("USA", "CA")}


def dialect(name: str) -> dict[str, str]:
    mapping: dict[str, str] = json.loads((DIALECTS / f"{name}.json").read_text())
    return mapping


def provider_for(world: World, mapping: dict[str, str]) -> str:
    return new_provider(world, claims=[{"localClaim": uri, "idvpClaim": name} for uri, name in mapping.items()])


def applicant_of(world: World, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = read_at_onfido(world, "applicants", run_at_onfido(world, run_id)["applicant_id"])
    return found


@pytest.mark.parametrize(("name", "values"), [("wso2", WSO2), ("oidc", OIDC)])
def test_an_address_is_verified_with_the_shipped_dialect(shared: World, name: str, values: dict[str, str]) -> None:
    mapping = dialect(name)
    assert set(mapping) == set(values)
    provider_id = provider_for(shared, mapping)
    _, me = new_user(shared, values)
    run_id = run_id_of(ask(me, provider_id, claims=mapping))
    country, state = CODES[name]

    address = applicant_of(shared, run_id)["address"]
    assert (address["country"], address["state"]) == (country, state)
    assert "\n" not in address["street"]
    shared.outcome(run_id, shape="all_reports")
    answer_on(ask(me, provider_id, "COMPLETED", claims=mapping), 200)

    compared = {uri for uri, field in mapping.items() if field not in ("email", "phone_number")}
    assert verified(me.claims()) == compared


@pytest.mark.parametrize("name", ["wso2", "oidc"])
def test_a_shipped_dialect_is_ready(shared: World, name: str) -> None:
    assert claims_check(shared, dialect(name))["passed"] is True


@pytest.mark.parametrize("missing", ["postalcode", "country"])
def test_an_address_mapping_that_can_never_be_sent_fails_the_connection_test(shared: World, missing: str) -> None:
    mapping = {uri: field for uri, field in dialect("wso2").items() if uri != W + missing}

    check = claims_check(shared, mapping)

    assert check["passed"] is False
    assert f"address.{'postcode' if missing == 'postalcode' else missing}" in check["detail"]


def claims_check(world: World, mapping: dict[str, str]) -> dict[str, Any]:
    path = f"{PROVIDERS}/{provider_for(world, mapping)}/test-connection"
    answer = answer_on(world.connector.as_admin().request("POST", path), 200)
    [check] = [check for check in answer["checks"] if check["name"] == "claims"]
    return dict(check)


# Countries


@pytest.fixture(scope="module")
def residence(shared: World) -> str:
    mapping = {
        W + "givenname": "first_name",
        W + "lastname": "last_name",
        W + "country": "location.country_of_residence",
    }
    return provider_for(shared, mapping)


def resident(world: World, country: str) -> Caller:
    _, me = new_user(world, {W + "givenname": "Zebulon", W + "lastname": "Quackenbush", W + "country": country})
    return me


@pytest.mark.parametrize(
    ("country", "code"),
    [
        ("GB", "GBR"),
        ("gbr ", "GBR"),
        ("Sri Lanka", "LKA"),
        ("Kosovo", "RKS"),
        ("XK", "RKS"),
        ("C\u00f4te d'Ivoire", "CIV"),
    ],
)
@pytest.mark.one_database
def test_a_country_is_sent_as_onfidos_code(shared: World, residence: str, country: str, code: str) -> None:
    me = resident(shared, country)
    run_id = run_id_of(ask(me, residence, claims=[W + "country"]))
    assert applicant_of(shared, run_id)["location"] == {"country_of_residence": code}


@pytest.mark.parametrize("country", ["Atlantis", "12", "Korea"])
@pytest.mark.one_database
def test_an_unknown_country_is_refused_before_it_is_sent(shared: World, residence: str, country: str) -> None:
    me = resident(shared, country)
    described = assert_error(
        ask(me, residence, claims=[W + "country"]), 400, "OIDV-10043", W + "country", "English name"
    )
    assert country not in described


# Incomplete ones


@pytest.fixture(scope="module")
def with_address(shared: World) -> str:
    return provider_for(shared, dialect("wso2"))


INCOMPLETE = {uri: value for uri, value in WSO2.items() if uri != W + "country"}
NAMES = [W + "givenname", W + "lastname"]


def test_an_incomplete_address_does_not_prevent_verifying_other_claims(shared: World, with_address: str) -> None:
    _, me = new_user(shared, INCOMPLETE)

    run_id = run_id_of(ask(me, with_address, claims=NAMES))

    assert "address" not in applicant_of(shared, run_id)


def test_a_requested_incomplete_address_is_refused(shared: World, with_address: str) -> None:
    _, me = new_user(shared, INCOMPLETE)

    answer = ask(me, with_address, claims=[*NAMES, W + "postalcode"])

    assert_error(answer, 400, "OIDV-10043", f"{W}country (sent as address.country)")
