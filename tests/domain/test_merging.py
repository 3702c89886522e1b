"""Concurrent changes of two people: merged if they concern different values, else a conflict."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.domain.merging import Conflict, merge, snapshot
from connector.domain.studio.studio import LinkDefaults, OutputClaim, OutputRole, Studio

STUDIO = Studio(
    tags=("a",), link=LinkDefaults(lifetime=60), output_claims=(OutputClaim("/a", "uri", OutputRole.VALUE),)
)


@pytest.mark.parametrize(
    ("shown", "theirs", "mine", "merged"),
    [
        ("a", "a", "b", "b"),
        ("a", "b", "a", "b"),
        ("a", "b", "b", "b"),
        ({"x": "1"}, {"x": "1", "y": "2"}, {"x": "3"}, {"x": "3", "y": "2"}),
        ({"x": "1", "y": "2"}, {"x": "1"}, {"x": "3", "y": "2"}, {"x": "3"}),
        ({"x": "1", "y": "2"}, {"x": "3", "y": "2"}, {"x": "1"}, {"x": "3"}),
        ({"x": "1"}, {}, {}, {}),
    ],
)
def test_changes_by_one_of_two_people_are_kept(shown: Any, theirs: Any, mine: Any, merged: Any) -> None:
    assert merge(shown, theirs, mine) == (merged, [])


@pytest.mark.parametrize(
    ("shown", "theirs", "mine", "conflict"),
    [
        ("a", "b", "c", Conflict("p", "a", "b", "c")),
        ({"x": "1"}, {"x": "2"}, {"x": "3"}, Conflict("p.x", "1", "2", "3")),
        ({"x": "1"}, {}, {"x": "3"}, Conflict("p.x", "1", None, "3")),
        ({"x": "1"}, {"x": "3"}, {}, Conflict("p.x", "1", "3", None)),
        ({}, {"x": "2"}, {"x": "3"}, Conflict("p.x", None, "2", "3")),
        (["a"], ["a", "b"], ["a", "c"], Conflict("p", ["a"], ["a", "b"], ["a", "c"])),
    ],
)
def test_a_value_changed_by_both_people_must_be_decided(shown: Any, theirs: Any, mine: Any, conflict: Conflict) -> None:
    assert merge(shown, theirs, mine, "p")[1] == [conflict]


def test_records_are_merged_field_by_field() -> None:
    shown = json.loads(json.dumps(snapshot(STUDIO)))
    theirs = replace(STUDIO, tags=("a", "b"), link=LinkDefaults(lifetime=60, language="de_DE"))
    mine = replace(STUDIO, sends_user_id=True, link=LinkDefaults(lifetime=90))
    merged, conflicts = merge(shown, theirs, mine, "studio")
    assert conflicts == []
    assert merged == replace(theirs, sends_user_id=True, link=LinkDefaults(lifetime=90, language="de_DE"))
    _, conflicts = merge(shown, theirs, replace(mine, tags=("c",)), "studio")
    assert [each.name for each in conflicts] == ["studio.tags"]


def test_a_snapshot_is_the_json_representation_of_a_value() -> None:
    values = (STUDIO, {"at": datetime(2026, 1, 2, tzinfo=UTC)}, (1, None, True, OutputRole.VALUE))
    assert [json.loads(json.dumps(snapshot(each))) for each in values] == [snapshot(each) for each in values]
