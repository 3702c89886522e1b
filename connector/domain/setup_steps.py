"""The steps of setting up a provider: each is detected from what is known, and none is ticked by hand.

    token ─► environment, workflow, webhook ─► events ─► attributes, comparisons ─► users ─► application

A step that concerns nothing here, such as the application's where no endpoint is registered, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.domain.environment import LIVE, SANDBOX
from connector.domain.events import NO_TOKEN, TOO_LARGE, WRONG_SIGNATURE, RefusedPosts
from connector.domain.health import Health
from connector.domain.provider import Provider
from connector.domain.readiness import (
    REGION,
    TOKEN,
    WEBHOOK,
    WORKFLOW,
    Check,
    check_claims,
    check_environment,
    never_verified,
)

TODO, CHECKING, DONE, WARNING, FAILED, UNKNOWN, WAITS = (
    *("to do", "checking", "done", "warning"),
    *("failed", "unknown", "waits"),
)
STATES = (TODO, CHECKING, DONE, WARNING, FAILED, UNKNOWN, WAITS)
MOST_RUNS = 100  # the latest ones are looked at
_CAUSES = {
    WRONG_SIGNATURE: "signed with another token than the one that is registered here",
    NO_TOKEN: "no webhook token is registered here",
    TOO_LARGE: "larger than max_body_bytes",
}
_UNKNOWN_ENVIRONMENT = "It cannot be told yet whether the credentials are for the sandbox or live."


@dataclass(frozen=True)
class SetupFacts:
    """What is known of a provider without asking Onfido.

    `has_run`: a run was started since the workflow became what it is. `ended_silently` counts runs that ended without
    an event since the last one, or since the webhook's last change; `refused` has what was refused since then.
    `approved` counts the latest approved runs whose results are recorded, `compared` those in which something was
    compared. `endpoints` counts the endpoints that are told of the provider, `refusing` those that did not take their
    last notice.
    """

    health: Health
    has_run: bool = False
    last_event_at: datetime | None = None
    webhook_set_at: datetime | None = None
    refused: Sequence[RefusedPosts] = ()
    ended_silently: int = 0
    approved: int = 0
    compared: int = 0
    has_users: bool = False
    has_own_directory: bool = True
    endpoints: int = 0
    refusing: int = 0
    was_told: bool = False


@dataclass(frozen=True)
class Step:
    """A step: what it is about, its state, and a sentence that says why, and what to do where it is not done."""

    name: str
    title: str
    state: str
    text: str


def setup_steps(provider: Provider, facts: SetupFacts) -> tuple[Step, ...]:
    """Return the steps that apply, in order."""
    return tuple(
        Step(name, title, *detected)
        for name, title, detect in _STEPS
        if (detected := detect(provider, facts)) is not None
    )


def headline(steps: Sequence[Step]) -> str:
    """Return how far the set-up is."""
    done = sum(step.state == DONE for step in steps)
    return f"All {done} steps are done." if done == len(steps) else f"{done} of {len(steps)} steps are done."


State = tuple[str, str]


def _token(_provider: Provider, facts: SetupFacts) -> State:
    region = facts.health.check(REGION)
    is_reached = region is None or region.passed is not False
    return _of_check(facts.health, facts.health.check(TOKEN) if is_reached else region)


def _environment(provider: Provider, facts: SetupFacts) -> State:
    detail = check_environment(provider.environment).detail
    if provider.environment == SANDBOX:
        return WARNING, f"{detail} Results of the sandbox verify nothing once the provider is live."
    return (DONE, detail) if provider.environment == LIVE else (UNKNOWN, _UNKNOWN_ENVIRONMENT)


def _workflow(_provider: Provider, facts: SetupFacts) -> State:
    state, text = _of_check(facts.health, facts.health.check(WORKFLOW))
    if state == DONE and facts.has_run:
        return DONE, "A run of this workflow was started."
    return state, text


def _webhook(_provider: Provider, facts: SetupFacts) -> State:
    return _of_check(facts.health, facts.health.check(WEBHOOK))


def _of_check(health: Health, check: Check | None) -> State:
    """Return the state of what a check is about; where Onfido did not answer, what was known stays in the text."""
    if health.is_checking:
        return CHECKING, "It is being checked." if check is None else f"It is being checked. Before: {check.detail}"
    if check is None:
        return (UNKNOWN, "Onfido did not answer.") if health.is_answered is False else (TODO, "It was not checked yet.")
    if check.passed is None:
        return WAITS, _sentence(check.detail)
    if check.is_unanswered:
        return UNKNOWN, check.detail
    if health.is_answered is False:
        return UNKNOWN, f"Onfido did not answer. When it last did: {check.detail}"
    return (DONE if check.passed else FAILED), check.detail


def _events(_provider: Provider, facts: SetupFacts) -> State:
    has_come = facts.last_event_at is not None and (
        facts.webhook_set_at is None or facts.last_event_at >= facts.webhook_set_at
    )
    if facts.ended_silently:
        since = "since the last event" if has_come else "since the webhook was registered"
        why = "a proxy or firewall may block what Onfido posts"
        return WARNING, f"{_counted(facts.ended_silently, 'run')} ended without an event {since}: {why}."
    if has_come:
        return DONE, f"Onfido's last event came at {_time(facts.last_event_at)}."
    if facts.refused:
        return FAILED, " ".join(map(_refusal, facts.refused))
    return WAITS, "No event has come yet. The first one comes when a run ends."


def _refusal(refused: RefusedPosts) -> str:
    cause = _CAUSES.get(refused.cause, "no signature" if refused.cause == "no_signature" else "no event of Onfido's")
    posts = _counted(refused.number, "post")
    return f"{posts} to the webhook {_were(refused.number)} refused, last at {_time(refused.last_at)}: {cause}."


def _attributes(provider: Provider, _facts: SetupFacts) -> State:
    check = check_claims(provider)
    if check.passed is False:
        return FAILED, check.detail
    if uris := never_verified(provider):
        return WARNING, f"Nothing verifies {', '.join(uris)}, unless an output of the workflow is mapped to it."
    return DONE, check.detail


def _comparisons(_provider: Provider, facts: SetupFacts) -> State:
    if not facts.approved:
        return WAITS, "No run was approved yet."
    if facts.compared:
        return (
            DONE,
            f"Something was compared in {facts.compared} of the last {_counted(facts.approved, 'approved run')}.",
        )
    advice = "turn on Comparison Checks at Onfido, and let the workflow output data_comparison"
    return FAILED, f"Nothing was compared in {_counted(facts.approved, 'approved run')}: {advice}."


def _users(_provider: Provider, facts: SetupFacts) -> State:
    if facts.has_users:
        where = "The directory has users." if facts.has_own_directory else "Users were found in the tenant's directory."
        return DONE, where
    if facts.has_own_directory:
        return TODO, "The directory is empty: import users, or connect a directory that has them."
    return TODO, "No user was read from the tenant's directory yet: `connector check-settings` asks whether it answers."


def _application(_provider: Provider, facts: SetupFacts) -> State | None:
    if not facts.endpoints:
        return None
    if facts.refusing:
        what = _counted(facts.refusing, "endpoint")
        return FAILED, f"{what} of {facts.endpoints} did not take the last notice: look at its deliveries."
    if facts.was_told:
        return DONE, "The application took a notice."
    return TODO, "No notice was sent yet: send a test notice."


_STEPS: Sequence[tuple[str, str, Callable[[Provider, SetupFacts], State | None]]] = (
    ("token", "Onfido accepts the credentials", _token),
    ("environment", "The environment is known", _environment),
    ("workflow", "The workflow can be started", _workflow),
    ("webhook", "The webhook is registered", _webhook),
    ("events", "Onfido reaches the connector", _events),
    ("attributes", "Attributes are mapped", _attributes),
    ("comparisons", "Comparisons arrive", _comparisons),
    ("users", "Users can be found", _users),
    ("application", "The application is told", _application),
)
NAMES = tuple(name for name, _, _ in _STEPS)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
