"""The steps of setting up a provider: the sentence and the state of each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.domain.events import REFUSALS, RefusedPosts
from connector.domain.providers.health import Health
from connector.domain.providers.provider import Provider
from connector.domain.providers.readiness import Check
from connector.domain.providers.setup_steps import (
    SetupFacts,
    Step,
    headline,
    is_complete,
    last_known_steps,
    setup_steps,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NAMES = ("region", "token", "environment", "workflow", "claims", "webhook")
CLAIMS = {"given": "first_name", "family": "last_name"}
PROVIDER = Provider(
    *("provider", "tenant", "Onfido", "", "", True, CLAIMS, "workflow", "https://api.eu.onfido.com/v3.6", 5, 60),
    has_webhook_token=True,
    previous_webhook_token_expires_at=None,
    environment="live",
)
CHECKED = Health("provider", "Onfido", NOW, tried_at=NOW, is_answered=True, checked_at=NOW, is_good=True)
GOOD = replace(CHECKED, checks=tuple(Check(name, True, f"{name} works.") for name in NAMES))
READY = SetupFacts(GOOD, has_run=True, last_event_at=NOW, webhook_set_at=NOW, approved=3, compared=2, has_users=True)


def refused(cause: str, number: int = 3) -> RefusedPosts:
    return RefusedPosts("provider", "Onfido", cause, number, NOW, NOW)


def found(name: str, provider: Provider = PROVIDER, **facts: Any) -> Step | None:
    steps = setup_steps(provider, replace(READY, **facts))
    return next((step for step in steps if step.name == name), None)


def with_check(name: str, passed: bool | None, detail: str = "why", **options: Any) -> Health:
    checks = (*(each for each in GOOD.checks if each.name != name), Check(name, passed, detail, **options))
    return replace(GOOD, checks=checks)


def test_all_applicable_steps_can_be_completed() -> None:
    steps = setup_steps(PROVIDER, READY)
    assert {step.state for step in steps} == {"done"}
    assert len(steps) == 8
    assert headline(steps) == "All 8 steps are done."
    with_application = setup_steps(PROVIDER, replace(READY, endpoints=1, approved=0))
    assert headline(with_application) == "7 of 9 steps are done."
    assert not is_complete(with_application)


def test_a_provider_for_the_sandbox_is_complete_although_its_environment_is_a_warning() -> None:
    steps = setup_steps(replace(PROVIDER, environment="sandbox"), READY)
    assert [step.name for step in steps if step.state == "warning"] == ["environment"]
    assert is_complete(steps)
    assert headline(steps) == "All 8 steps are done, for the sandbox."
    assert headline(setup_steps(replace(PROVIDER, environment="sandbox"), replace(READY, approved=0))).startswith(
        "7 of 8"
    )
    unknown = setup_steps(replace(PROVIDER, environment=None), READY)
    assert (headline(unknown), is_complete(unknown)) == ("7 of 8 steps are done.", False)


def test_a_complete_provider_stays_complete_while_it_is_checked() -> None:
    facts = replace(READY, health=replace(GOOD, is_checking=True))
    assert not is_complete(setup_steps(PROVIDER, facts))
    assert is_complete(last_known_steps(PROVIDER, facts))


@pytest.mark.parametrize(
    ("name", "health", "state", "text"),
    [
        ("token", replace(CHECKED, is_answered=None), "to do", "not checked yet"),
        ("token", replace(CHECKED, is_answered=False), "unknown", "did not answer"),
        ("token", with_check("token", False, "refused"), "failed", "refused"),
        ("token", with_check("region", False, "no such region"), "failed", "no such region"),
        ("token", replace(GOOD, is_checking=True), "checking", "Before: token works."),
        ("token", replace(CHECKED, is_checking=True), "checking", "The check is running."),
        ("workflow", with_check("workflow", None, "not checked: why."), "waits", "Not checked: why."),
        ("workflow", with_check("workflow", False, "throttled", is_unanswered=True), "unknown", "throttled"),
        ("workflow", replace(GOOD, is_answered=False), "unknown", "Its last answer: workflow works."),
        ("workflow", with_check("workflow", False, "not published"), "failed", "not published"),
        ("webhook", with_check("webhook", False, "disabled"), "failed", "disabled"),
    ],
)
def test_a_step_that_depends_on_a_check_has_its_state(name: str, health: Health, state: str, text: str) -> None:
    step = found(name, health=health)
    assert step
    assert step.state == state
    assert text in step.text


def test_a_workflow_is_confirmed_by_its_first_run() -> None:
    certain, likely = found("workflow"), found("workflow", has_run=False)
    assert certain
    assert likely
    assert (certain.state, certain.text) == ("done", "A run of this workflow was started.")
    assert (likely.state, likely.text) == ("done", "workflow works.")


@pytest.mark.parametrize(("environment", "state"), [("live", "done"), ("sandbox", "warning"), (None, "unknown")])
def test_the_environment_is_a_warning_in_the_sandbox(environment: str | None, state: str) -> None:
    step = found("environment", replace(PROVIDER, environment=environment))
    assert step
    assert step.state == state


EARLIER, LATER = NOW - timedelta(days=1), NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("facts", "state", "text"),
    [
        ({}, "done", "2026-01-02 03:04 UTC"),
        ({"webhook_set_at": None}, "done", "last event"),
        ({"webhook_set_at": LATER}, "waits", "No event has arrived yet"),
        ({"last_event_at": None}, "waits", "No event has arrived yet"),
        ({"last_event_at": None, "ended_silently": 1}, "warning", "1 run ended without an event since the webhook"),
        ({"ended_silently": 4}, "warning", "4 runs ended without an event since the last event"),
        ({"last_event_at": None, "refused": [refused("wrong_signature")]}, "failed", "3 posts to the webhook were"),
        ({"last_event_at": None, "refused": [refused("no_token", 1)]}, "failed", "1 post to the webhook was refused"),
        ({"refused": [refused("wrong_signature")]}, "done", "last event"),  # anyone can post to the webhook's address
    ],
)
def test_events_are_reported_as_arrived_refused_or_missing(facts: dict[str, Any], state: str, text: str) -> None:
    step = found("events", **facts)
    assert step
    assert step.state == state
    assert text in step.text


@pytest.mark.parametrize(
    ("passed", "facts", "state", "text"),
    [
        (True, {"last_event_at": None}, "waits", "A test event of the connector's own arrived."),
        (True, {}, "done", "last event"),
        (False, {"last_event_at": None}, "failed", "answered 404"),
        (False, {"last_event_at": EARLIER, "webhook_set_at": EARLIER}, "failed", "answered 404"),
        (False, {"last_event_at": None, "ended_silently": 2}, "failed", "answered 404"),
        (False, {"last_event_at": LATER}, "done", "last event"),
        (None, {"last_event_at": None}, "warning", "Answered 404"),
        (None, {}, "done", "last event"),  # the public URL need not be reachable from the connector's own host
    ],
)
def test_the_probe_of_the_delivery_is_reported_unless_an_event_of_onfidos_is_later(
    passed: bool | None, facts: dict[str, Any], state: str, text: str
) -> None:
    step = found("events", health=with_check("delivery", passed, "answered 404"), **facts)
    assert step
    assert (step.state, text in step.text) == (state, True), step.text


def test_a_probe_that_was_not_made_because_the_webhook_is_wrong_waits() -> None:
    checks = (*GOOD.checks[:-1], Check("webhook", False, "missing"), Check("delivery", None, "not checked: why."))
    step = found("events", health=replace(GOOD, checks=checks), last_event_at=None)
    assert step
    assert (step.state, "No event has arrived yet" in step.text) == ("waits", True)


def test_every_cause_of_refusal_has_its_own_sentence() -> None:
    steps = [found("events", last_event_at=None, refused=[refused(cause)]) for cause in REFUSALS]
    assert len({step.text for step in steps if step}) == len(REFUSALS)


@pytest.mark.parametrize(
    ("claims", "state", "text"),
    [
        (CLAIMS, "done", "Compared with the document"),
        ({"given": "first_name"}, "failed", "last_name"),
        (CLAIMS | {"town": "address.town"}, "failed", "address.country"),
        (CLAIMS | {"mail": "email"}, "warning", "Nothing verifies mail"),
    ],
)
def test_the_step_of_attributes_follows_the_mapping(claims: dict[str, str], state: str, text: str) -> None:
    step = found("attributes", replace(PROVIDER, claims=claims))
    assert step
    assert step.state == state
    assert text in step.text


@pytest.mark.parametrize(
    ("name", "facts", "state", "text"),
    [
        ("comparisons", {}, "done", "2 of the last 3 approved runs"),
        ("comparisons", {"approved": 0, "compared": 0}, "waits", "No run was approved yet"),
        ("comparisons", {"approved": 14, "compared": 0}, "failed", "Nothing was compared in 14 approved runs"),
        ("users", {}, "done", "has users"),
        ("users", {"has_own_directory": False}, "done", "the tenant's directory"),
        ("users", {"has_users": False}, "to do", "import users"),
        ("users", {"has_users": False, "has_own_directory": False}, "to do", "check-settings"),
        ("application", {"endpoints": 1}, "to do", "test notice"),
        ("application", {"endpoints": 1, "was_notified": True}, "done", "accepted a notice"),
        ("application", {"endpoints": 2, "was_notified": True, "refusing": 1}, "failed", "1 endpoint of 2"),
    ],
)
def test_the_other_steps_follow_from_recorded_facts(name: str, facts: dict[str, Any], state: str, text: str) -> None:
    step = found(name, **facts)
    assert step
    assert step.state == state
    assert text in step.text


def test_attributes_that_are_only_sent_leave_nothing_to_do() -> None:
    steps = setup_steps(replace(PROVIDER, claims=CLAIMS | {"mail": "email"}), READY)
    assert is_complete(steps)
    assert headline(steps) == "All 8 steps are done. Some attributes are never verified."


def test_the_step_of_the_application_is_left_out_without_an_endpoint() -> None:
    assert found("application", endpoints=0) is None
