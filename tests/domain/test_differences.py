"""The differences of a change: each property before and after, never a secret."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.audit.differences import MAX_VALUE, differences

LONG = "x" * (MAX_VALUE + 1)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"name": "a"}, {"name": "b"}, {"name": {"from": "a", "to": "b"}}),
        ({"name": "a", "other": 1}, {"name": "a"}, {}),
        ({}, {"name": "a", "image": "", "tags": [], "claims": {}}, {"name": {"from": None, "to": "a"}}),
        ({"image": "x"}, {"image": ""}, {"image": {"from": "x", "to": None}}),
        ({"on": True}, {"on": False}, {"on": {"from": True, "to": False}}),
        ({"n": 0}, {"n": None}, {"n": {"from": 0, "to": None}}),
        ({"tags": ["a"]}, {"tags": ("a", "b")}, {"tags": {"from": ["a"], "to": ["a", "b"]}}),
        ({"tags": ["a"]}, {"tags": ("a",)}, {}),
        (
            {"claims": {"a": "1", "b": "2"}},
            {"claims": {"b": "3", "c": "4"}},
            {
                "claims.a": {"from": "1", "to": None},
                "claims.b": {"from": "2", "to": "3"},
                "claims.c": {"from": None, "to": "4"},
            },
        ),
        ({"s": None}, {"s": {"x": {"y": 1}}}, {"s.x.y": {"from": None, "to": 1}}),
        ({"s": {"x": {"y": 1}}}, {"s": None}, {"s.x.y": {"from": 1, "to": None}}),
        ({"name": "a"}, {"name": LONG}, {"name": {"from": "a", "to": LONG[:-1] + "…"}}),
    ],
)
def test_properties_are_shown_before_and_after(
    before: dict[str, Any], after: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert differences(before, after) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, "sealed", {"token": {"from": None, "to": "set"}}),
        ("sealed", "other", {"token": {"from": "set", "to": "replaced"}}),
        ("sealed", None, {"token": {"from": "set", "to": None}}),
        ("sealed", "sealed", {}),
    ],
)
def test_a_secrets_difference_shows_only_whether_it_was_set_replaced_or_removed(
    before: str | None, after: str | None, expected: dict[str, Any]
) -> None:
    assert differences({"token": before}, {"token": after}, ["token"]) == expected
