"""A draft claim mapping, judged by a run that has ended: the result that it would have had for each claim.

    the run's claims, the current mapping, the draft, the kept output ──► try_draft ──► Trial, Trial, …

The same `judge` decides as for a result. If the draft sends a value as another field, the result cannot be known from
this run, because Onfido has not compared it there. Such a claim has a limit instead of a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from connector.domain.claims import APPLICANT_FIELDS, COMPARED, comparison_key
from connector.domain.frozen import frozen
from connector.domain.messages import message as _
from connector.domain.studio.pointers import is_pointer
from connector.domain.studio.studio import OutputClaim, OutputRole
from connector.domain.studio.workflow_run import Comparison, RunSnapshot
from connector.domain.verifications.judgement import RULES, ClaimOutput, Verdict, judge
from connector.domain.verifications.verification import VerificationClaim, claim_of
from connector.errors import InvalidField


class Limit(StrEnum):
    """The reason why a draft's result for a claim cannot be known from a run."""

    REMOVED = "removed"
    NOT_REQUESTED = "not_requested"
    SENT_OTHERWISE = "sent_otherwise"
    SPELLING_UNKNOWN = "spelling_unknown"

    @property
    def text(self) -> str:
        """Return the reason in a sentence."""
        return _TEXTS[self]


_TEXTS = {
    Limit.REMOVED: _("The draft does not verify this claim."),
    Limit.NOT_REQUESTED: _(
        "The run was not asked to verify this claim, so that no value of it is known to compare with."
    ),
    Limit.SENT_OTHERWISE: _(
        "The run sent other values in this field than the draft would: Onfido's result for them cannot be known."
    ),
    Limit.SPELLING_UNKNOWN: _(
        "The output holds another spelling or another value than the user's; for this run it is not recorded "
        "which spellings are the user's value."
    ),
}


@frozen
class Draft:
    """A mapping to test: applicant fields by claim, and claims of the workflow's output."""

    fields: Mapping[str, str]
    outputs: Sequence[OutputClaim] = ()

    @property
    def claims(self) -> dict[str, VerificationClaim]:
        """The claims that it would verify, by claim URI."""
        outputs = {each.uri: each for each in self.outputs}
        uris = sorted({*self.fields, *outputs})
        return {uri: claim_of(uri, self.fields.get(uri), outputs.get(uri)) for uri in uris}


@frozen
class Past:
    """A run that has ended: its snapshot as far as it is kept, and the values sent and results for its claims.

    `fields` is the provider's current mapping; `read` reads the output for a claim.
    """

    run: RunSnapshot
    sent: Mapping[str, VerificationClaim]
    verdicts: Mapping[str, Verdict]
    fields: Mapping[str, str]
    read: Callable[[VerificationClaim], ClaimOutput]
    is_same: Callable[[VerificationClaim, str], bool]
    is_counted: bool

    @property
    def snapshot(self) -> RunSnapshot:
        """The run including the results of its tasks, which are kept with the claims, not with the output."""
        compared_by_key = {
            comparison_key(claim.applicant_field): verdict
            for uri, verdict in self.verdicts.items()
            if (claim := self.sent.get(uri)) and claim.applicant_field and claim.output_role is None
            if verdict.rule in RULES and verdict.found_at is not None and verdict.finding in set(Comparison)
        }
        findings = {key: Comparison(verdict.finding) for key, verdict in compared_by_key.items()}
        places = {key: verdict.found_at or "" for key, verdict in compared_by_key.items()}
        compared = {**(self.run.comparisons or {}), **findings}
        return replace(self.run, comparisons=compared, places={**self.run.places, **places})


@frozen
class Trial:
    """One claim: how it was sent, the recorded result, and the result under the draft, or why that cannot be known."""

    uri: str
    sent: VerificationClaim | None
    today: Verdict | None
    draft: VerificationClaim | None
    verdict: Verdict | None
    limit: Limit | None = None


def check_draft(draft: Draft) -> None:
    """Raise `InvalidField` for a field or a pointer that no provider can have."""
    for uri, field in draft.fields.items():
        if field not in APPLICANT_FIELDS:
            known = ", ".join(sorted(APPLICANT_FIELDS))
            raise InvalidField(
                "claims",
                _(
                    "%(uri)s must be mapped to an applicant field (%(known)s), not to %(field)s",
                    uri=uri,
                    known=known,
                    field=field,
                ),
            )
    for each in draft.outputs:
        if not is_pointer(each.pointer):
            raise InvalidField("outputClaims", _("must have JSON Pointers, such as /document_report/result"))


def try_draft(past: Past, draft: Draft) -> list[Trial]:
    """Judge each claim of the run or the draft."""
    drafted = draft.claims
    return [_trial(uri, past, draft, drafted.get(uri)) for uri in sorted({*past.sent, *drafted})]


def _trial(uri: str, past: Past, draft: Draft, drafted: VerificationClaim | None) -> Trial:
    sent, today = past.sent.get(uri), past.verdicts.get(uri)
    if drafted is None:
        return Trial(uri, sent, today, None, None, Limit.REMOVED)
    if limit := _limit(past, draft, drafted, sent):
        return Trial(uri, sent, today, drafted, None, limit)
    bound = drafted if sent is None else _bound(drafted, sent)
    verdict = judge(
        bound,
        past.snapshot,
        past.read(bound),
        is_same=lambda value: past.is_same(bound, value),
        is_counted=past.is_counted,
    )
    return Trial(uri, sent, today, drafted, verdict)


def _bound(drafted: VerificationClaim, sent: VerificationClaim) -> VerificationClaim:
    """Return a drafted claim with the fingerprint of the value that was sent."""
    return replace(
        drafted,
        fingerprint=sent.fingerprint,
        folded_fingerprint=sent.folded_fingerprint,
        is_stale=sent.is_stale,
    )


def _limit(past: Past, draft: Draft, drafted: VerificationClaim, sent: VerificationClaim | None) -> Limit | None:
    if drafted.output_role is OutputRole.RESULT:
        return None  # the output has the result, whatever was sent
    if sent is None:
        return Limit.NOT_REQUESTED
    if drafted.output_role is OutputRole.VALUE:
        return _limit_of_value(past, _bound(drafted, sent))
    field = drafted.applicant_field or ""
    if comparison_key(field) not in COMPARED:
        return None  # it is never compared
    is_sent_so = sent.applicant_field == field and _feeding(draft.fields, field) == _feeding(past.fields, field)
    return None if is_sent_so else Limit.SENT_OTHERWISE


def _limit_of_value(past: Past, bound: VerificationClaim) -> Limit | None:
    value = past.read(bound).value
    if value is None or bound.fingerprint is None or bound.folded_fingerprint is not None:
        return None
    return None if past.is_same(bound, value) else Limit.SPELLING_UNKNOWN


def _feeding(fields: Mapping[str, str], field: str) -> set[tuple[str, str]]:
    """Return the claims that are compared under the key of a field, and the field of each."""
    key = comparison_key(field)
    return {(uri, name) for uri, name in fields.items() if comparison_key(name) == key}
