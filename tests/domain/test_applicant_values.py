"""The values that are sent for an applicant, the claims without a value, and whether an applicant can be reused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.claims import APPLICANT_FIELDS
from connector.domain.providers.applicant_values import missing_claims, replaces, values_of

MAPPING = {"given": "first_name", "middle": "first_name", "family": "last_name", "second": "last_name", "born": "dob"}
NAMES = ("first_name", "last_name")
fields = st.sampled_from(sorted(APPLICANT_FIELDS))


def sent(values: dict[str, str], missing_name: str | None = None, mapping: dict[str, str] = MAPPING) -> dict[str, str]:
    return values_of(mapping, NAMES, values, missing_name)


@pytest.mark.parametrize(
    ("values", "first", "last"),
    [
        ({"given": "Ann", "family": "Lee"}, "Ann", "Lee"),
        ({"given": "Ann", "middle": "Mary", "family": "Lee"}, "Ann Mary", "Lee"),
        ({"middle": " Mary\u00a0Jane ", "given": "Ann", "family": "Lee"}, "Ann Mary Jane", "Lee"),
        ({"given": "Ann", "middle": "\u3000", "family": "Lee", "second": "\u200b"}, "Ann", "Lee"),
        ({"middle": "Mary", "second": "Cruz", "family": "de\u0301 la"}, "Mary", "d\u00e9 la Cruz"),
    ],
)
def test_the_claims_of_a_name_are_joined_in_the_order_of_the_mapping(
    values: dict[str, str], first: str, last: str
) -> None:
    assert sent(values) == {"first_name": first, "last_name": last}


def test_names_are_joined_in_the_order_of_the_mapping() -> None:
    turned = dict(reversed(MAPPING.items()))
    assert sent({"given": "Ann", "middle": "Mary"}, mapping=turned) == {"first_name": "Mary Ann"}


@pytest.mark.parametrize(
    ("field", "value", "as_sent"),
    [
        ("phone_number", "\u202a+44 7911 123456\u202c", "+44 7911 123456"),
        ("dob", "\u200e1990-01-31\u00a0", "1990-01-31"),
        ("email", "ann\u200b@example.com\ufeff", "ann@example.com"),
        ("id_numbers.ssn", "433-54-\u20603937", "433-54-3937"),
        ("location.country_of_residence", "\u3000GB\u200f", "GB"),
        ("first_name", "\u0dc1\u0dca\u200d\u0dbb\u0dd3", "\u0dc1\u0dca\u200d\u0dbb\u0dd3"),
        ("address.street", "\u0dc1\u0dca\u200d\u0dbb\u0dd3  1", "\u0dc1\u0dca\u200d\u0dbb\u0dd3 1"),
    ],
)
def test_invisible_characters_are_kept_only_in_names_and_streets(field: str, value: str, as_sent: str) -> None:
    assert values_of({"claim": field}, [field], {"claim": value}, None) == {field: as_sent}


def test_claims_that_are_not_requested_are_not_sent() -> None:
    assert values_of(MAPPING, ["dob"], {"given": "Ann", "born": "1990-01-01", "other": "x"}, "repeat") == {
        "dob": "1990-01-01"
    }


@pytest.mark.parametrize(
    ("values", "missing_name", "first", "last"),
    [
        ({"given": "Sukarno"}, "repeat", "Sukarno", "Sukarno"),
        ({"second": "Sukarno"}, "repeat", "Sukarno", "Sukarno"),
        ({"given": "Sukarno", "family": " "}, "-", "Sukarno", "-"),
        ({"family": "Sukarno"}, "Unknown", "Unknown", "Sukarno"),
        ({"given": "Ann", "middle": "Mary"}, "repeat", "Ann Mary", "Ann Mary"),
        ({"given": "Ann", "family": "Lee"}, "repeat", "Ann", "Lee"),
    ],
)
def test_a_person_with_one_name_is_sent_with_the_placeholder(
    values: dict[str, str], missing_name: str, first: str, last: str
) -> None:
    assert sent(values, missing_name) == {"first_name": first, "last_name": last}


def test_no_placeholder_is_sent_for_both_names_or_without_the_property() -> None:
    assert sent({}, "repeat") == sent({}, "-") == {}
    assert sent({"given": "Sukarno"}) == {"first_name": "Sukarno"}


def missing(requested: list[str], values: dict[str, str], missing_name: str | None = None) -> list[str]:
    return missing_claims(MAPPING, requested, values, sent(values, missing_name))


@pytest.mark.parametrize(
    ("requested", "values", "lacking"),
    [
        (["given", "family"], {"given": "Ann", "family": "Lee"}, []),
        (["given", "family", "born"], {"given": "Ann", "family": "Lee", "born": "\u00a0"}, ["born"]),
        (["given", "middle"], {"given": "Ann", "family": "Lee"}, ["middle"]),
        (["given"], {"given": "Ann"}, ["family", "second"]),
        (["born"], {"born": "1990-01-01"}, ["family", "given", "middle", "second"]),
        (["given", "family"], {"family": "Lee"}, ["given", "middle"]),
        (["expiry"], {"given": "Ann", "family": "Lee"}, []),
    ],
)
def test_all_claims_without_a_value_are_named_including_parts_of_a_name(
    requested: list[str], values: dict[str, str], lacking: list[str]
) -> None:
    assert missing(requested, values) == lacking


@pytest.mark.parametrize(
    ("requested", "values", "lacking"),
    [
        (["given"], {"given": "Sukarno"}, []),
        (["given", "family"], {"given": "Sukarno"}, []),
        (["family", "born"], {"given": "Sukarno", "born": "1990-01-01"}, []),
        (["family"], {"given": "Sukarno"}, ["family"]),
        (["family", "expiry"], {"given": "Sukarno"}, []),
        (["given", "middle"], {"given": "Sukarno"}, ["middle"]),
        (["given", "born"], {"given": "Sukarno"}, ["born"]),
        (["given", "family"], {}, ["family", "given", "middle", "second"]),
    ],
)
def test_a_name_with_a_placeholder_is_not_missing_if_another_claim_is_judged(
    requested: list[str], values: dict[str, str], lacking: list[str]
) -> None:
    assert missing(requested, values, "repeat") == lacking


@pytest.mark.parametrize(
    ("ever_sent", "now", "is_replaced"),
    [
        ({"first_name", "last_name"}, {"first_name", "last_name", "dob"}, True),
        ({"first_name", "dob"}, {"first_name"}, False),
        ({"email"}, {"dob"}, False),
        ({"address.line1", "address.postcode"}, {"address.street", "address.postcode"}, True),
        ({"address.postcode"}, {"first_name"}, False),
        ({"id_numbers.passport", "id_numbers.ssn"}, {"id_numbers.ssn"}, True),
        ({"id_numbers.driving_licence", "id_numbers.driving_licence.state_code"}, {"id_numbers.passport"}, True),
        ({"id_numbers.driving_licence"}, {"id_numbers.driving_licence.state_code"}, False),
        ({"location.ip_address"}, {"location.country_of_residence"}, False),
        ({"consents.ssn_verification"}, {"consents.privacy_notices_read"}, False),
        (set(), {"first_name"}, True),
    ],
)
def test_an_update_must_contain_every_field_ever_sent(ever_sent: set[str], now: set[str], is_replaced: bool) -> None:
    assert replaces(ever_sent, now) is is_replaced


@given(ever_sent=st.sets(fields), now=st.sets(fields))
def test_an_update_that_contains_every_field_is_sufficient(ever_sent: set[str], now: set[str]) -> None:
    assert replaces(ever_sent, ever_sent | now)
