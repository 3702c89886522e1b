"""What is found in a workflow's output, wherever it is: comparisons, and what was read from the document."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.runs import Comparison
from connector.onfido import reports
from connector.onfido.reports import MAX_DEPTH, objects_in

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
    return reports.comparisons(objects_in(output))


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
def test_a_comparison_is_found_wherever_it_is_and_in_either_shape(
    output: object, expected: dict[str, Comparison] | None
) -> None:
    assert comparisons(output) == expected


def test_of_several_comparisons_the_worst_wins() -> None:
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


def test_what_lies_too_deep_is_not_searched_and_what_lies_above_is_found() -> None:
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


@given(json_values)
def test_no_output_is_too_strange(output: object) -> None:
    assert comparisons(output) is None or comparisons(output) == comparisons([output])


@given(findings)
def test_both_shapes_say_the_same(found: dict[str, Any]) -> None:
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
def test_a_document_is_found_wherever_its_report_is(output: object) -> None:
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
def test_what_is_no_document_report_has_no_document(output: object) -> None:
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
    ],
)
def test_only_printable_texts_of_a_fair_length_are_read(properties: dict[str, Any], expected: dict[str, str]) -> None:
    assert document_values({"breakdown": COMPARED, "properties": properties}) == expected


@given(json_values)
def test_no_report_is_too_strange(output: object) -> None:
    values = document_values(
        {"breakdown": COMPARED, "properties": {"document_type": output, "document_numbers": output}}
    )
    assert values is not None
    assert set(values) <= {"document_type", "document_number"}
    assert document_values(output) is None or document_values([output]) == document_values(output)
