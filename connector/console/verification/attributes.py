"""Each attribute of a verification with the steps of its decision, explained by `domain/verifications/judgement.py`."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import gettext as _
from flask_babel import ngettext

from connector.console.claim_names import in_order
from connector.console.providers.words import field_name
from connector.console.translations import say
from connector.console.words import State, attribute_state, finding_state
from connector.domain.claims import Claim
from connector.domain.frozen import frozen
from connector.domain.verifications.judgement import FINDING, RUN, Explanation, Rule, Step
from connector.domain.verifications.reasons import reason_of_claim, reason_of_run
from connector.domain.verifications.verification import VerificationClaim
from connector.services.lookup.verifications import VerificationDetails


@frozen
class Link:
    """A step of the decision."""

    kind: str
    icon: str
    text: str


@frozen
class Attribute:
    """An attribute as the page shows it; `others` are the rules that were tried before and do not apply.

    `finding` is Onfido's, independent of the run's end; an approval of a run in review verifies what `may_verify`.
    """

    uri: str
    state: State
    says: str
    chain: Sequence[Link]
    others: Sequence[str]
    helps: str
    now: State | None
    is_verified: bool
    is_open: bool
    finding: State
    may_verify: bool


def attributes_of(details: VerificationDetails, explanations: Sequence[Explanation]) -> list[Attribute]:
    """Return the attributes; the first that is not verified is expanded."""
    current = {each.uri: each for each in details.current}
    is_undecided = details.listed.verification.needs_review
    ordered = in_order(explanations, lambda each: each.claim.uri)
    rows = [_attribute(each, current.get(each.claim.uri), is_undecided=is_undecided) for each in ordered]
    first = next((each.uri for each in rows if each.chain and not each.is_verified), None)
    return [Attribute(**vars(each) | {"is_open": each.uri == first}) for each in rows]


def verdict_of(attributes: Sequence[Attribute], *, has_ended: bool) -> State | None:
    """Return the badge with the number of verified attributes; None if none is judged yet."""
    missing = [each for each in attributes if not each.is_verified]
    if not has_ended or not attributes:
        return None
    if not missing:
        text = ngettext("%(num)s attribute verified", "All %(num)s attributes verified", len(attributes))
        return State("good", "check-lg", text)
    text = _("%(some)s of %(all)s not verified", some=len(missing), all=len(attributes))
    return State("bad" if any(each.state.kind == "bad" for each in missing) else "none", "x-lg", text)


def _attribute(explanation: Explanation, current: Claim | None, *, is_undecided: bool) -> Attribute:
    claim, verdict = explanation.claim, explanation.verdict
    status = verdict.verification_status if verdict else None
    is_verified = bool(verdict and verdict.is_verified)
    reason = reason_of_claim(status, is_verified=is_verified, is_undecided=is_undecided)
    return Attribute(
        uri=claim.uri,
        state=attribute_state(status, is_verified=is_verified),
        says=reason.administrator if verdict else _("There is no result yet."),
        chain=[_sent(claim), *_links(explanation)],
        others=[each.text for each in explanation.steps if not each.applies],
        helps=reason.helps,
        now=_now(current, is_verified=is_verified),
        is_verified=is_verified,
        is_open=False,
        finding=finding_state(verdict.finding if verdict else None),
        may_verify=bool(verdict and verdict.rule is Rule.NOT_APPROVED),
    )


def _now(current: Claim | None, *, is_verified: bool) -> State | None:
    """Return the current state if it differs from what this verification found."""
    if current is None or current.is_verified == is_verified:
        return None
    return attribute_state(current.verification_status, is_verified=current.is_verified)


def _sent(claim: VerificationClaim) -> Link:
    if claim.is_placeholder:
        return Link("wait", "person-dash", _("The user had no value: a placeholder was sent instead."))
    if claim.applicant_field is None:
        return Link("none", "person", _("Not sent: the workflow’s output is compared with the user’s value."))
    since = _("It has changed since.") if claim.is_stale else _("It has not changed since.")
    field = f"{field_name(claim.applicant_field)} ({claim.applicant_field})"
    text = _("The user’s value was sent to Onfido as %(field)s.", field=field)
    return Link("wait" if claim.is_stale else "none", "person", f"{text} {since}")


def _links(explanation: Explanation) -> list[Link]:
    """Return what Onfido found, how the run ended, and the rule that decided."""
    steps = {each.name: each for each in explanation.steps if each.applies}
    links = []
    if finding := steps.pop(FINDING, None):
        links.append(Link(_kind_of_finding(explanation), "file-earmark-person", finding.text))
    if run := steps.pop(RUN, None):
        links.append(Link("none", "signpost-split", run.text))
    links += [_rule(explanation, each) for each in steps.values()]
    return links


def _kind_of_finding(explanation: Explanation) -> str:
    finding = explanation.verdict.finding if explanation.verdict else ""
    return {"clear": "good", "consider": "bad", "differs": "bad"}.get(finding, "none")


def _rule(explanation: Explanation, step: Step) -> Link:
    is_verified = bool(explanation.verdict and explanation.verdict.is_verified)
    return Link("good" if is_verified else "bad", "check-circle" if is_verified else "x-circle", step.text)


def sentence_of(details: VerificationDetails, attributes: Sequence[Attribute]) -> str:
    """Return the page's sentence: whether and why the attributes are verified."""
    verification = details.listed.verification
    is_replaced = verification.replaced_at is not None
    first = say(reason_of_run(verification.status, verification.decision, is_replaced=is_replaced).administrator)
    if verification.closed_at is None:
        return str(first)
    missing = sum(not each.is_verified for each in attributes)
    if not missing:
        second = _("Every requested attribute is verified.")
    elif missing == len(attributes):
        second = _("It verifies none of the attributes.")
    else:
        second = ngettext("One attribute is not verified.", "%(num)s attributes are not verified.", missing)
    return f"{first} {second}"
