"""Claims: which applicant fields are sent, and the word for each state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.claims import APPLICANT_FIELDS, REQUIRED_FIELDS, ClaimState, fields_to_send

fields = st.sampled_from(sorted(APPLICANT_FIELDS))
mappings = st.sets(fields).map(lambda chosen: frozenset(chosen) | frozenset(REQUIRED_FIELDS))


@given(data=st.data(), mapped=mappings)
def test_requested_claims_names_and_whole_groups_are_sent(data: st.DataObject, mapped: frozenset[str]) -> None:
    requested = frozenset(data.draw(st.sets(st.sampled_from(sorted(mapped)), min_size=1)))

    sent = fields_to_send(requested, mapped)

    assert requested | frozenset(REQUIRED_FIELDS) <= sent <= mapped
    groups = {field.partition(".")[0] for field in requested if "." in field}
    grouped = {field for field in sent if "." in field}
    assert grouped == {field for field in mapped if "." in field and field.partition(".")[0] in groups}
    assert sent - grouped == {field for field in requested if "." not in field} | set(REQUIRED_FIELDS)


@pytest.mark.parametrize(
    ("state", "label"),
    [
        (ClaimState(True, "clear"), "verified"),
        (ClaimState(False, "consider"), "consider"),
        (ClaimState(False, None), "unverified"),
    ],
)
def test_the_history_has_a_word_for_every_state(state: ClaimState, label: str) -> None:
    assert state.label == label
