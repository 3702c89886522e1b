"""Custom input data: every type from a constant, from a claim and from the request, and all that is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.studio.custom_data import MAX_LIST, MAX_TEXT, CustomInput, InputType, check_given, custom_data
from connector.errors import Code, InvalidField, RequestError

READ: list[tuple[InputType, str, Any]] = [
    (InputType.STRING, "", ""),
    (InputType.STRING, " as it is ", " as it is "),
    (InputType.STRING, "true", "true"),
    (InputType.BOOLEAN, "true", True),
    (InputType.BOOLEAN, " False ", False),
    (InputType.NUMBER, "0", 0),
    (InputType.NUMBER, "-42", -42),
    (InputType.NUMBER, "+7", 7),
    (InputType.NUMBER, "2.50", 2.5),
    (InputType.NUMBER, "1e3", 1000.0),
    (InputType.NUMBER, "9007199254740993", 9007199254740993),
    (InputType.LIST, "", []),
    (InputType.LIST, "a, b ,,c", ["a", "b", "c"]),
    (InputType.LIST, '["a, b", ""]', ["a, b", ""]),
    (InputType.DATE_TIME, "2030-01-31", "2030-01-31T00:00:00+00:00"),
    (InputType.DATE_TIME, "2030-01-31T12:00:00Z", "2030-01-31T12:00:00+00:00"),
    (InputType.DATE_TIME, " 2030-01-31T12:00:00.5-05:00 ", "2030-01-31T12:00:00.500000-05:00"),
]
UNREADABLE: list[tuple[InputType, str]] = [
    (InputType.STRING, "x" * (MAX_TEXT + 1)),
    *((InputType.BOOLEAN, text) for text in ("", "1", "yes", "truely")),
    *((InputType.NUMBER, text) for text in ("", "x", "1,5", "1_000", "0x1f", "1e999", "NaN", "inf", "٣", ".5", "5.")),
    (InputType.NUMBER, "9" * 400),
    (InputType.NUMBER, "9" * 5000),
    *((InputType.LIST, text) for text in ("[", '["a"', "[1]", "[null]", '[["a"]]', "[" * MAX_TEXT, '["\\ud800"]')),
    (InputType.LIST, ",".join("a" * (MAX_LIST + 1))),
    *(
        (InputType.DATE_TIME, text)
        for text in ("", "soon", "2030-13-01", "31.01.2030", "2030-01-31T25:00:00Z", "12:00")
    ),
    (InputType.DATE_TIME, "2030-01-31T12:00:00+00:00:30"),
]


def refusal(declared: list[CustomInput], values: Mapping[str, str]) -> RequestError:
    with pytest.raises(RequestError) as refused:
        custom_data(declared, {}, values)
    return refused.value


def request_refusal(declared: list[CustomInput], given: Mapping[str, str]) -> str:
    with pytest.raises(InvalidField) as refused:
        custom_data(declared, given, {})
    return refused.value.description


@pytest.mark.parametrize(("kind", "text", "value"), READ)
def test_requested_values_and_claims_are_read_as_the_type_that_studio_expects(
    kind: InputType, text: str, value: Any
) -> None:
    asked, known = CustomInput("asked", kind), CustomInput("known", kind, claim="urn:claim", is_required=False)

    data = custom_data([asked, known], {"asked": text}, {"urn:claim": text})

    assert data == {"asked": value} | ({"known": value} if text else {})
    assert type(data["asked"]) is type(value)
    json.dumps(data, allow_nan=False)


@pytest.mark.parametrize("blank", ["", " ", "\u3000", "\u200b"])
def test_a_blank_value_of_a_user_counts_as_missing(blank: str) -> None:
    known = CustomInput("known", InputType.STRING, claim="urn:claim")
    assert refusal([known], {"urn:claim": blank}).code is Code.VALUE_MISSING
    assert custom_data([replace(known, is_required=False)], {}, {"urn:claim": blank}) == {}


@pytest.mark.parametrize(("kind", "text"), UNREADABLE)
def test_a_value_of_another_type_is_refused_by_name_and_not_repeated(kind: InputType, text: str) -> None:
    by_request = request_refusal([CustomInput("asked", kind)], {"asked": text})
    assert by_request == f"properties: custom_data.asked: must be a {kind}."
    if text:
        by_claim = refusal([CustomInput("known", kind, claim="urn:claim")], {"urn:claim": text})
        assert by_claim.code is Code.APPLICANT_REFUSED
        assert by_claim.description.startswith(f"The user's value for urn:claim must be a {kind}, ")
        assert "known" in by_claim.description


@given(kind=st.sampled_from(InputType), text=st.text(max_size=60) | st.text(alphabet='0123456789.eE+-[]",:TZ '))
def test_any_text_is_read_or_refused(kind: InputType, text: str) -> None:
    try:
        data = custom_data([CustomInput("asked", kind)], {"asked": text}, {})
    except InvalidField:
        return
    assert CustomInput("asked", kind, value=data["asked"]).objection() is None, "it would do as a constant"
    json.dumps(data, allow_nan=False)


CONSTANTS: list[tuple[InputType, Any, bool]] = [
    (InputType.STRING, "", True),
    (InputType.STRING, "x" * MAX_TEXT, True),
    (InputType.STRING, "x" * (MAX_TEXT + 1), False),
    (InputType.STRING, "\ud800", False),
    (InputType.STRING, "a\0b", False),
    (InputType.STRING, 1, False),
    (InputType.BOOLEAN, False, True),
    (InputType.BOOLEAN, "false", False),
    (InputType.BOOLEAN, 0, False),
    (InputType.NUMBER, 0, True),
    (InputType.NUMBER, -2.5, True),
    (InputType.NUMBER, True, False),
    (InputType.NUMBER, "1", False),
    (InputType.NUMBER, float("inf"), False),
    (InputType.NUMBER, float("nan"), False),
    (InputType.NUMBER, 10**400, False),
    (InputType.LIST, [], True),
    (InputType.LIST, ["a", ""], True),
    (InputType.LIST, ["a"] * (MAX_LIST + 1), False),
    (InputType.LIST, ["a", 1], False),
    (InputType.LIST, "a", False),
    (InputType.DATE_TIME, "2030-01-31T12:00:00Z", True),
    (InputType.DATE_TIME, "2030-01-31T12:00:00.123+02:00", True),
    (InputType.DATE_TIME, "2030-01-31", False),
    (InputType.DATE_TIME, "2030-01-31T12:00:00", False),
    (InputType.DATE_TIME, "2030-02-30T12:00:00Z", False),
    (InputType.DATE_TIME, 1, False),
]


@pytest.mark.parametrize(("kind", "value", "is_taken"), CONSTANTS)
def test_a_constant_has_its_type_and_is_sent_unchanged(kind: InputType, value: Any, is_taken: bool) -> None:
    declared = CustomInput("fixed", kind, value=value)

    assert declared.objection() == (None if is_taken else f"must have a value that is a {kind}")
    if is_taken:
        assert custom_data([declared], {}, {}) == {"fixed": value}


@pytest.mark.parametrize("name", ["", "1st", "risk level", "risk-level", "risk.level", "naïve", "x" * 129, "a\n"])
def test_an_invalid_property_name_is_refused(name: str) -> None:
    assert "name" in (CustomInput(name, InputType.STRING).objection() or "")


@pytest.mark.parametrize("name", ["x", "_private", "riskLevel2", "x" * 128])
def test_a_property_name_of_letters_digits_and_underscores_is_accepted(name: str) -> None:
    assert CustomInput(name, InputType.STRING).objection() is None


def test_a_value_has_exactly_one_source() -> None:
    both = CustomInput("x", InputType.STRING, value="a", claim="urn:claim")

    assert both.objection() == "must have a value or a claim, not both"
    for claim in (" ", "u" * 256):
        assert CustomInput("x", InputType.STRING, claim=claim).objection() == "must have a claim of 1 to 255 characters"


def test_a_missing_required_input_is_named() -> None:
    by_request = request_refusal([CustomInput("asked", InputType.NUMBER)], {})
    assert by_request == "properties: custom_data.asked: must be given: the workflow requires a number."
    for values in ({}, {"urn:claim": ""}):
        by_claim = refusal([CustomInput("known", InputType.STRING, claim="urn:claim")], values)
        assert by_claim.code is Code.VALUE_MISSING
        assert "urn:claim" in by_claim.description
        assert "known" in by_claim.description


def test_an_optional_input_may_be_missing() -> None:
    declared = [
        CustomInput("asked", InputType.NUMBER, is_required=False),
        CustomInput("known", InputType.STRING, claim="urn:claim", is_required=False),
        CustomInput("fixed", InputType.BOOLEAN, value=False),
    ]

    assert custom_data(declared, {}, {}) == {"fixed": False}


@pytest.mark.parametrize("name", ["unknown", "fixed", "known", ""])
def test_a_request_sets_only_the_inputs_declared_for_requests(name: str) -> None:
    declared = [
        CustomInput("fixed", InputType.STRING, value="a"),
        CustomInput("known", InputType.STRING, claim="urn:claim"),
    ]

    with pytest.raises(InvalidField) as refused:
        check_given(declared, {name: "b"})
    assert refused.value.description.startswith(
        f"properties: custom_data.{name}: must be an input that the provider declares"
    )
