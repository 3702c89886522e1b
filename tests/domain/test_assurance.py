"""Verified claims and their evidence in OpenID's format."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.assurance import EVIDENT_REPORTS, Assurance, Proof, ProvenClaim, unchanged, verified_claims
from connector.domain.studio.studio import OutputRole
from tests.identity.schemas import assert_ida

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
MINE = Assurance("https://idv.example.com")
PROOF = Proof("v1", "run-1", AT, "first_name", None, "passport")
CLAIM = ProvenClaim("given", "fingerprint", "live", AT, PROOF)
NAMES = {"given": "given_name", "family": "family_name", "town": "address.locality", "code": "address.postal_code"}


def asserted(*claims: ProvenClaim, assurance: Assurance = MINE, names: dict[str, str] = NAMES, **values: str) -> Any:
    given = {"given": "Ann", "family": "Example", "town": "York", "code": "YO1"} | values
    made = verified_claims(claims, given, names, assurance)
    assert_ida({} if made is None else {"verified_claims": made})
    return made


def test_a_claim_is_asserted_with_its_proof() -> None:
    assert asserted(CLAIM) == {
        "verification": {
            "trust_framework": "https://idv.example.com",
            "time": "2026-03-01T10:00:00Z",
            "evidence": [
                {
                    "type": "document",
                    "check_details": [
                        {
                            "check_method": "vri",
                            "organization": "Onfido",
                            "check_id": "run-1",
                            "time": "2026-03-01T10:00:00Z",
                        }
                    ],
                    "document_details": {"type": "passport"},
                }
            ],
        },
        "claims": {"given_name": "Ann"},
    }


def test_the_element_is_left_out_if_nothing_is_asserted() -> None:
    assert asserted() is None
    assert asserted(replace(CLAIM, uri="has no name")) is None


def test_a_level_is_claimed_only_if_the_operator_configured_it() -> None:
    assert "assurance_level" not in asserted(CLAIM)["verification"]
    level = asserted(CLAIM, assurance=Assurance("mine", "high"))["verification"]["assurance_level"]
    assert level == "high"


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("passport", {"type": "passport"}),
        ("national_identity_card", {"type": "idcard"}),
        ("driving_licence", {"type": "driving_permit"}),
        ("residence_permit", {"type": "residence_permit"}),
        (None, None),
    ],
)
def test_documents_have_the_names_of_openid(named: str | None, said: dict[str, str] | None) -> None:
    [piece] = asserted(replace(CLAIM, proof=replace(PROOF, document_type=named)))["verification"]["evidence"]
    assert piece.get("document_details") == said


def test_an_address_is_not_proved_by_the_passport() -> None:
    town = replace(CLAIM, uri="town", proof=replace(PROOF, applicant_field="address.town"))
    made = asserted(CLAIM, town, replace(town, uri="code"))
    assert made["claims"] == {"given_name": "Ann", "address": {"locality": "York", "postal_code": "YO1"}}
    details = [piece.get("document_details") for piece in made["verification"]["evidence"]]
    assert sorted(details, key=bool) == [None, {"type": "passport"}]


def test_a_claim_from_the_workflows_output_is_an_electronic_record() -> None:
    proof = replace(PROOF, run_id=None, output_role=OutputRole.VALUE)
    [piece] = asserted(replace(CLAIM, proof=proof))["verification"]["evidence"]
    assert (piece["type"], piece["check_details"][0]["check_method"]) == ("electronic_record", "data")
    assert piece["check_details"][0]["check_id"] == "v1"


def methods(made: Any) -> list[tuple[str, list[str]]]:
    """Return the check methods of each piece of evidence, by its type."""
    return [
        (piece["type"], [each["check_method"] for each in piece["check_details"]])
        for piece in made["verification"]["evidence"]
    ]


def test_a_face_was_compared_with_the_identity_document_and_not_with_the_proof_of_address() -> None:
    reports = ("document", "facial_similarity_motion", "proof_of_address")
    proof = replace(PROOF, reports=reports)
    town = replace(CLAIM, uri="town", proof=replace(proof, applicant_field="address.town"))
    assert methods(asserted(replace(CLAIM, proof=proof))) == [("document", ["vri", "facial_similarity_motion"])]
    assert sorted(methods(asserted(replace(CLAIM, proof=proof), town))) == [
        ("document", ["vri"]),
        ("document", ["vri", "facial_similarity_motion"]),
    ]


@pytest.mark.parametrize("name", ["identity_enhanced", "us_driving_licence", "india_pan"])
def test_a_comparison_with_records_is_separate_evidence(name: str) -> None:
    proof = replace(PROOF, reports=("document", name))
    expected = [("document", ["vri"]), ("electronic_record", ["data"])]
    assert methods(asserted(replace(CLAIM, proof=proof))) == expected
    role = replace(CLAIM, uri="family", proof=replace(proof, output_role=OutputRole.VALUE))
    assert sorted(methods(asserted(replace(CLAIM, proof=proof), role))) == expected


_ALL = sorted(EVIDENT_REPORTS)
_REPORTS = [subset for number in (0, 1, 2) for subset in combinations(_ALL, number)] + [tuple(_ALL)]


@pytest.mark.parametrize("document_type", [None, "passport", "unheard_of"])
@pytest.mark.parametrize("field", ["first_name", "address.town", None])
@pytest.mark.parametrize("role", [None, OutputRole.VALUE, OutputRole.RESULT])
def test_every_combination_of_facts_is_evidence_according_to_the_schema(
    document_type: str | None, field: str | None, role: OutputRole | None
) -> None:
    for reports in _REPORTS:
        proof = replace(PROOF, document_type=document_type, applicant_field=field, output_role=role, reports=reports)
        made = asserted(replace(CLAIM, proof=proof), replace(CLAIM, uri="family", proof=None))
        named = {method for kind, each in methods_of_checks(made) for method in each}
        assert named <= {"vri", "data", *reports}
        assert not any("watchlist" in method or "known" in method for method in named)


def methods_of_checks(made: Any) -> list[tuple[str, list[str]]]:
    checked = [piece for piece in made["verification"]["evidence"] if "check_details" in piece]
    return methods({"verification": {"evidence": checked}})


def test_a_claim_verified_by_an_administrator_has_no_document() -> None:
    vouched = replace(CLAIM, proof=None, environment=None, at=AT.astimezone(timezone(timedelta(hours=12))))
    [piece] = asserted(vouched)["verification"]["evidence"]
    assert piece == {
        "type": "vouch",
        "attestation": {"type": "digital_attestation", "date_of_issuance": "2026-03-01"},
    }


def test_the_time_is_that_of_the_earliest_verified_claim() -> None:
    later = replace(CLAIM, uri="family", proof=replace(PROOF, verification_id="v2", at=AT + timedelta(days=1)))
    verification = asserted(CLAIM, later)["verification"]
    assert verification["time"] == "2026-03-01T10:00:00Z"
    times = [piece["check_details"][0]["time"] for piece in verification["evidence"]]
    assert times == ["2026-03-02T10:00:00Z", "2026-03-01T10:00:00Z"]


def test_the_sandbox_is_named_and_never_mixed_with_live() -> None:
    sandbox = replace(CLAIM, environment="sandbox")
    made = asserted(sandbox, assurance=Assurance("mine", "high"))
    assert made["verification"] == {"trust_framework": "sandbox", "time": "2026-03-01T10:00:00Z"}
    assert asserted(sandbox, replace(CLAIM, uri="family"))["claims"] == {"family_name": "Example"}


def test_the_later_of_two_proofs_counts() -> None:
    vouched = replace(CLAIM, proof=None, at=AT + timedelta(days=2))
    newer = replace(CLAIM, at=AT + timedelta(days=1), proof=replace(PROOF, run_id="run-2"))
    [piece] = asserted(vouched, newer, CLAIM)["verification"]["evidence"]
    assert piece["check_details"][0]["check_id"] == "run-2"


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("birthdate", "1990-01-31", "1990-01-31"),
        ("birthdate", "31.01.1990", None),
        ("email", "ann@example.com", "ann@example.com"),
        ("email", "ann@mail.example.com", "ann@mail.example.com"),
        ("email", "ann", None),
        ("email", "ann@.example.com", None),
        ("email", "ann@example.", None),
        ("email", "ann@example" + ".com" * 10_000 + "@", None),  # must not take exponential time
        ("phone_number", "+44 (0)20-7946.0000", "+4402079460000"),
        ("phone_number", "none", None),
        ("nationalities", "GB", ["GB"]),
        ("nationalities", "British", None),
        ("locale", "en-GB", "en-GB"),
        ("email_verified", "true", None),
        ("address", "1 High Street", None),
        ("sub", "ann", None),
        ("place_of_birth.country", "GBR", {"country": "GBR"}),
        ("nickname", " Annie ", "Annie"),
    ],
)
def test_a_value_that_openid_cannot_represent_is_left_out(name: str, value: str, written: object) -> None:
    made = asserted(CLAIM, names={"given": name}, given=value)
    assert (made and made["claims"].get(name.partition(".")[0])) == written


@given(st.dictionaries(st.sampled_from(["birthdate", "email", "locale", "address.country_code", "msisdn"]), st.text()))
def test_the_answer_matches_the_schema_for_any_values(values: dict[str, str]) -> None:
    claims = unchanged((replace(CLAIM, uri=name) for name in values), values, lambda *_: "fingerprint")
    made = verified_claims(claims, values, {name: name for name in values}, MINE)
    assert_ida({} if made is None else {"verified_claims": made})


def test_only_claims_with_an_unchanged_value_are_asserted() -> None:
    claims = [replace(CLAIM, uri=uri, fingerprint=f"{uri} Ann") for uri in ("same", "changed", "blank", "removed")]
    values = {"same": "Ann", "changed": "Anna", "blank": " ", "added": "Ann"}
    assert [each.uri for each in unchanged(claims, values, lambda uri, value: f"{uri} {value}")] == ["same"]
