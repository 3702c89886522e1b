"""Applicant data that is refused before Onfido is called: only data that Onfido refuses, named by claim and field."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.claims import APPLICANT_FIELDS
from connector.domain.providers.applicant import (
    check_applicant,
    is_acceptable,
    name_objection,
    without_incomplete_address,
)
from connector.errors import Code, RequestError
from connector.onfido.payloads import applicant_fields
from connector.simulator.applicants import ApplicantChange

AT_ONFIDO = ApplicantChange()
NAMES = {"first_name": "Zoë-Marie", "last_name": "O'Neil (née Łuk), Jr."}
ADDRESS = {"address.postcode": "S2 2DF", "address.country": "GBR"}
FIELDS = (
    NAMES
    | ADDRESS
    | {
        "dob": "2000-02-29",
        "email": "ann@example.com",
        "phone_number": "+44 20 7946 0000",
        "address.line1": "12 Main Street; Flat #3 {rear}",
        "address.state": "South Yorkshire",
        "location.ip_address": "2001:db8::1",
        "location.country_of_residence": "FRA",
        "id_numbers.driving_licence": "AB<12>",
        "id_numbers.driving_licence.state_code": "CA",
        "consents.privacy_notices_read": "true",
    }
)
CLAIMS = {f"urn:{name}": name for name in APPLICANT_FIELDS}

words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
likely = st.sampled_from(["GBR", "USA", "gbr", "NY", "ny", "New York", "1990-01-31", "19900131", "true", "TRUE", "a=b"])


def refusal(fields: Mapping[str, str], claims: Mapping[str, str] = CLAIMS) -> str:
    """Return the message about a refused applicant."""
    with pytest.raises(RequestError) as refused:
        check_applicant(fields, claims)
    assert refused.value.code is Code.APPLICANT_REFUSED
    return refused.value.description


def test_a_complete_applicant_is_accepted() -> None:
    check_applicant(FIELDS, CLAIMS)
    assert AT_ONFIDO.validate(applicant_fields(FIELDS)) == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("first_name", f"Ann{character}") for character in '!#$%*=<>;{}"'),
        ("last_name", "Ex=ample"),
        ("dob", "1990-13-01"),
        ("dob", "1990-02-30"),
        ("dob", "19900101"),
        ("dob", "1990-W01-1"),
        ("dob", "01/02/1990"),
        ("dob", "1990-01-01T00:00:00Z"),
        ("dob", "1990-01-01 "),
        *((f"address.line{number}", "12 ^Main") for number in (1, 2, 3)),
        ("address.country", "DE"),
        ("address.country", "gbr"),
        ("address.country", "United Kingdom"),
        ("location.country_of_residence", "FR"),
        ("location.country_of_residence", "FRAU"),
        ("id_numbers.driving_licence.state_code", "Cal"),
        ("id_numbers.driving_licence.state_code", "C1"),
        ("consents.privacy_notices_read", "yes"),
    ],
)
def test_a_value_that_onfido_refuses_is_named_by_claim_and_field_and_not_repeated(field: str, value: str) -> None:
    described = refusal(FIELDS | {field: value})

    assert f"urn:{field} (sent as {field}): " in described
    assert value not in described
    assert AT_ONFIDO.validate(applicant_fields(FIELDS | {field: value} | _granted(field))), "so does the simulator"


def _granted(field: str) -> dict[str, str]:
    """Return changes for a consent, which cannot be invalid: a name is refused instead."""
    return {field: "true", "first_name": "<"} if field.startswith("consents.") else {}


@given(field=st.sampled_from(sorted(APPLICANT_FIELDS)), value=words | likely, others=st.booleans())
def test_no_applicant_that_onfido_accepts_is_refused(field: str, value: str, others: bool) -> None:
    fields = (FIELDS if others else NAMES) | {field: value}
    is_acceptable = not field.startswith("consents.") and not AT_ONFIDO.validate(applicant_fields(fields))
    if is_acceptable:
        check_applicant(fields, {})


def test_a_state_without_its_id_number_is_neither_sent_nor_refused() -> None:
    fields = NAMES | {"id_numbers.driving_licence.state_code": "California"}

    check_applicant(fields, CLAIMS)
    assert applicant_fields(fields) == NAMES


@pytest.mark.parametrize("missing", ["address.postcode", "address.country"])
def test_an_address_needs_a_postcode_and_a_country(missing: str) -> None:
    address = {"address.town": "Sheffield"} | {name: value for name, value in ADDRESS.items() if name != missing}

    assert f"{missing}: it is missing" in refusal(NAMES | address, {})
    assert f"urn:{missing} (sent as {missing}): it is missing" in refusal(NAMES | address)


def test_address_fields_may_be_missing_without_an_address() -> None:
    check_applicant(NAMES | {"dob": "1990-01-01", "location.country_of_residence": "GBR"}, {})


@pytest.mark.parametrize(("state", "is_acceptable"), [("NY", True), ("New York", False), ("N1", False), (None, True)])
def test_a_us_state_must_have_two_letters(state: str | None, is_acceptable: bool) -> None:
    address = {"address.postcode": "10001", "address.country": "USA"} | ({"address.state": state} if state else {})
    if is_acceptable:
        check_applicant(address, CLAIMS)
    else:
        assert "urn:address.state (sent as address.state)" in refusal(address)


@pytest.mark.parametrize("field", ["first_name", "email", "address.street", "id_numbers.passport"])
@pytest.mark.parametrize("character", ["\0", "\x07", "\x1f", "\x9b", "\ud800"])
def test_a_control_character_or_lone_surrogate_is_refused_in_every_field(field: str, character: str) -> None:
    described = refusal(FIELDS | {field: f"Ann{character}"})

    assert f"urn:{field} (sent as {field}): it contains a control character" in described
    assert not is_acceptable(FIELDS | {field: f"Ann{character}"})
    assert is_acceptable(FIELDS)


@pytest.mark.parametrize(
    ("name", "is_refused"),
    [
        ("-", False),
        ("\u2014", False),
        ("Unknown", False),
        ("", True),
        (" \u200b", True),
        ("<none>", True),
        ("\x07", True),
    ],
)
def test_a_placeholder_must_be_a_name_that_onfido_accepts(name: str, is_refused: bool) -> None:
    assert (name_objection(name) is not None) is is_refused


def test_only_an_incomplete_address_is_left_out() -> None:
    rest = NAMES | {"location.country_of_residence": "GBR"}
    for missing in ADDRESS:
        address = {name: value for name, value in FIELDS.items() if name.startswith("address.") and name != missing}
        assert without_incomplete_address(rest | address) == rest
    assert without_incomplete_address(FIELDS) == FIELDS


def test_all_errors_are_reported_at_once() -> None:
    described = refusal(NAMES | {"first_name": "<", "dob": "soon", "address.town": "Sheffield"})

    for field in ("first_name", "dob", "address.postcode", "address.country"):
        assert f"(sent as {field}): " in described
    assert "last_name" not in described


def test_an_unmapped_field_is_named_without_a_claim() -> None:
    assert "Onfido would refuse dob: " in refusal({"dob": "soon"}, {})
