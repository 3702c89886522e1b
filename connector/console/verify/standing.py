"""A user's state with a provider: one of a few, each with a sentence and the possible next step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from flask_babel import gettext, lazy_gettext

from connector.console.claim_names import in_order
from connector.console.translations import say
from connector.console.words import State, attribute_state
from connector.domain.claims import WATCHLIST_MATCH
from connector.domain.frozen import frozen
from connector.domain.people.user_status import ClaimStatus, ProviderStatus
from connector.domain.studio.workflow_run import ABANDONED, AWAITING_INPUT, DECLINED, ERROR
from connector.domain.verifications.reasons import NOT_CHECKED, reason_of_claim, reason_of_run
from connector.domain.verifications.verification import Verification

_l = lazy_gettext
NOTHING, READY, WAITING, CHECKING, DONE = "nothing", "ready", "waiting", "checking", "done"
PARTLY, RETRY, IN_REVIEW, LIMIT, OFF = "partly", "retry", "review", "limit", "off"
TITLES: Mapping[str, object] = {
    NOTHING: _l("Nothing to verify"),
    READY: _l("Verify your identity"),
    WAITING: _l("Continue your verification"),
    CHECKING: _l("Being checked"),
    DONE: _l("You are verified"),
    PARTLY: _l("Almost there"),
    RETRY: _l("Not verified this time"),
    IN_REVIEW: _l("Under review"),
    LIMIT: _l("Try again later"),
    OFF: _l("Not available now"),
}
_SENTENCES: Mapping[str, object] = {
    NOTHING: _l("Your profile has no entry that can be checked here. Complete your profile first."),
    READY: _l("Have your identity document ready. It takes a few minutes."),
    DONE: _l("Everything that is checked here is verified. You do not have to do anything."),
    PARTLY: _l("Your document was accepted. Not everything in your profile could be confirmed with it."),
    LIMIT: _l("You have tried as often as is possible for now."),
    OFF: _l("Verification is switched off at the moment. What is verified stays verified."),
}
_TRIED = {DECLINED, ABANDONED, ERROR}


@frozen
class Item:
    """An attribute as its user sees it."""

    uri: str
    state: State
    text: str


@frozen
class Standing:
    """The content of the page; `uris` are the attributes that a start is to verify.

    `left` is how often a user who has tried can try again; None if it does not matter.
    """

    state: str
    sentence: str
    items: Sequence[Item]
    uris: Sequence[str]
    run: Verification | None
    again_at: datetime | None
    left: int | None

    @property
    def title(self) -> str:
        """The headline."""
        return str(TITLES[self.state])

    @property
    def may_start(self) -> bool:
        """Whether the user can start, or start again."""
        return self.state in (READY, PARTLY, RETRY)

    @property
    def is_live(self) -> bool:
        """Whether the state changes without the user."""
        return self.state in (CHECKING, WAITING)

    @property
    def version(self) -> str:
        """A version that changes when the page has to be rendered again."""
        run = self.run
        of_run = "" if run is None else f"{run.verification_id}:{run.updated_at.timestamp()}"
        return f"{self.state}:{of_run}:{':'.join(str(item.state.text) for item in self.items)}"


def standing_of(status: ProviderStatus) -> Standing:
    """Return a user's state."""
    run, to_verify = (
        status.last_run,
        in_order((claim for claim in status.claims if claim.has_value), lambda claim: claim.uri),
    )
    state = next(name for name, applies in _RULES if applies(status, run))
    return Standing(
        state=state,
        sentence=_sentence(state, run),
        items=[_item(claim) for claim in to_verify],
        uris=[claim.uri for claim in to_verify if not claim.is_verified],
        run=run,
        again_at=status.next_attempt_at if state == LIMIT else None,
        left=status.provider.max_attempts - status.attempts if state in (PARTLY, RETRY) else None,
    )


def _is_open(run: Verification | None) -> bool:
    """Whether a run is open; a start that failed before it had one can simply be repeated."""
    return run is not None and run.closed_at is None and run.run_id is not None


def _is_proven(status: ProviderStatus) -> bool:
    return any(claim.is_verified for claim in status.claims)


_Rule = Callable[[ProviderStatus, Verification | None], bool]
_RULES: Sequence[tuple[str, _Rule]] = (
    (NOTHING, lambda status, run: not any(claim.has_value for claim in status.claims)),
    (WAITING, lambda status, run: run is not None and _is_open(run) and run.status == AWAITING_INPUT),
    (CHECKING, lambda status, run: _is_open(run)),
    (DONE, lambda status, run: status.is_verified),
    (OFF, lambda status, run: not status.provider.is_enabled),
    (IN_REVIEW, lambda status, run: run is not None and run.needs_review),
    (LIMIT, lambda status, run: status.next_attempt_at is not None),
    (RETRY, lambda status, run: run is not None and (run.decision or run.status) in _TRIED),
    (PARTLY, lambda status, run: _is_proven(status)),
    (READY, lambda status, run: True),
)


def _sentence(state: str, run: Verification | None) -> str:
    """Return the sentence: that of the run if it decides the state, else that of the state."""
    if run is not None and state in (WAITING, CHECKING, RETRY, IN_REVIEW):
        return str(say(reason_of_run(run.status, run.decision).user))
    return str(_SENTENCES[state])


def _item(claim: ClaimStatus) -> Item:
    """Return an attribute; one that was withdrawn after a watchlist match appears as never checked."""
    status = None if claim.verification_status == WATCHLIST_MATCH else claim.verification_status
    reason = reason_of_claim(status, is_verified=claim.is_verified)
    return Item(claim.uri, _badge(status, is_verified=claim.is_verified), str(say(reason.user)))


def _badge(status: str | None, *, is_verified: bool) -> State:
    if is_verified:
        return State("good", "check-lg", gettext("Verified"))
    if reason_of_claim(status, is_verified=False) is NOT_CHECKED:
        return State("none", "dash-lg", gettext("Not checked"))
    if status in _CORRECTABLE:
        return attribute_state(status, is_verified=False)
    return State("none", "dash-lg", gettext("Not confirmed"))


_CORRECTABLE = ("consider", "differs", "unidentified", "value_changed")  # by the user
