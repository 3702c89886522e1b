"""The validation of user ids and claim URIs."""

from __future__ import annotations

import pytest

from connector.domain.people.user_ids import MAX_LENGTH, id_objection, name_objection


@pytest.mark.parametrize(
    "name", ["", " ", "\u3000", "\u200b", "\ufeff", "\u115f\u3164", "\ufe0f", "a\x07", "x" * (MAX_LENGTH + 1)]
)
def test_an_invisible_or_ambiguous_id_is_refused(name: str) -> None:
    assert (name_objection(name) or "").startswith("must ")
    assert id_objection(name) == name_objection(name)


@pytest.mark.parametrize("name", ["ann", "Zoë 王小明", "a/b", "x" * MAX_LENGTH])
def test_any_other_id_is_accepted(name: str) -> None:
    assert id_objection(name) is None


@pytest.mark.parametrize("name", ["me", ".", ".."])
def test_an_id_with_another_meaning_in_a_path_is_refused(name: str) -> None:
    assert (id_objection(name) or "").startswith("must ")
    assert name_objection(name) is None
