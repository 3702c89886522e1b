"""Claims: which applicant fields are sent, and what a finished run means for each claim by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.claims import (
    APPLICANT_FIELDS,
    DIFFERS,
    REQUIRED_FIELDS,
    VALUE_CHANGED,
    ClaimOutput,
    ClaimState,
    Verdict,
    comparison_key,
    fields_to_send,
    judge,
)
from connector.domain.studio import OutputClaim, OutputRole
from connector.domain.text import fold
from connector.domain.verification import VerificationClaim, claim_of
from connector.domain.workflow_run import APPROVED, FINAL_STATUSES, Comparison, RunSnapshot

fields = st.sampled_from(sorted(APPLICANT_FIELDS))
finals = st.sampled_from(sorted(FINAL_STATUSES))
comparisons = st.sampled_from(Comparison)
keys = st.sampled_from(sorted({comparison_key(field) for field in APPLICANT_FIELDS} | {"gender", "document_numbers"}))
findings = st.none() | st.dictionaries(keys, comparisons)


def verdict_on(applicant_field: str, run: RunSnapshot, *, is_stale: bool = False) -> Verdict:
    """Judge a claim that was sent as this field and of which the workflow's output tells nothing by itself."""
    claim = VerificationClaim("claim", applicant_field, fingerprint="of the value", is_stale=is_stale)
    return judge(claim, run, ClaimOutput(), is_same=lambda value: pytest.fail(f"{value} was compared"))


@given(field=fields, status=finals, found=findings, has_value_changed=st.booleans())
def test_verified_is_exactly_approved_and_clear_and_unchanged(
    field: str, status: str, found: dict[str, Comparison] | None, has_value_changed: bool
) -> None:
    verdict = verdict_on(field, RunSnapshot("run", status, found), is_stale=has_value_changed)

    is_clear = (found or {}).get(comparison_key(field)) is Comparison.CLEAR
    assert (verdict.is_verified is True) == (status == APPROVED and is_clear and not has_value_changed)


@given(field=fields, status=finals, found=findings, neighbours=findings, has_value_changed=st.booleans())
def test_neighbours_never_matter(
    field: str,
    status: str,
    found: dict[str, Comparison] | None,
    neighbours: dict[str, Comparison] | None,
    has_value_changed: bool,
) -> None:
    key = comparison_key(field)
    own = {key: (found or {})[key]} if key in (found or {}) else {}
    others = {name: value for name, value in (neighbours or {}).items() if name != key}

    alone = verdict_on(field, RunSnapshot("run", status, own), is_stale=has_value_changed)
    among = verdict_on(field, RunSnapshot("run", status, own | others), is_stale=has_value_changed)

    assert alone == among


@given(field=fields, status=finals, found=findings)
def test_a_run_says_nothing_of_a_value_that_changed_since(
    field: str, status: str, found: dict[str, Comparison] | None
) -> None:
    verdict = verdict_on(field, RunSnapshot("run", status, found), is_stale=True)
    assert verdict == Verdict(None, VALUE_CHANGED)


@given(status=finals)
def test_consider_speaks_against_the_value_however_the_run_ended(status: str) -> None:
    run = RunSnapshot("run", status, {"first_name": Comparison.CONSIDER})
    assert verdict_on("first_name", run) == Verdict(False, "consider")


@pytest.mark.parametrize("found", [None, {}, {"last_name": Comparison.CLEAR}, {"first_name": Comparison.NOT_COMPARED}])
def test_what_was_not_compared_leaves_the_claim_as_it_is(found: dict[str, Comparison] | None) -> None:
    run = RunSnapshot("run", APPROVED, found)
    assert verdict_on("first_name", run) == Verdict(None, "not_compared")


def test_what_could_not_be_read_leaves_the_claim_as_it_is() -> None:
    run = RunSnapshot("run", APPROVED, {"first_name": Comparison.UNIDENTIFIED})
    assert verdict_on("first_name", run) == Verdict(None, "unidentified")


@given(status=finals.filter(lambda status: status != APPROVED))
def test_clear_in_a_run_that_was_not_approved_verifies_nothing(status: str) -> None:
    run = RunSnapshot("run", status, {"first_name": Comparison.CLEAR})
    assert verdict_on("first_name", run) == Verdict(None, "clear")


def test_a_birth_date_is_compared_under_onfidos_own_name_for_it() -> None:
    run = RunSnapshot("run", APPROVED, {"date_of_birth": Comparison.CLEAR, "dob": Comparison.CONSIDER})
    assert verdict_on("dob", run) == Verdict(True, "clear")


def test_a_part_of_the_address_is_compared_with_the_address() -> None:
    assert comparison_key("address.postcode") == "address"
    assert comparison_key("last_name") == "last_name"


@given(field=fields, status=finals, found=findings, is_stale=st.booleans())
def test_a_run_of_the_sandbox_that_is_not_counted_says_nothing(
    field: str, status: str, found: dict[str, Comparison] | None, is_stale: bool
) -> None:
    claim = VerificationClaim("claim", field, fingerprint="of the value", is_stale=is_stale)
    run = RunSnapshot("run", status, found)
    assert judge(claim, run, ClaimOutput(), is_same=lambda _: True, is_counted=False) == Verdict(None, "sandbox")


@pytest.mark.parametrize("status", ["starting", "processing", "awaiting_input", "of_a_later_version"])
def test_an_open_run_cannot_be_judged(status: str) -> None:
    with pytest.raises(ValueError, match=status):
        verdict_on("first_name", RunSnapshot("run", status))


def of_output(role: OutputRole, applicant_field: str | None = None, **changes: Any) -> VerificationClaim:
    """Return a claim that the workflow's output holds."""
    claim = claim_of("claim", applicant_field, OutputClaim("/x", "claim", role))
    return replace(claim, **changes)


def approved(**comparisons: Comparison) -> RunSnapshot:
    return RunSnapshot("run", APPROVED, comparisons)


def knows(*values: str) -> Callable[[str], bool]:
    """Return a comparison for a user whose value is one of these."""
    return lambda value: fold(value) in map(fold, values)


@pytest.mark.parametrize(
    ("read", "verdict"),
    [
        ("Jane", Verdict(True, "clear")),
        ("JANE", Verdict(True, "clear")),
        ("Joan", Verdict(None, DIFFERS)),
        (None, Verdict(None, "not_compared")),
    ],
)
def test_the_users_value_is_held_against_the_one_that_was_read_however_documents_write_it(
    read: str | None, verdict: Verdict
) -> None:
    claim = of_output(OutputRole.VALUE, fingerprint="of Jane")

    assert judge(claim, approved(), ClaimOutput(value=read), is_same=knows("Jane")) == verdict


def test_where_the_output_tells_of_a_claim_its_comparison_does_not_matter() -> None:
    claim = of_output(OutputRole.VALUE, "first_name", fingerprint="of Jane")
    jane, joan = ClaimOutput(value="Jane"), ClaimOutput(value="Joan")

    assert judge(claim, approved(first_name=Comparison.CONSIDER), jane, is_same=knows("Jane")).is_verified
    assert judge(claim, approved(first_name=Comparison.CLEAR), joan, is_same=knows("Jane")) == Verdict(None, DIFFERS)


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (Comparison.CLEAR, Verdict(True, "clear")),
        (Comparison.CONSIDER, Verdict(False, "consider")),
        (Comparison.UNIDENTIFIED, Verdict(None, "unidentified")),
        (Comparison.NOT_COMPARED, Verdict(None, "not_compared")),
    ],
)
def test_a_result_in_the_output_decides(result: Comparison, verdict: Verdict) -> None:
    run = approved(first_name=Comparison.CONSIDER)
    assert judge(of_output(OutputRole.RESULT), run, ClaimOutput(result), is_same=knows()) == verdict


@given(status=finals.filter(lambda status: status != APPROVED), role=st.sampled_from(OutputRole))
def test_the_output_of_a_run_that_was_not_approved_verifies_nothing(status: str, role: OutputRole) -> None:
    output = ClaimOutput(Comparison.CLEAR, "Jane")

    assert judge(of_output(role), RunSnapshot("run", status), output, is_same=knows("Jane")) == Verdict(None, "clear")


@pytest.mark.parametrize("role", OutputRole)
def test_the_output_says_nothing_of_a_value_that_changed_since(role: OutputRole) -> None:
    claim = of_output(role, fingerprint="of the old one", is_stale=True)

    output = ClaimOutput(Comparison.CLEAR, "Jane")
    assert judge(claim, approved(), output, is_same=knows("Jane")) == Verdict(None, VALUE_CHANGED)


mappings = st.sets(fields).map(lambda chosen: frozenset(chosen) | frozenset(REQUIRED_FIELDS))


@given(data=st.data(), mapped=mappings)
def test_what_is_sent_is_what_was_asked_for_the_names_and_whole_groups(
    data: st.DataObject, mapped: frozenset[str]
) -> None:
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
