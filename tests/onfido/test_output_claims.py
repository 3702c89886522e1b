"""Claims in a workflow's output, by a provider's pointers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.studio.pointers import MAX_LENGTH, is_pointer
from connector.domain.studio.studio import OutputRole
from connector.domain.studio.workflow_run import Comparison
from connector.domain.verifications.judgement import ClaimOutput
from connector.domain.verifications.verification import VerificationClaim
from connector.onfido.output_claims import MAX_VALUE, read_claim, resolve

VALUE = VerificationClaim("claim", None, "/x", OutputRole.VALUE)
RESULT = VerificationClaim("claim", None, "/x", OutputRole.RESULT)
OUTPUT = {
    "foo": ["bar", {"baz": None}],
    "": 0,
    "a/b": 1,
    "m~n": 2,
    "~1": 3,
    " ": 4,
    "0": {"01": 5, "é": False},
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/foo", ["bar", {"baz": None}]),
        ("/foo/0", "bar"),
        ("/foo/1/baz", None),
        ("/", 0),
        ("/a~1b", 1),
        ("/m~0n", 2),
        ("/~01", 3),
        ("/ ", 4),
        ("/0/01", 5),
        ("/0/é", False),
    ],
)
def test_a_pointer_resolves_to_its_value(pointer: str, value: Any) -> None:
    assert is_pointer(pointer)
    assert resolve(OUTPUT, pointer) == value


@pytest.mark.parametrize(
    "pointer", ["/foo/2", "/foo/-", "/foo/-1", "/foo/00", "/foo/1e0", "/foo/9999999999", "/foo/bar", "/foo/0/x", "/x/y"]
)
def test_a_pointer_to_a_missing_member_resolves_to_nothing(pointer: str) -> None:
    assert is_pointer(pointer)
    assert resolve(OUTPUT, pointer) is None


@given(document=json_values, pointer=st.text(alphabet="/~01aé", max_size=12).map("/".__add__))
def test_any_output_and_any_pointer_can_be_read(document: Any, pointer: str) -> None:
    resolve(document, pointer)


@given(document=json_values)
def test_every_value_of_a_document_has_a_pointer(document: Any) -> None:
    for pointer, value in _places(document, ""):
        if pointer and len(pointer) <= MAX_LENGTH:
            assert is_pointer(pointer)
            assert resolve(document, pointer) == value


def _places(node: Any, pointer: str) -> list[tuple[str, Any]]:
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    found = [(pointer, node)]
    for key, value in members:
        found += _places(value, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
    return found


NO_VALUES: list[Any] = [None, "", " ", "x" * (MAX_VALUE + 1), "a\x07b", "a\x1fb", "a\0", "\ud800", [], {}, ["a"]]


@pytest.mark.parametrize(
    ("found", "value"),
    [
        ("2031-05-28", "2031-05-28"),
        ("  Jane ", "Jane"),
        ("\u3000Jean\u00a0Pierre\n", "Jean\u00a0Pierre"),
        ("1 Main Street\nLondon", "1 Main Street\nLondon"),
        ("\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"),
        (7, "7"),
        (2.5, "2.5"),
        (True, "true"),
        ("x" * MAX_VALUE, "x" * MAX_VALUE),
        *((each, None) for each in NO_VALUES),
    ],
)
def test_a_value_is_read_from_the_output_as_text(found: Any, value: str | None) -> None:
    assert read_claim({"x": found}, VALUE) == ClaimOutput(value=value)


@pytest.mark.parametrize(
    ("found", "result"),
    [
        ("clear", Comparison.CLEAR),
        (True, Comparison.CLEAR),
        ({"result": "clear", "breakdown": {}}, Comparison.CLEAR),
        ("consider", Comparison.CONSIDER),
        (False, Comparison.CONSIDER),
        ({"result": "consider"}, Comparison.CONSIDER),
        ("unidentified", Comparison.UNIDENTIFIED),
        *((other, Comparison.NOT_COMPARED) for other in (None, "", "Clear", 1, [], {}, {"result": None}, ["clear"])),
    ],
)
def test_a_result_is_read_from_a_report_a_breakdown_or_a_flag(found: Any, result: Comparison) -> None:
    assert read_claim({"x": found}, RESULT) == ClaimOutput(result)


def test_the_output_contains_no_value_for_a_claim_without_a_pointer() -> None:
    assert read_claim({"x": "Jane", "": "Jane"}, VerificationClaim("claim", "first_name")) == ClaimOutput()


@pytest.mark.parametrize("claim", [VALUE, RESULT])
@pytest.mark.parametrize("output", [None, [], "x", {"y": "clear"}])
def test_an_output_without_the_property_contains_no_value(output: object, claim: VerificationClaim) -> None:
    assert read_claim(output, claim) == ClaimOutput()
