"""How a finished run judges a claim, and the same rules in words.

    claim, run, output ──► judge ──► Verdict ──► stored with the verification ──► explain ──► Step, Step, …

`RULES` are tried in order, and the first that applies decides. An explanation evaluates the same list up to the rule
that decided, so that it cannot differ from the decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from enum import StrEnum

from connector.domain.claims import DIFFERS, RUN_GONE, VALUE_CHANGED, comparison_key
from connector.domain.environment import SANDBOX
from connector.domain.frozen import frozen
from connector.domain.messages import message as _
from connector.domain.studio.studio import OutputRole
from connector.domain.studio.workflow_run import APPROVED, REVIEW, Comparison, RunSnapshot, is_final
from connector.domain.verifications.failures import failure_words
from connector.domain.verifications.verification import Verification, VerificationClaim

RUN, FINDING = "run", "finding"  # the steps before the rules


class Rule(StrEnum):
    """The rule that decided a verification's result for a claim."""

    SANDBOX = "sandbox"
    VALUE_CHANGED = "value_changed"
    CONSIDER = "consider"
    CLEAR_AND_APPROVED = "clear_and_approved"
    NOT_APPROVED = "not_approved"
    DIFFERS = "differs"
    UNIDENTIFIED = "unidentified"
    NOT_COMPARED = "not_compared"
    RUN_GONE = "run_gone"
    RUN_ELSEWHERE = "run_elsewhere"
    UNKNOWN = "unknown"  # of another version of the connector


@frozen
class ClaimOutput:
    """The part of the workflow's output for one claim: Onfido's result, or the claim's value."""

    result: Comparison = Comparison.NOT_COMPARED
    value: str | None = field(default=None, repr=False)


@frozen
class Facts:
    """The input of the rules: the finding for a claim, and whether it counts."""

    finding: str
    is_counted: bool
    is_stale: bool
    is_approved: bool


@frozen
class Verdict:
    """A verification's result for one claim: the finding, its place, and the rule that decided.

    `found_at` is a JSON Pointer in the workflow's output, after `<task>#` if it is in that task's output; None if
    nothing was found. `output_value` is the claim's value in the workflow's output.
    """

    rule: Rule
    finding: str
    found_at: str | None = None
    output_value: str | None = field(default=None, repr=False, compare=False)

    @property
    def is_verified(self) -> bool | None:
        """Whether the claim is verified; None if the run does not contradict a claim that is already verified."""
        return _OUTCOMES[self.rule].is_verified

    @property
    def verification_status(self) -> str:
        """The result in one word: the finding, unless it does not count."""
        return _OUTCOMES[self.rule].status or self.finding


@frozen
class ForeignVerdict(Verdict):
    """A result that another version stored, with the name of a rule that this version does not know."""

    name: str = field(kw_only=True)
    result: str = field(kw_only=True)
    has_verified: bool = field(kw_only=True)

    @property
    def is_verified(self) -> bool | None:
        """Whether the claim was verified."""
        return self.has_verified or None

    @property
    def verification_status(self) -> str:
        """The result as it was stored."""
        return self.result


Judged = tuple[VerificationClaim, Verdict]


@frozen
class Step:
    """A step of an explanation: a fact, or a rule that applies or does not."""

    name: str
    applies: bool
    text: str


@frozen
class Explanation:
    """The explanation of a verification's result for a claim; `verdict` is None as long as there is none."""

    claim: VerificationClaim
    verdict: Verdict | None
    steps: Sequence[Step]


@frozen
class _Outcome:
    """The consequence of a rule, and why it applies or does not, in words; `status` is None if it is the finding
    itself.
    """

    is_verified: bool | None
    text: str
    otherwise: str = ""
    status: str | None = None
    applies: Callable[[Facts], bool] = lambda facts: False


_OUTCOMES = {
    Rule.SANDBOX: _Outcome(
        None,
        _(
            "It ran in Onfido's sandbox, where no document is looked at, and the provider's credentials are not "
            "known to be for that: it verifies nothing."
        ),
        _("It did not run in Onfido's sandbox, or the provider uses the sandbox too: its result counts."),
        SANDBOX,
        lambda facts: not facts.is_counted,
    ),
    Rule.VALUE_CHANGED: _Outcome(
        None,
        _("The user's value has changed since it was sent: the result applies to another value."),
        _("The user's value had not changed since it was sent."),
        VALUE_CHANGED,
        lambda facts: facts.is_stale,
    ),
    Rule.CONSIDER: _Outcome(
        False,
        _("Onfido found that the document differs: the attribute is not verified, even if it was before."),
        _("Onfido found nothing against the value."),
        applies=lambda facts: facts.finding == Comparison.CONSIDER,
    ),
    Rule.CLEAR_AND_APPROVED: _Outcome(
        True,
        _("The value was confirmed and the run was approved: the attribute is verified for this value."),
        _("The value has to be confirmed and the run approved; one of the two is missing."),
        applies=lambda facts: facts.finding == Comparison.CLEAR and facts.is_approved,
    ),
    Rule.NOT_APPROVED: _Outcome(
        None,
        _("The value was confirmed, but the run was not approved: it verifies nothing."),
        _("The value was not confirmed."),
        applies=lambda facts: facts.finding == Comparison.CLEAR,
    ),
    Rule.DIFFERS: _Outcome(
        None,
        _("The workflow's output contains a value that differs from the user's: it verifies nothing."),
        _("The workflow's output contains no value that differs from the user's."),
        applies=lambda facts: facts.finding == DIFFERS,
    ),
    Rule.UNIDENTIFIED: _Outcome(
        None,
        _("Onfido could not find or read the value: the run has no result for it."),
        _("Onfido did not report that it could not read the value."),
        applies=lambda facts: facts.finding == Comparison.UNIDENTIFIED,
    ),
    Rule.NOT_COMPARED: _Outcome(
        None, _("The value was not compared: the run has no result for it."), applies=lambda facts: True
    ),
    # Used if a verification ends without a result.
    Rule.RUN_GONE: _Outcome(
        None,
        _("The run no longer exists at Onfido, so that it has no result: it verifies nothing."),
        status=RUN_GONE,
    ),
    Rule.RUN_ELSEWHERE: _Outcome(
        None,
        _(
            "The run belongs to another environment of Onfido than the provider's credentials, so that its result "
            "cannot be read: it verifies nothing."
        ),
    ),
    Rule.UNKNOWN: _Outcome(
        None,
        _(
            "Another version of the connector has decided this, by a rule that this version does not know. Its result "
            "stands."
        ),
    ),
}
RULES = (
    *(Rule.SANDBOX, Rule.VALUE_CHANGED, Rule.CONSIDER, Rule.CLEAR_AND_APPROVED),
    *(Rule.NOT_APPROVED, Rule.DIFFERS, Rule.UNIDENTIFIED, Rule.NOT_COMPARED),
)


def judge(
    claim: VerificationClaim,
    run: RunSnapshot,
    output: ClaimOutput,
    *,
    is_same: Callable[[str], bool],
    is_counted: bool = True,
) -> Verdict:
    """Judge one claim by a finished run, independent of the other claims.

    A claim is verified exactly if an approved run compared it as clear, for the value that was sent. `consider`
    contradicts the value, and the claim is no longer verified. A run that could not read or compare the value, or was
    abandoned, decides nothing; nor does a run for a value that has changed since, or one of the sandbox that does not
    count. If the workflow's output has the claim's value, `is_same` compares it with the user's.
    """
    if not is_final(run.status):
        raise ValueError(f"the run is still {run.status}")
    finding = _finding(claim, run, output, is_same)
    facts = Facts(finding, is_counted, claim.is_stale, run.status == APPROVED)
    rule = next(each for each in RULES if _OUTCOMES[each].applies(facts))
    return Verdict(rule, finding, _place(claim, run), output.value)


def explain(claim: VerificationClaim, verification: Verification, verdict: Verdict | None) -> Explanation:
    """Return the steps to a verification's result for a claim; the last one is the rule that decided."""
    steps = [Step(RUN, True, _run_in_words(verification))]
    if verdict is None:
        return Explanation(claim, None, steps)
    if isinstance(verdict, ForeignVerdict):
        return Explanation(claim, verdict, [*steps, Step(verdict.name, True, _OUTCOMES[Rule.UNKNOWN].text)])
    if verdict.rule in RULES:
        steps.append(Step(FINDING, True, _finding_in_words(claim, verdict)))
    return Explanation(claim, verdict, [*steps, *_rules_up_to(verdict.rule)])


def _rules_up_to(decisive: Rule) -> Iterator[Step]:
    before = RULES[: RULES.index(decisive)] if decisive in RULES else ()
    yield from (Step(rule, False, _OUTCOMES[rule].otherwise) for rule in before)
    yield Step(decisive, True, _OUTCOMES[decisive].text)


def _finding(claim: VerificationClaim, run: RunSnapshot, output: ClaimOutput, is_same: Callable[[str], bool]) -> str:
    if claim.is_placeholder:
        return Comparison.NOT_COMPARED
    if claim.output_role is OutputRole.VALUE:
        if output.value is None:
            return Comparison.NOT_COMPARED
        return Comparison.CLEAR if claim.fingerprint is None or is_same(output.value) else DIFFERS
    if claim.output_role is OutputRole.RESULT:
        return output.result
    if claim.output_role is not None:  # of another version: it must not be judged by anything else
        return Comparison.NOT_COMPARED
    return (run.comparisons or {}).get(_key(claim), Comparison.NOT_COMPARED)


def _place(claim: VerificationClaim, run: RunSnapshot) -> str | None:
    if claim.is_placeholder:
        return None
    return run.places.get(_key(claim)) if claim.output_role is None else claim.output_pointer


def _key(claim: VerificationClaim) -> str:
    return comparison_key(claim.applicant_field or "")


def _run_in_words(verification: Verification) -> str:
    if not is_final(verification.status):
        return _("The run has not ended: its status is %(status)s.", status=verification.status)
    if verification.status == REVIEW and verification.decision is not None:
        return _("The run ended in review, and an administrator decided: %(decision)s.", decision=verification.decision)
    if verification.failure is not None:
        return _("The verification ended without a result: %(failure)s", failure=failure_words(verification.failure))
    return _("The run ended with the status %(status)s.", status=verification.status)


def _finding_in_words(claim: VerificationClaim, verdict: Verdict) -> str:
    if claim.is_placeholder:
        return _("The user had no value for this attribute; the placeholder that was sent is not the user's value.")
    place = verdict.found_at
    finding = _("%(finding)s, at %(place)s", finding=verdict.finding, place=place) if place else verdict.finding
    if claim.output_role is OutputRole.VALUE:
        return _("The value in the workflow's output, compared with the user's: %(finding)s.", finding=finding)
    if claim.output_role is not None:
        return _("The result in the workflow's output: %(finding)s.", finding=finding)
    return _("Onfido's comparison of the applicant's %(field)s: %(finding)s.", field=_key(claim), finding=finding)
