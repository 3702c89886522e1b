"""The depth of nested JSON."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.nesting import containers, is_deeper, pointers_to


def nested(levels: int) -> Any:
    data: Any = "a value"
    for level in range(levels):
        data = {"in": data} if level % 2 else [data, 1]
    return data


def test_the_containers_of_one_level_are_the_elements_of_the_previous_one() -> None:
    assert list(containers([{"a": [1], "b": 2}, [{"c": 3}, "text"], None])) == [[1], {"c": 3}]


@pytest.mark.parametrize("levels", [1, 2, 31, 32])
def test_data_is_as_deep_as_its_levels(levels: int) -> None:
    assert not is_deeper(nested(levels), levels)
    assert is_deeper(nested(levels), levels - 1)


@pytest.mark.parametrize("data", [None, 7, "text", [], {}])
def test_empty_objects_and_arrays_add_no_depth(data: object) -> None:
    assert not is_deeper(data, 1)


def test_extreme_nesting_is_reported() -> None:
    assert is_deeper(nested(200_000), 64)


def test_a_pointer_is_built_to_every_requested_container() -> None:
    inner: dict[str, Any] = {}
    data = {"a/b": [0, {"~": inner}], "c": {}}
    assert pointers_to(data, [inner, data, []]) == {id(inner): "/a~1b/1/~0", id(data): ""}
