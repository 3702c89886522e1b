"""The applicant that a watchlist monitor monitors, by the state of a user's claims."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.domain.studio.watchlist import (
    AML,
    STANDARD,
    ClaimStanding,
    MonitorTarget,
    RemoteMonitor,
    is_ours,
    monitor_tag,
    target_of,
)

AT = datetime(2026, 1, 2, tzinfo=UTC)
VERIFIED = ClaimStanding(True, "v1", "clear", "applicant-1", AT)
LATER = ClaimStanding(True, "v2", "clear", "applicant-2", AT + timedelta(days=1))


def unverified(status: str | None, verification_id: str | None = "v1") -> ClaimStanding:
    return ClaimStanding(False, verification_id, status, "applicant-1", AT)


@pytest.mark.parametrize("status", ["not_compared", "unidentified", None])
def test_a_claim_that_a_run_does_not_judge_does_not_matter(status: str | None) -> None:
    assert target_of([VERIFIED, unverified(status)], STANDARD) == MonitorTarget("applicant-1", STANDARD)


@pytest.mark.parametrize("status", ["consider", "value_changed", "watchlist_match", "sandbox", "clear", "differs"])
def test_a_withdrawn_or_contradicted_claim_ends_monitoring(status: str) -> None:
    assert target_of([VERIFIED, unverified(status)], STANDARD) is None


def test_a_claim_added_as_unverified_ends_monitoring() -> None:
    assert target_of([VERIFIED, unverified(None, None)], STANDARD) is None


def test_the_latest_applicant_is_monitored() -> None:
    assert target_of([LATER, VERIFIED], AML) == MonitorTarget("applicant-2", AML)


def test_monitoring_requires_the_setting_claims_and_an_applicant() -> None:
    by_administrator = ClaimStanding(True, None, None, None, None)
    assert [target_of(claims, STANDARD) for claims in ([], [by_administrator], [unverified("clear")])] == [None] * 3
    assert target_of([VERIFIED], None) is None


def test_an_applicant_of_another_environment_cannot_be_monitored() -> None:
    in_sandbox = ClaimStanding(True, "v1", "clear", "applicant-1", AT, "sandbox")
    assert target_of([in_sandbox], STANDARD, "live") is None
    assert target_of([in_sandbox, LATER], STANDARD, "live") == MonitorTarget("applicant-2", STANDARD)
    assert target_of([in_sandbox], STANDARD, None) == MonitorTarget("applicant-1", STANDARD)


def test_own_monitors_are_those_recorded_tagged_or_shown_without_tags() -> None:
    tag = monitor_tag("p")
    assert tag == "idvp-connector:provider:p"
    assert is_ours(RemoteMonitor("m", STANDARD, (tag, "other")), tag, None)
    assert is_ours(RemoteMonitor("m", STANDARD, None), tag, None)
    assert is_ours(RemoteMonitor("m", STANDARD, ()), tag, "m")
    assert not is_ours(RemoteMonitor("m", STANDARD, ()), tag, "other")
    assert not is_ours(RemoteMonitor("m", STANDARD, (monitor_tag("q"),)), tag, None)
