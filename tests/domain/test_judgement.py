"""The judgement of each claim by a finished run, and its explanation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.claims import APPLICANT_FIELDS, DIFFERS, RUN_GONE, VALUE_CHANGED, comparison_key
from connector.domain.studio.studio import OutputClaim, OutputRole
from connector.domain.studio.workflow_run import APPROVED, FINAL_STATUSES, Comparison, RunSnapshot
from connector.domain.text import fold
from connector.domain.verifications.judgement import RULES, ClaimOutput, Explanation, Rule, Verdict, explain, judge
from connector.domain.verifications.verification import Verification, VerificationClaim, claim_of

fields = st.sampled_from(sorted(APPLICANT_FIELDS))
finals = st.sampled_from(sorted(FINAL_STATUSES))
comparisons = st.sampled_from(Comparison)
keys = st.sampled_from(sorted({comparison_key(field) for field in APPLICANT_FIELDS} | {"gender", "document_numbers"}))
findings = st.none() | st.dictionaries(keys, comparisons)


Said = tuple[bool | None, str]


def said(verdict: Verdict) -> Said:
    return verdict.is_verified, verdict.verification_status


def verdict_on(applicant_field: str, run: RunSnapshot, *, is_stale: bool = False) -> Verdict:
    """Judge a claim that was sent as this field and has no result in the workflow's output."""
    claim = VerificationClaim("claim", applicant_field, fingerprint="of the value", is_stale=is_stale)
    return judge(claim, run, ClaimOutput(), is_same=lambda value: pytest.fail(f"{value} was compared"))


@given(field=fields, status=finals, found=findings, has_value_changed=st.booleans())
def test_a_claim_is_verified_if_and_only_if_approved_clear_and_unchanged(
    field: str, status: str, found: dict[str, Comparison] | None, has_value_changed: bool
) -> None:
    verdict = verdict_on(field, RunSnapshot("run", status, found), is_stale=has_value_changed)

    is_clear = (found or {}).get(comparison_key(field)) is Comparison.CLEAR
    assert (verdict.is_verified is True) == (status == APPROVED and is_clear and not has_value_changed)


@given(field=fields, status=finals, found=findings, neighbours=findings, has_value_changed=st.booleans())
def test_other_claims_never_affect_a_claims_result(
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
def test_a_run_does_not_judge_a_value_that_changed_since(
    field: str, status: str, found: dict[str, Comparison] | None
) -> None:
    verdict = verdict_on(field, RunSnapshot("run", status, found), is_stale=True)
    assert said(verdict) == (None, VALUE_CHANGED)


@given(status=finals)
def test_consider_unverifies_the_value_for_any_final_status(status: str) -> None:
    run = RunSnapshot("run", status, {"first_name": Comparison.CONSIDER})
    assert said(verdict_on("first_name", run)) == (False, "consider")


@pytest.mark.parametrize("found", [None, {}, {"last_name": Comparison.CLEAR}, {"first_name": Comparison.NOT_COMPARED}])
def test_a_claim_that_was_not_compared_is_unchanged(found: dict[str, Comparison] | None) -> None:
    run = RunSnapshot("run", APPROVED, found)
    assert said(verdict_on("first_name", run)) == (None, "not_compared")


def test_a_claim_that_could_not_be_read_is_unchanged() -> None:
    run = RunSnapshot("run", APPROVED, {"first_name": Comparison.UNIDENTIFIED})
    assert said(verdict_on("first_name", run)) == (None, "unidentified")


@given(status=finals.filter(lambda status: status != APPROVED))
def test_clear_in_a_run_that_was_not_approved_verifies_nothing(status: str) -> None:
    run = RunSnapshot("run", status, {"first_name": Comparison.CLEAR})
    assert said(verdict_on("first_name", run)) == (None, "clear")


def test_a_birth_date_is_compared_under_onfidos_own_name_for_it() -> None:
    run = RunSnapshot("run", APPROVED, {"date_of_birth": Comparison.CLEAR, "dob": Comparison.CONSIDER})
    assert said(verdict_on("dob", run)) == (True, "clear")


def test_a_part_of_the_address_is_compared_with_the_address() -> None:
    assert comparison_key("address.postcode") == "address"
    assert comparison_key("last_name") == "last_name"


@given(field=fields, status=finals, found=findings, is_stale=st.booleans())
def test_a_sandbox_run_that_does_not_count_judges_nothing(
    field: str, status: str, found: dict[str, Comparison] | None, is_stale: bool
) -> None:
    claim = VerificationClaim("claim", field, fingerprint="of the value", is_stale=is_stale)
    run = RunSnapshot("run", status, found)
    assert said(judge(claim, run, ClaimOutput(), is_same=lambda _: True, is_counted=False)) == (None, "sandbox")


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
    """Return a comparison for a user with one of these values."""
    return lambda value: fold(value) in map(fold, values)


@pytest.mark.parametrize(
    ("read", "verdict"),
    [
        ("Jane", (True, "clear")),
        ("JANE", (True, "clear")),
        ("Joan", (None, DIFFERS)),
        (None, (None, "not_compared")),
    ],
)
def test_the_users_value_is_compared_with_any_spelling_in_a_document(read: str | None, verdict: Said) -> None:
    claim = of_output(OutputRole.VALUE, fingerprint="of Jane")

    assert said(judge(claim, approved(), ClaimOutput(value=read), is_same=knows("Jane"))) == verdict


def test_a_result_in_the_output_overrides_the_comparison() -> None:
    claim = of_output(OutputRole.VALUE, "first_name", fingerprint="of Jane")
    jane, joan = ClaimOutput(value="Jane"), ClaimOutput(value="Joan")

    assert judge(claim, approved(first_name=Comparison.CONSIDER), jane, is_same=knows("Jane")).is_verified
    assert said(judge(claim, approved(first_name=Comparison.CLEAR), joan, is_same=knows("Jane"))) == (None, DIFFERS)


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (Comparison.CLEAR, (True, "clear")),
        (Comparison.CONSIDER, (False, "consider")),
        (Comparison.UNIDENTIFIED, (None, "unidentified")),
        (Comparison.NOT_COMPARED, (None, "not_compared")),
    ],
)
def test_a_result_in_the_output_decides(result: Comparison, verdict: Said) -> None:
    run = approved(first_name=Comparison.CONSIDER)
    assert said(judge(of_output(OutputRole.RESULT), run, ClaimOutput(result), is_same=knows())) == verdict


@given(status=finals.filter(lambda status: status != APPROVED), role=st.sampled_from(OutputRole))
def test_the_output_of_a_run_that_was_not_approved_verifies_nothing(status: str, role: OutputRole) -> None:
    output = ClaimOutput(Comparison.CLEAR, "Jane")

    assert said(judge(of_output(role), RunSnapshot("run", status), output, is_same=knows("Jane"))) == (None, "clear")


@pytest.mark.parametrize("role", OutputRole)
def test_the_output_does_not_judge_a_value_that_changed_since(role: OutputRole) -> None:
    claim = of_output(role, fingerprint="of the old one", is_stale=True)

    output = ClaimOutput(Comparison.CLEAR, "Jane")
    assert said(judge(claim, approved(), output, is_same=knows("Jane"))) == (None, VALUE_CHANGED)


VERIFICATION = Verification(
    verification_id="v",
    tenant="t",
    provider_id="p",
    user_id="ann",
    status=APPROVED,
    applicant_id=None,
    run_id="r",
    run_requested_at=None,
    lease_owner=None,
    lease_until=None,
    environment=None,
    sends_user_id=False,
    failure=None,
    capture="sdk",
    dashboard_url=None,
    result=None,
    wants_document=False,
    document=None,
    decision=None,
    created_at=datetime.min,
    updated_at=datetime.min,
    completed_at=None,
    closed_at=None,
)
sent = st.builds(
    VerificationClaim,
    uri=st.just("claim"),
    applicant_field=st.none() | fields,
    output_pointer=st.just("/x"),
    output_role=st.none() | st.sampled_from(OutputRole),
    fingerprint=st.none() | st.just("of the value"),
    is_stale=st.booleans(),
)
outputs = st.builds(ClaimOutput, result=comparisons, value=st.none() | st.sampled_from(["Jane", "Joan"]))


def explained(claim: VerificationClaim, status: str, verdict: Verdict | None, **more: Any) -> Explanation:
    return explain(claim, replace(VERIFICATION, status=status, **more), verdict)


@given(claim=sent, status=finals, found=findings, output=outputs, is_counted=st.booleans())
def test_an_explanation_ends_with_the_only_decisive_rule(
    claim: VerificationClaim,
    status: str,
    found: dict[str, Comparison] | None,
    output: ClaimOutput,
    is_counted: bool,
) -> None:
    run = RunSnapshot("run", status, found, {key: f"/{key}" for key in found or {}})
    verdict = judge(claim, run, output, is_same=knows("Jane"), is_counted=is_counted)

    explanation = explained(claim, status, verdict)

    rules = [step for step in explanation.steps if step.name in tuple(RULES)]
    assert [step.applies for step in rules] == [False] * (len(rules) - 1) + [True]
    assert [Rule(step.name) for step in rules] == list(RULES[: len(rules)]), "each rule is tried, in its order"
    last = replace(verdict, rule=Rule(explanation.steps[-1].name))
    assert said(last) == said(verdict)
    assert (explanation.verdict, explanation.claim) == (verdict, claim)
    assert all(step.text for step in explanation.steps)


@given(claim=sent, status=finals, found=findings, output=outputs)
def test_every_rule_reported_as_not_applied_is_true_to_the_facts(
    claim: VerificationClaim, status: str, found: dict[str, Comparison] | None, output: ClaimOutput
) -> None:
    """A rule that is reported not to apply does not decide when it is evaluated alone."""
    verdict = judge(claim, RunSnapshot("run", status, found), output, is_same=knows("Jane"))
    skipped = {step.name for step in explained(claim, status, verdict).steps if not step.applies}

    assert (Rule.VALUE_CHANGED in skipped) == (not claim.is_stale)
    if not claim.is_stale:
        assert (Rule.CONSIDER in skipped) == (verdict.finding != Comparison.CONSIDER)
    assert Rule.CLEAR_AND_APPROVED not in skipped or not verdict.is_verified


@pytest.mark.parametrize(
    ("claim", "found_at", "words"),
    [
        (VerificationClaim("c", "dob", fingerprint="f"), "/a/data_comparison", "date_of_birth: clear, at /a/data"),
        (VerificationClaim("c", "first_name", fingerprint=None), None, "had no value"),
        (VerificationClaim("c", None, "/x", OutputRole.VALUE, "f"), "/x", "compared with the user's: clear, at /x"),
        (VerificationClaim("c", None, "/x", OutputRole.RESULT), None, "The result in the workflow's output: clear."),
    ],
)
def test_an_explanation_names_the_finding_and_its_place(
    claim: VerificationClaim, found_at: str | None, words: str
) -> None:
    verdict = Verdict(Rule.CLEAR_AND_APPROVED, "clear", found_at)
    assert words in explained(claim, APPROVED, verdict).steps[1].text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"status": "processing"}, "has not ended: its status is processing"),
        ({"status": "declined"}, "ended with the status declined"),
        ({"status": "review"}, "ended with the status review"),
        ({"status": "review", "decision": "approved"}, "an administrator decided: approved"),
        ({"status": "error", "failure": "It failed."}, "ended without a result: It failed."),
    ],
)
def test_a_run_without_a_verdict_is_explained_by_its_progress(state: dict[str, str], words: str) -> None:
    explanation = explained(VerificationClaim("c", "dob"), verdict=None, **state)
    assert explanation.verdict is None
    assert [words in step.text for step in explanation.steps] == [True]


@pytest.mark.parametrize(
    ("verdict", "result"),
    [
        (Verdict(Rule.RUN_GONE, "not_compared"), RUN_GONE),
        (Verdict(Rule.RUN_ELSEWHERE, "sandbox"), "sandbox"),
    ],
)
def test_a_run_that_is_no_longer_readable_verifies_nothing(verdict: Verdict, result: str) -> None:
    steps = explained(VerificationClaim("c", "dob"), "error", verdict, failure="Gone.").steps
    assert said(verdict) == (None, result)
    assert [step.name for step in steps] == ["run", verdict.rule]


def test_a_finding_keeps_its_place() -> None:
    claim = VerificationClaim("c", "dob", fingerprint="f")
    run = RunSnapshot("run", APPROVED, {"date_of_birth": Comparison.CLEAR}, {"date_of_birth": "task#/data_comparison"})
    assert judge(claim, run, ClaimOutput(), is_same=knows()).found_at == "task#/data_comparison"
    assert judge(replace(claim, fingerprint=None), run, ClaimOutput(), is_same=knows()).found_at is None
    of_pointer = of_output(OutputRole.RESULT, "dob", fingerprint="f")
    assert judge(of_pointer, run, ClaimOutput(), is_same=knows()).found_at == "/x"
