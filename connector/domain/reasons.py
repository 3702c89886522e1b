"""Why a verification or a claim is as it is, in one sentence each: for the user, and for the administrator.

    user             what happened, and what to do now; never a cause that helps a forger, never a watchlist match
    administrator    what was found, or what is waited for

The user's page, the console, the API and the command line take their sentences here. They are English; the console's
catalogues translate them (`translated` marks them for that).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connector.domain.claims import DIFFERS, RUN_GONE, VALUE_CHANGED, VERIFIED, WATCHLIST_MATCH
from connector.domain.environment import LIVE, SANDBOX
from connector.domain.workflow_run import (
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


@dataclass(frozen=True)
class Reason:
    """The two sentences about one state."""

    user: str
    administrator: str


def translated(text: str) -> str:
    """Mark a sentence for the catalogues, and return it."""
    return text


_ = translated
NOT_CHECKED = Reason(_("This has not been checked yet."), _("It was not verified yet."))
NO_VALUE = Reason(
    _("Your profile has no entry for this, so that it cannot be checked."), _("The user has no value for it.")
)
_OTHER_VALUE = _("Your document shows something else. Compare your profile with it, then try again.")
OF_CLAIM: Mapping[str, Reason] = {
    VERIFIED: Reason(_("This is verified."), _("It is verified for the user's present value.")),
    Comparison.CLEAR: Reason(
        _("This is not confirmed yet."), _("Onfido found it clear, but the run was not approved.")
    ),
    Comparison.CONSIDER: Reason(_OTHER_VALUE, _("The document differs from it.")),
    Comparison.UNIDENTIFIED: Reason(
        _("This could not be read from your document. Try again with another one, or in better light."),
        _("It could not be read from the document."),
    ),
    Comparison.NOT_COMPARED: Reason(
        _("This could not be checked with your document. You do not have to do anything."),
        _("Onfido did not compare it: check the mapping, and the comparison checks of the workflow."),
    ),
    DIFFERS: Reason(_OTHER_VALUE, _("The workflow's output holds another value.")),
    VALUE_CHANGED: Reason(
        _("You have changed this since it was checked. Have it checked again."),
        _("Its value has changed since it was sent."),
    ),
    SANDBOX: Reason(
        _("This was checked as a test only. Have it checked again."),
        _("Its run was in Onfido's sandbox, which the provider's credentials are not for."),
    ),
    LIVE: Reason(
        _("This could not be checked. Have it checked again."),
        _("Its run was in Onfido's live environment, which the provider's credentials are not for."),
    ),
    RUN_GONE: Reason(
        _("This could not be checked. Have it checked again."), _("Onfido does not know its run any more.")
    ),
    # The user must not learn of a match: the same words as for a claim that was never checked.
    WATCHLIST_MATCH: Reason(NOT_CHECKED.user, _("It was withdrawn after a watchlist match: do not tell the user.")),
}
OF_RUN: Mapping[str, Reason] = {
    STARTING: Reason(
        _("Your verification is being started. This takes a moment."), _("A verification is being started.")
    ),
    AWAITING_INPUT: Reason(
        _("Your verification is not finished. Continue where you left off."),
        _("The run waits for the user, who has not sent everything."),
    ),
    AWAITING_CLIENT_INPUT: Reason(
        _("Your verification is being prepared. You do not have to do anything."),
        _("The run waits for data of the application, to complete a task."),
    ),
    PROCESSING: Reason(
        _("Your document is being checked. This usually takes less than three minutes; you may close this page."),
        _("Onfido is checking what the user sent."),
    ),
    APPROVED: Reason(
        _("Your document was accepted."), _("The last run was approved, but not every claim was verified by it.")
    ),
    DECLINED: Reason(
        _("We could not verify you this time. You can try again with another document."),
        _("The last run was declined."),
    ),
    REVIEW: Reason(
        _("A person is looking at your verification. Come back later for the result."),
        _("The last run is in review: an administrator can decide on it."),
    ),
    ABANDONED: Reason(
        _("The time for your verification is over. You can start again."), _("The user abandoned the last run.")
    ),
    ERROR: Reason(_("Something went wrong on our side. Please try again."), _("The last run ended with an error.")),
}
OTHER_RUN = Reason(
    _("Your verification is under way. You do not have to do anything."),
    _("Onfido reports a status that the connector does not know; the run counts as open."),
)
OTHER_CLAIM = Reason(_("This is not confirmed."), _("Onfido reports a result that the connector does not know."))


def reason_of_run(status: str, decision: str | None = None) -> Reason:
    """Return the sentences about a run; a decision on a review takes the place of the review."""
    return OF_RUN.get(decision if status == REVIEW and decision else status, OTHER_RUN)


def reason_of_claim(status: str | None, *, is_verified: bool, has_value: bool = True) -> Reason:
    """Return the sentences about a claim by the result of its verification; None: it was never part of one."""
    if is_verified:
        return OF_CLAIM[VERIFIED]
    if not has_value:
        return NO_VALUE
    return NOT_CHECKED if status is None else OF_CLAIM.get(status, OTHER_CLAIM)


def all_reasons() -> Iterator[Reason]:
    """Yield every reason that there is."""
    yield from (NOT_CHECKED, NO_VALUE, OTHER_RUN, OTHER_CLAIM, *OF_CLAIM.values(), *OF_RUN.values())
