"""The reasons for the state of a verification or a claim, in one sentence each: for the user, and for the
administrator.

    user             what happened, and what to do now; never a cause that helps a forger, never a watchlist match
    administrator    what was found, or what is missing
    helps            for a claim: what the administrator can do so that it becomes verified

The user's page, the console, the API and the command line use only these sentences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connector.domain.claims import DIFFERS, RUN_GONE, VALUE_CHANGED, VERIFIED, WATCHLIST_MATCH
from connector.domain.environment import LIVE, SANDBOX
from connector.domain.frozen import frozen
from connector.domain.messages import message as _
from connector.domain.studio.workflow_run import (
    ABANDONED,
    APPROVED,
    AWAITING_CLIENT_INPUT,
    AWAITING_INPUT,
    DECLINED,
    ERROR,
    PROCESSING,
    REVIEW,
    STARTING,
    Comparison,
)


@frozen
class Reason:
    """The sentences about one state: for the user, for the administrator, and the remedy."""

    user: str
    administrator: str
    helps: str = ""


NOT_CHECKED = Reason(_("This has not been checked yet."), _("It was not verified yet."))
NO_VALUE = Reason(
    _("Your profile has no entry for this, so that it cannot be checked."), _("The user has no value for it.")
)
_OTHER_VALUE = _("Your document shows something else. Compare your profile with it, then try again.")
_AGAIN = _("Ask the user to verify again.")
_CHECK_AGAIN = _("This could not be checked. Have it checked again.")
OF_CLAIM: Mapping[str, Reason] = {
    VERIFIED: Reason(_("This is verified."), _("It is verified for the user's current value.")),
    Comparison.CLEAR: Reason(
        _("This is not confirmed yet."),
        _("It is the same as on the document, but the run was not approved."),
        _("The value was right: ask the user to try again."),
    ),
    Comparison.CONSIDER: Reason(
        _OTHER_VALUE,
        _("The document shows another value."),
        _(
            "Compare the profile with the document. If the profile is wrong, correct it and ask the user to verify "
            "again. If the document was misread, an administrator can mark the value as verified, with a reason."
        ),
    ),
    Comparison.UNIDENTIFIED: Reason(
        _("This could not be read from your document. Try again with another one, or in better light."),
        _("It was not found on the document, or could not be read."),
        _("Ask the user to try again with another document, in good light."),
    ),
    Comparison.NOT_COMPARED: Reason(
        _("This could not be checked with your document. You do not have to do anything."),
        _("Onfido did not compare it: check the mapping, and the comparison checks of the workflow."),
        _("Turn on the comparison of this field in Onfido Studio, add it to the workflow's output, and verify again."),
    ),
    DIFFERS: Reason(
        _OTHER_VALUE,
        _("The workflow's output contains another value."),
        _("Compare the profile with the document; the user corrects the profile, or verifies again."),
    ),
    VALUE_CHANGED: Reason(
        _("You have changed this since it was checked. Have it checked again."),
        _("Its value has changed since it was sent."),
        _("The result applies to the former value: ask the user to verify again."),
    ),
    SANDBOX: Reason(
        _("This was checked as a test only. Have it checked again."),
        _("Its run was in Onfido's sandbox, but the provider's credentials are for the live environment."),
        _AGAIN,
    ),
    LIVE: Reason(
        _CHECK_AGAIN,
        _("Its run was in Onfido's live environment, but the provider's credentials are for the sandbox."),
        _AGAIN,
    ),
    RUN_GONE: Reason(_CHECK_AGAIN, _("Its run no longer exists at Onfido."), _AGAIN),
    # The user must not learn of a match: the same text as for a claim that was never checked.
    WATCHLIST_MATCH: Reason(NOT_CHECKED.user, _("It was withdrawn after a watchlist match: do not tell the user.")),
}
OF_RUN: Mapping[str, Reason] = {
    STARTING: Reason(
        _("Your verification is being started. This takes a moment."), _("The verification is being started at Onfido.")
    ),
    AWAITING_INPUT: Reason(
        _("Your verification is not finished. Continue where you left off."),
        _("The run waits for the user, who has not sent everything yet."),
    ),
    AWAITING_CLIENT_INPUT: Reason(
        _("Your verification is being prepared. You do not have to do anything."),
        _("The run waits for data of the application, to complete a task."),
    ),
    PROCESSING: Reason(
        _("Your document is being checked. This usually takes less than three minutes; you may close this page."),
        _("Onfido is checking what the user has sent."),
    ),
    APPROVED: Reason(_("Your document was accepted."), _("The run was approved.")),
    DECLINED: Reason(
        _("We could not verify you this time. You can try again with another document."), _("The run was declined.")
    ),
    REVIEW: Reason(
        _("A person is looking at your verification. Come back later for the result."),
        _("The run is in review: an administrator can decide on it."),
    ),
    ABANDONED: Reason(
        _("The time for your verification is over. You can start again."),
        _("The user abandoned the run, or did not finish it in time."),
    ),
    ERROR: Reason(
        _("Something went wrong on our side. Please try again."),
        _("The run ended with an error, which is not the user's fault."),
    ),
}
UNDECIDED = Reason(
    OF_CLAIM[Comparison.CLEAR].user,
    _("It is the same as on the document; the run waits for a decision."),
    _("The value was right: decide on the review."),
)
REPLACED_REVIEW = Reason(
    OF_RUN[REVIEW].user, _("The run ended in review; a later one took its place, so it can no longer be decided.")
)
OTHER_RUN = Reason(
    _("Your verification is under way. You do not have to do anything."),
    _("Onfido reports a status that the connector does not know; the run counts as open."),
)
OTHER_CLAIM = Reason(_("This is not confirmed."), _("Onfido reports a result that the connector does not know."))


def reason_of_run(status: str, decision: str | None = None, *, is_replaced: bool = False) -> Reason:
    """Return the sentences about a run; those of a review depend on its decision, or on a run that replaced it."""
    if status == REVIEW and decision is None and is_replaced:
        return REPLACED_REVIEW
    return OF_RUN.get(decision if status == REVIEW and decision else status, OTHER_RUN)


def reason_of_claim(
    status: str | None, *, is_verified: bool, has_value: bool = True, is_undecided: bool = False
) -> Reason:
    """Return the sentences about a claim by the result of its verification; None: it was never part of one.

    `is_undecided`: that verification is in review, and can be decided.
    """
    if is_verified:
        return OF_CLAIM[VERIFIED]
    if not has_value:
        return NO_VALUE
    if is_undecided and status == Comparison.CLEAR:
        return UNDECIDED
    return NOT_CHECKED if status is None else OF_CLAIM.get(status, OTHER_CLAIM)


def all_reasons() -> Iterator[Reason]:
    """Yield every reason."""
    yield from (
        NOT_CHECKED,
        NO_VALUE,
        UNDECIDED,
        REPLACED_REVIEW,
        OTHER_RUN,
        OTHER_CLAIM,
        *OF_CLAIM.values(),
        *OF_RUN.values(),
    )
