"""JSON Pointers, as RFC 6901 has them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.pointers import MAX_LENGTH, is_pointer, resolve

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
def test_what_is_pointed_to_is_found(pointer: str, value: Any) -> None:
    assert is_pointer(pointer)
    assert resolve(OUTPUT, pointer) == value


@pytest.mark.parametrize(
    "pointer", ["/foo/2", "/foo/-", "/foo/-1", "/foo/00", "/foo/1e0", "/foo/9999999999", "/foo/bar", "/foo/0/x", "/x/y"]
)
def test_where_there_is_nothing_nothing_is_found(pointer: str) -> None:
    assert is_pointer(pointer)
    assert resolve(OUTPUT, pointer) is None


@pytest.mark.parametrize("text", ["", "foo", "foo/bar", "#/foo", "/~", "/~2", "/foo~", "$.foo", "/" * (MAX_LENGTH + 1)])
def test_a_text_that_is_no_pointer_into_something_is_told(text: str) -> None:
    assert not is_pointer(text)


@given(document=json_values, pointer=st.text(alphabet="/~01aé", max_size=12).map("/".__add__))
def test_no_output_and_no_pointer_are_too_strange(document: Any, pointer: str) -> None:
    resolve(document, pointer)


@given(document=json_values)
def test_every_value_in_a_document_can_be_pointed_to(document: Any) -> None:
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
