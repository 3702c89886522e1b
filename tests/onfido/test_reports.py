"""Comparisons and document values in a workflow's output, at any place."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.studio.workflow_run import Comparison
from connector.onfido import reports
from connector.onfido.reports import MAX_DEPTH, MAX_POINTER, objects_in

CLEAR, CONSIDER, UNIDENTIFIED, NOT_COMPARED = (
    Comparison.CLEAR,
    Comparison.CONSIDER,
    Comparison.UNIDENTIFIED,
    Comparison.NOT_COMPARED,
)

NAMES = (
    "data_comparison",
    "breakdown",
    "result",
    "first_name",
    "properties",
    "document_type",
    "document_numbers",
    "value",
)


def comparisons(output: object) -> dict[str, Comparison] | None:
    found = reports.comparisons(objects_in(output))
    return None if found is None else dict(found.findings)


def document_values(output: object) -> dict[str, str] | None:
    return reports.document_values(objects_in(output))


keys = st.sampled_from(["first_name", "last_name", "date_of_birth", "document_numbers"])
findings = st.dictionaries(keys, st.sampled_from(["clear", "consider", "unidentified", None]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.sampled_from(NAMES), children),
    max_leaves=15,
)


def flat(found: dict[str, Any]) -> dict[str, Any]:
    return {key: {"result": result} for key, result in found.items()}


def report(found: dict[str, Any]) -> dict[str, Any]:
    breakdown = {key: {"result": result, "properties": {}} for key, result in found.items()}
    return {"result": "clear", "breakdown": breakdown}


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (None, None),
        ("text", None),
        ([], None),
        ({"result": "clear"}, None),
        ({"data_comparison": None}, None),
        ({"data_comparison": "clear"}, None),
        ({"data_comparison": {}}, {}),
        ({"data_comparison": {"result": None, "breakdown": None}}, {}),
        ({"data_comparison": {"result": "clear", "properties": {}}}, {}),
        ({"data_comparison": flat({"first_name": "clear"})}, {"first_name": CLEAR}),
        ({"data_comparison": report({"first_name": "consider"})}, {"first_name": CONSIDER}),
        (
            {"data_comparison": {"first_name": "clear", "last_name": None}},
            {"first_name": CLEAR, "last_name": NOT_COMPARED},
        ),
        (
            {"data_comparison": flat({"gender": "perhaps", "dob": ["clear"]})},
            {"gender": NOT_COMPARED, "dob": NOT_COMPARED},
        ),
        (
            [{"document": {"breakdown": {"data_comparison": report({"address": "unidentified"})}}}],
            {"address": UNIDENTIFIED},
        ),
    ],
)
def test_a_comparison_is_found_at_any_place_and_in_both_shapes(
    output: object, expected: dict[str, Comparison] | None
) -> None:
    assert comparisons(output) == expected


def test_the_worst_of_several_comparisons_counts() -> None:
    document = report({"first_name": "clear", "last_name": "unidentified", "gender": None, "issuing_country": "clear"})
    address = flat({"first_name": "consider", "last_name": "clear", "gender": "clear", "address": "clear"})
    output = {"document": {"data_comparison": document}, "proof_of_address": {"data_comparison": address}}
    assert comparisons(output) == {
        "first_name": CONSIDER,
        "last_name": UNIDENTIFIED,
        "gender": CLEAR,
        "issuing_country": CLEAR,
        "address": CLEAR,
    }


def test_the_search_ends_at_the_maximum_depth() -> None:
    output: object = {"data_comparison": flat({"first_name": "clear"})}
    for _ in range(MAX_DEPTH):
        output = [output]
    assert comparisons(output) is None
    for _ in range(50_000):
        output = {"deeper": output}
    assert comparisons({"deep": output, "data_comparison": flat({"last_name": "clear"})}) == {"last_name": CLEAR}


def test_a_broad_output_is_searched_level_by_level() -> None:
    output = {"many": [[{}] * 10] * 20_000, "data_comparison": flat({"last_name": "clear"})}
    assert comparisons(output) == {"last_name": CLEAR}


def places(output: object) -> dict[str, str]:
    compared = reports.comparisons(objects_in(output))
    assert compared is not None
    return compared.places(output)


def test_every_comparison_has_the_place_of_its_decisive_finding() -> None:
    output = {
        "a/b": {"data_comparison": flat({"first_name": "clear", "last_name": "consider"})},
        "list~": [7, {"data_comparison": flat({"first_name": "unidentified", "last_name": "clear"})}],
    }
    assert places(output) == {"first_name": "/list~0/1/data_comparison", "last_name": "/a~1b/data_comparison"}
    assert places({"data_comparison": flat({"first_name": "clear"})}) == {"first_name": "/data_comparison"}


@pytest.mark.parametrize("name", ["\0", "\ud800", "x" * (MAX_POINTER + 1)])
def test_a_place_that_cannot_be_stored_is_left_out(name: str) -> None:
    output = {name: {"data_comparison": flat({"first_name": "clear"})}}
    assert comparisons(output) == {"first_name": CLEAR}
    assert places(output) == {}


@given(json_values)
def test_any_output_can_be_read(output: object) -> None:
    assert comparisons(output) is None or comparisons(output) == comparisons([output])


@given(findings)
def test_both_shapes_have_the_same_meaning(found: dict[str, Any]) -> None:
    expected = {key: Comparison(result or "not_compared") for key, result in found.items()}
    assert comparisons({"data_comparison": flat(found)}) == expected
    assert comparisons({"data_comparison": report(found)}) == expected
    assert comparisons({"data_comparison": found}) == expected


@given(st.lists(findings, min_size=1), st.randoms(use_true_random=False))
def test_the_order_of_comparisons_does_not_matter(several: list[dict[str, Any]], order: random.Random) -> None:
    output = [{"data_comparison": flat(found)} for found in several]
    merged = comparisons(output)
    order.shuffle(output)
    assert comparisons(output) == merged


# Names and birth date by the document, the address by its own proof


def proof_report(found: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "proof_of_address", "breakdown": {"data_comparison": report(found)}} | more


PASSPORT = {"name": "document", "breakdown": {"data_comparison": report({"first_name": "clear", "gender": "clear"})}}
BILL = {"first_name": "unidentified", "last_name": "consider", "address": "clear"}
BY_BOTH = {"first_name": CLEAR, "gender": CLEAR, "address": CLEAR}


@pytest.mark.parametrize(
    "proof",
    [
        proof_report(BILL),
        proof_report(BILL, name="proof of address of the workflow", properties={"issuer": "Water", "first_names": "J"}),
        {"data_comparison": report(BILL), "document_classification": {"result": "clear"}},
        {"data_comparison": report(BILL), "name": "proof_of_address"},
        {"breakdown": {"data_comparison": flat(BILL), "document_classification": {"result": None}}},
        {"data_comparison": flat(BILL)},
        {"data_comparison": report(BILL)},
    ],
)
@pytest.mark.parametrize("document", [PASSPORT, {"data_comparison": flat({"first_name": "clear", "gender": "clear"})}])
def test_a_proof_of_address_decides_on_the_address_and_a_document_on_the_names(
    proof: dict[str, Any], document: dict[str, Any]
) -> None:
    for output in ([document, proof], {"a": proof, "b": {"c": document}}, {"x": [[proof]], "y": document}):
        assert comparisons(output) == BY_BOTH


def test_consider_of_a_proof_of_address_counts_for_any_document() -> None:
    document = {"name": "document", "breakdown": {"data_comparison": report({"first_name": "clear"})}}
    proof = proof_report({"first_name": "clear", "address": "consider"})
    assert comparisons([document, proof]) == {"first_name": CLEAR, "address": CONSIDER}


def test_consider_of_the_document_for_a_name_counts_for_any_proof_of_address() -> None:
    document = {"name": "document", "breakdown": {"data_comparison": report({"last_name": "consider"})}}
    assert comparisons([document, proof_report({"last_name": "clear", "first_name": "clear"})]) == {
        "last_name": CONSIDER
    }


def test_the_worst_finding_of_each_kind_counts() -> None:
    documents = [
        {"name": "document", "breakdown": {"data_comparison": report({"first_name": each})}}
        for each in ("clear", "unidentified")
    ]
    proofs = [proof_report({"first_name": "consider", "address": each}) for each in ("clear", "consider")]
    assert comparisons(documents + proofs) == {"first_name": UNIDENTIFIED, "address": CONSIDER}


@pytest.mark.parametrize(
    "output", [proof_report(BILL), [proof_report(BILL), {"properties": {"document_type": "visa"}}]]
)
def test_a_proof_of_address_alone_requires_fetching_the_document(output: object) -> None:
    found = reports.comparisons(objects_in(output))

    assert found is not None
    assert not found.has_document
    assert found.findings == {"first_name": UNIDENTIFIED, "last_name": CONSIDER, "address": CLEAR}


@pytest.mark.parametrize("found", [BILL, BILL | {"date_of_birth": "clear"}])
def test_a_comparison_outside_any_report_is_used(found: dict[str, Any]) -> None:
    compared = reports.comparisons(objects_in({"data_comparison": report(found)}))

    assert compared is not None
    assert compared.has_document
    assert set(compared.findings) == set(found)


def test_the_classification_of_a_document_does_not_make_it_a_proof_of_address() -> None:
    classified = {"document_classification": {"issuing_country": "GBR"}, "first_name": "Jane"}
    document = PASSPORT | {"properties": classified}
    assert comparisons([document, proof_report(BILL)]) == BY_BOTH
    assert document_values(document) == {"first_name": "Jane"}


PROPERTIES = {
    "first_name": "Jane",
    "last_name": "Doe",
    "date_of_birth": "1990-01-01",
    "date_of_expiry": "2031-05-28",
    "document_type": "passport",
    "document_numbers": [{"type": "document_number", "value": "999999999"}],
    "issuing_country": "GBR",
    "gender": "Female",
    "mrz_line1": "P<GBRDOE<<JANE",
}
VALUES = {
    "first_name": "Jane",
    "last_name": "Doe",
    "date_of_birth": "1990-01-01",
    "date_of_expiry": "2031-05-28",
    "document_type": "passport",
    "document_number": "999999999",
    "issuing_country": "GBR",
    "gender": "Female",
}
COMPARED = {"data_comparison": {"result": "clear"}}
NUMBER = {"type": "document_number", "value": "2"}
NAMES_OF_ALL_SCRIPTS = (
    "Jean\u00a0Pierre",
    "\u5c71\u7530\u3000\u592a\u90ce",
    "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",  # with a non-joiner
    "\u0dc1\u0dca\u200d\u0dbb\u0dd3",  # with a joiner
    "\u05d3\u05d5\u05d3\u200f\u200e",  # with direction marks
    "Nguye\u0302\u0303n",
    "Ann\nMary",
)


@pytest.mark.parametrize(
    "output",
    [
        pytest.param({"properties": PROPERTIES}, id="at the top"),
        pytest.param({"breakdown": COMPARED, "properties": PROPERTIES}, id="a whole report"),
        pytest.param([{"a": [{"document_report": {"name": "document", "properties": PROPERTIES}}]}], id="deep"),
        pytest.param([{"properties": {"score": 0.7}}, {"report": {"properties": PROPERTIES}}], id="beside another"),
        pytest.param([{"properties": {"document_type": None}}, {"properties": PROPERTIES}], id="after an empty one"),
        pytest.param([[{"properties": {"document_type": "visa"}}], {"properties": PROPERTIES}], id="above a visa"),
    ],
)
def test_a_document_is_found_at_any_place_of_its_report(output: object) -> None:
    assert document_values(output) == VALUES


@pytest.mark.parametrize(
    "output",
    [
        None,
        "text",
        [],
        {},
        {"data_comparison": {"first_name": {"result": "clear"}}},
        {"breakdown": COMPARED},
        {"breakdown": COMPARED, "properties": None},
        {"properties": []},
        {"properties": {"score": 0.7}},
        {"properties": {"records": []}},
        {"properties": {"first_name": "Jane"}},
        {"first_name": "Jane", "document_type": "passport"},
    ],
)
def test_other_reports_contain_no_document(output: object) -> None:
    assert document_values(output) is None


@pytest.mark.parametrize(
    "marks",
    [
        {"name": "proof_of_address"},
        {"breakdown": COMPARED | {"document_classification": {"result": "clear"}}},
        {"properties": {"document_type": "utility_bill", "issuer": "Water"}},
        {"properties": {"document_type": "utility_bill", "first_names": "Jane"}, "breakdown": COMPARED},
    ],
)
def test_a_proof_of_address_is_not_taken_for_the_document(marks: dict[str, Any]) -> None:
    proof = {"properties": {"document_type": "utility_bill"}, "breakdown": COMPARED} | marks
    assert document_values(proof) is None
    assert document_values([proof, [{"properties": PROPERTIES}]]) == VALUES


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, {}),
        ({"first_name": "  Jane "}, {"first_name": "Jane"}),
        ({"first_name": "", "last_name": " ", "gender": None, "document_type": 7}, {}),
        ({"first_name": "Ja\x00ne", "last_name": "D" * 256, "gender": "F" * 255}, {"gender": "F" * 255}),
        ({"document_numbers": []}, {}),
        ({"document_numbers": "999999999"}, {}),
        ({"document_numbers": 999999999}, {}),
        ({"document_numbers": {"value": "999999999"}}, {}),
        ({"document_numbers": [None, 7, {}, {"value": 7}, {"value": " "}]}, {}),
        ({"document_numbers": [{"type": "a"}, {"value": "1"}, {"value": "2"}]}, {"document_number": "1"}),
        (
            {"document_numbers": [{"type": "personal_number", "value": "1"}, NUMBER, {"value": "3"}]},
            {"document_number": "2"},
        ),
        ({"document_numbers": [{"type": "personal_number", "value": "1"}]}, {}),
        ({"document_number": "7"}, {"document_number": "7"}),
        ({"document_number": "7", "document_numbers": [{"value": "1"}, NUMBER]}, {"document_number": "2"}),
        ({"document_number": "7", "document_numbers": [{"value": "1"}]}, {"document_number": "7"}),
        ({"first_name": "Ann", "middle_name": "Mary"}, {"first_name": "Ann", "middle_name": "Mary"}),
        *(({"first_name": f" {name}\u3000"}, {"first_name": name}) for name in NAMES_OF_ALL_SCRIPTS),
    ],
)
def test_printable_texts_of_limited_length_are_read(properties: dict[str, Any], expected: dict[str, str]) -> None:
    assert document_values({"breakdown": COMPARED, "properties": properties}) == expected


@given(json_values)
def test_any_report_can_be_read(output: object) -> None:
    values = document_values(
        {"breakdown": COMPARED, "properties": {"document_type": output, "document_numbers": output}}
    )
    assert values is not None
    assert set(values) <= {"document_type", "document_number"} or document_values(output), "there is a report in it"
    assert document_values(output) is None or document_values([output]) == document_values(output)
