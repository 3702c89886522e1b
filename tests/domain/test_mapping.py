"""A mapping as it is edited: the verification of each claim, flaws, and the claims affected by a change."""

from __future__ import annotations

import pytest

from connector.domain.claims import APPLICANT_FIELDS
from connector.domain.providers.mapping import FIELD_GROUPS, Flaw, Source, changed_claims, source_of, warnings_of

NAMES = {"urn:given": "first_name", "urn:last": "last_name"}


def flaws(fields: dict[str, str], *outputs: str) -> list[tuple[Flaw, str | None, tuple[str, ...]]]:
    return [(each.flaw, each.uri, each.fields) for each in warnings_of(fields, outputs)]


def test_every_field_is_in_one_group() -> None:
    names = [name for group in FIELD_GROUPS.values() for name in group]
    assert sorted(names) == sorted(APPLICANT_FIELDS)


@pytest.mark.parametrize(
    ("field", "outputs", "source"),
    [
        ("first_name", (), Source.DOCUMENT),
        ("dob", (), Source.DOCUMENT),
        ("address.postcode", (), Source.PROOF_OF_ADDRESS),
        ("email", (), Source.NEVER),
        (None, (), Source.NEVER),
        (None, ("urn:x",), Source.OUTPUT),
        ("first_name", ("urn:x",), Source.OUTPUT),
    ],
)
def test_a_claim_is_verified_by_the_comparison_of_its_field(
    field: str | None, outputs: tuple[str, ...], source: Source
) -> None:
    assert source_of("urn:x", field, outputs) is source


def test_a_mapping_of_names_alone_has_no_flaws() -> None:
    assert flaws(NAMES) == []
    assert flaws(NAMES | {"urn:middle": "first_name"}) == []  # names are joined


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"urn:last": "last_name"}, (Flaw.NAME_MISSING, None, ("first_name",))),
        ({}, (Flaw.NAME_MISSING, None, ("first_name", "last_name"))),
        (NAMES | {"urn:mail": "email"}, (Flaw.NEVER_VERIFIED, "urn:mail", ("email",))),
        (
            NAMES | {"urn:town": "address.town"},
            (Flaw.ADDRESS_INCOMPLETE, "urn:town", ("address.postcode", "address.country")),
        ),
    ],
)
def test_a_flaw_names_its_claim_and_fields(
    fields: dict[str, str], expected: tuple[Flaw, str | None, tuple[str, ...]]
) -> None:
    assert [(flaw, uri, tuple(sorted(names))) for flaw, uri, names in flaws(fields)] == [
        (expected[0], expected[1], tuple(sorted(expected[2])))
    ]


def test_a_field_mapped_from_two_claims_is_a_flaw_of_both() -> None:
    doubled = NAMES | {"urn:a": "dob", "urn:b": "dob"}
    assert flaws(doubled) == [(Flaw.MAPPED_TWICE, "urn:a", ("dob",)), (Flaw.MAPPED_TWICE, "urn:b", ("dob",))]


def test_an_output_claim_verifies_a_field_without_comparison() -> None:
    assert flaws(NAMES | {"urn:mail": "email"}, "urn:mail") == []


def test_a_change_concerns_claims_sent_differently_or_no_longer() -> None:
    after = {"urn:given": "last_name", "urn:new": "dob"}
    assert changed_claims(NAMES, after) == ["urn:given", "urn:last"]
    assert changed_claims(NAMES, NAMES | {"urn:new": "dob"}) == []
