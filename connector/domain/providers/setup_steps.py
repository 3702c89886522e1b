"""The steps of setting up a provider; the state of each is determined from stored facts.

    token ─► environment, workflow, webhook ─► events ─► attributes, comparisons ─► users ─► application

A step that does not apply, such as the application's if no endpoint is registered, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from connector.domain.environment import LIVE, SANDBOX
from connector.domain.events import NO_SIGNATURE, NO_TOKEN, TOO_LARGE, WRONG_SIGNATURE, RefusedPosts
from connector.domain.frozen import frozen
from connector.domain.messages import claims_named, counted, joined
from connector.domain.messages import message as _
from connector.domain.providers.health import Health, last_probe
from connector.domain.providers.provider import Provider
from connector.domain.providers.readiness import (
    DELIVERY,
    ENVIRONMENT,
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
ATTRIBUTES = "attributes"
MOST_RUNS = 100  # the number of the latest runs that are considered
_CAUSES = {
    WRONG_SIGNATURE: _("signed with a token other than the registered one"),
    NO_TOKEN: _("no webhook token is registered here"),
    NO_SIGNATURE: _("no signature"),
    TOO_LARGE: _("larger than max_body_bytes"),
}
_UNREADABLE = _("no event of Onfido's")
_UNKNOWN_ENVIRONMENT = _("It is not known yet whether the credentials are for the sandbox or live.")


@frozen
class SetupFacts:
    """The stored facts about a provider; Onfido is not called for them.

    `has_run`: a run was started since the workflow was last changed. `ended_silently` counts runs that ended without an
    event since the last event, or since the webhook's last change; `refused` has the refused posts since then.
    `approved` counts the latest approved runs with recorded results, `compared` those in which something was compared.
    `endpoints` counts the provider's notice endpoints, `refusing` those that did not accept their last notice.
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
    was_notified: bool = False


@frozen
class Step:
    """A step: its subject, its state, and a sentence that says why, and what to do if it is not done."""

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


def last_known_steps(provider: Provider, facts: SetupFacts) -> tuple[Step, ...]:
    """Return the steps that apply as they were before the check in progress, if there is one."""
    return setup_steps(provider, replace(facts, health=replace(facts.health, is_checking=False)))


def is_complete(steps: Sequence[Step]) -> bool:
    """Whether every step is done; a warning about a choice of the administrator's leaves nothing to do."""
    return all(map(_is_done, steps))


def headline(steps: Sequence[Step]) -> str:
    """Return the setup progress."""
    done = sum(map(_is_done, steps))
    if done < len(steps):
        return _("%(done)s of %(all)s steps are done.", done=done, all=len(steps))
    choices = {step.name for step in steps if step.state == WARNING}
    all_done = _("All %(done)s steps are done.", done=done)
    if ENVIRONMENT in choices:
        all_done = _("All %(done)s steps are done, for the sandbox.", done=done)
    return joined((all_done, _("Some attributes are never verified."))) if ATTRIBUTES in choices else all_done


def _is_done(step: Step) -> bool:
    """Whether a step is done, or warns of what is chosen: the sandbox, or attributes that are only sent."""
    return step.state == DONE or (step.state == WARNING and step.name in (ENVIRONMENT, ATTRIBUTES))


State = tuple[str, str]


def _token(_provider: Provider, facts: SetupFacts) -> State:
    region = facts.health.check(REGION)
    is_reached = region is None or region.passed is not False
    return _of_check(facts.health, facts.health.check(TOKEN) if is_reached else region)


def _environment(provider: Provider, facts: SetupFacts) -> State:
    detail = check_environment(provider.environment).detail
    if provider.environment == SANDBOX:
        return WARNING, joined((detail, _("Results of the sandbox verify nothing once the provider is live.")))
    return (DONE, detail) if provider.environment == LIVE else (UNKNOWN, _UNKNOWN_ENVIRONMENT)


def _workflow(_provider: Provider, facts: SetupFacts) -> State:
    state, text = _of_check(facts.health, facts.health.check(WORKFLOW))
    if state == DONE and facts.has_run:
        return DONE, _("A run of this workflow was started.")
    return state, text


def _webhook(_provider: Provider, facts: SetupFacts) -> State:
    return _of_check(facts.health, facts.health.check(WEBHOOK))


def _of_check(health: Health, check: Check | None) -> State:
    """Return the state of a check's subject; if Onfido did not answer, the text has the previous result."""
    if health.is_checking:
        before = None if check is None else _("Before: %(detail)s", detail=check.detail)
        return CHECKING, joined((_("The check is running."), before or ""))
    if check is None:
        is_silent = health.is_answered is False
        return (UNKNOWN, _("Onfido did not answer.")) if is_silent else (TODO, _("It was not checked yet."))
    if check.passed is None:
        return WAITS, _sentence(check.detail)
    if check.is_unanswered:
        return UNKNOWN, check.detail
    if health.is_answered is False:
        return UNKNOWN, _("Onfido did not answer. Its last answer: %(detail)s", detail=check.detail)
    return (DONE if check.passed else FAILED), check.detail


def _events(_provider: Provider, facts: SetupFacts) -> State:
    has_come = facts.last_event_at is not None and (
        facts.webhook_set_at is None or facts.last_event_at >= facts.webhook_set_at
    )
    if lost := _lost_probe(facts):
        return FAILED, lost.detail
    if facts.ended_silently:
        return WARNING, joined((_silence(facts.ended_silently, has_come=has_come), _BLOCKED))
    if has_come and facts.last_event_at is not None:
        return DONE, _("Onfido's last event arrived at %(time)s.", time=facts.last_event_at)
    if facts.refused:
        return FAILED, joined(map(_refusal, facts.refused))
    return _before_first_event(facts.health)


def _lost_probe(facts: SetupFacts) -> Check | None:
    """Return the check whose own event did not arrive here, unless one of Onfido's has arrived since."""
    probe = last_probe(facts.health, facts.last_event_at)
    return probe if probe is not None and probe.passed is False else None


def _before_first_event(health: Health) -> State:
    probe, webhook = health.check(DELIVERY), health.check(WEBHOOK)
    if probe is not None and probe.passed is None and webhook is not None and webhook.passed:
        return WARNING, _sentence(probe.detail)
    if probe is not None and probe.passed:
        return WAITS, _("A test event of the connector's own arrived. Onfido's first one arrives when a run ends.")
    return WAITS, _("No event has arrived yet. The first one arrives when a run ends.")


_BLOCKED = _("A proxy or firewall may block Onfido's posts.")


def _silence(runs: int, *, has_come: bool) -> str:
    if has_come:
        return counted(
            "%(num)s run ended without an event since the last event.",
            "%(num)s runs ended without an event since the last event.",
            runs,
        )
    return counted(
        "%(num)s run ended without an event since the webhook was registered.",
        "%(num)s runs ended without an event since the webhook was registered.",
        runs,
    )


def _refusal(refused: RefusedPosts) -> str:
    return counted(
        "%(num)s post to the webhook was refused, last at %(time)s: %(cause)s.",
        "%(num)s posts to the webhook were refused, last at %(time)s: %(cause)s.",
        refused.number,
        time=refused.last_at,
        cause=_CAUSES.get(refused.cause, _UNREADABLE),
    )


def _attributes(provider: Provider, _facts: SetupFacts) -> State:
    check = check_claims(provider)
    if check.passed is False:
        return FAILED, check.detail
    if uris := never_verified(provider):
        names = claims_named(uris)
        return WARNING, _("Nothing verifies %(names)s, unless an output of the workflow is mapped to it.", names=names)
    return DONE, check.detail


def _comparisons(_provider: Provider, facts: SetupFacts) -> State:
    if not facts.approved:
        return WAITS, _("No run was approved yet.")
    if facts.compared:
        return DONE, counted(
            "Something was compared in the only approved run.",
            "Something was compared in %(compared)s of the last %(num)s approved runs.",
            facts.approved,
            compared=facts.compared,
        )
    return FAILED, joined((_nothing_compared(facts.approved), _COMPARE))


_COMPARE = _("Turn on Comparison Checks at Onfido, and add data_comparison to the workflow's output.")


def _nothing_compared(runs: int) -> str:
    return counted(
        "Nothing was compared in %(num)s approved run.", "Nothing was compared in %(num)s approved runs.", runs
    )


def _users(_provider: Provider, facts: SetupFacts) -> State:
    if facts.has_users and facts.has_own_directory:
        return DONE, _("The directory has users.")
    if facts.has_users:
        return DONE, _("Users were found in the tenant's directory.")
    if facts.has_own_directory:
        return TODO, _("The directory is empty: import users, or connect a directory that has them.")
    return TODO, _(
        "No user was read from the tenant's directory yet: `connector check-settings` checks whether it answers."
    )


def _application(_provider: Provider, facts: SetupFacts) -> State | None:
    if not facts.endpoints:
        return None
    if facts.refusing:
        return FAILED, counted(
            "%(num)s endpoint of %(all)s did not accept the last notice: check its deliveries.",
            "%(num)s endpoints of %(all)s did not accept the last notice: check their deliveries.",
            facts.refusing,
            all=facts.endpoints,
        )
    if facts.was_notified:
        return DONE, _("The application accepted a notice.")
    return TODO, _("No notice was sent yet: send a test notice.")


_STEPS: Sequence[tuple[str, str, Callable[[Provider, SetupFacts], State | None]]] = (
    ("token", _("Onfido accepts the credentials"), _token),
    (ENVIRONMENT, _("The environment is known"), _environment),
    ("workflow", _("The workflow can be started"), _workflow),
    ("webhook", _("The webhook is registered"), _webhook),
    ("events", _("Onfido reaches the connector"), _events),
    (ATTRIBUTES, _("Attributes are mapped"), _attributes),
    ("comparisons", _("Comparisons arrive"), _comparisons),
    ("users", _("Users can be found"), _users),
    ("application", _("The application is notified"), _application),
)
NAMES = tuple(name for name, _, _ in _STEPS)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
