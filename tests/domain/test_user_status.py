"""The reasons why a user is not verified, as far as they can be tested without the connector."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from connector.domain.audit.history import REFUSED, START, Change
from connector.domain.claims import Claim
from connector.domain.people.user_status import (
    AttemptNumber,
    ProviderStatus,
    attempt_number,
    claim_status,
    counted,
    next_attempt_at,
)
from connector.domain.studio.workflow_run import FINAL_STATUSES, STARTING
from connector.domain.verifications.verification import Verification
from tests.domain import examples

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PROVIDER = replace(examples.PROVIDER, claims={"name": "first_name"}, max_attempts=2, attempt_window=60)


def verification(status: str, *, closed: bool = True, failure: str | None = None) -> Verification:
    values = dict.fromkeys(each.name for each in fields(Verification))
    return Verification(
        **values | {"status": status, "created_at": NOW, "closed_at": NOW if closed else None, "failure": failure}  # type: ignore[arg-type]
    )


def claim(status: str | None, *, is_verified: bool = False) -> Claim:
    values = dict.fromkeys(each.name for each in fields(Claim))
    return Claim(**values | {"is_verified": is_verified, "verification_status": status})  # type: ignore[arg-type]


def reason(run: Verification | None = None, refusal: Change | None = None) -> str | None:
    return ProviderStatus(PROVIDER, [claim_status("name", None, has_value=True)], run, (), refusal).reason


def test_the_place_of_an_attempt_is_counted_from_the_oldest_that_counts() -> None:
    second = timedelta(seconds=1)
    started = (NOW + second, NOW, NOW - second)
    place = AttemptNumber(2, PROVIDER.max_attempts, timedelta(seconds=60))
    assert attempt_number(verification("approved"), started, PROVIDER) == place
    assert attempt_number(verification("approved"), (NOW + second, NOW - second), PROVIDER) is None


def test_attempts_count_within_the_window_only() -> None:
    started = [NOW - timedelta(seconds=age) for age in (0, 59, 60, 61)]
    assert counted(started, PROVIDER, NOW) == started[:2]


@pytest.mark.parametrize("status", sorted(FINAL_STATUSES))
def test_every_final_status_of_a_run_has_a_sentence(status: str) -> None:
    assert reason(verification(status)) not in (None, reason())


def test_an_unknown_status_is_named() -> None:
    assert reason(verification("paused")) == "The last run ended as paused."
    assert (
        claim_status("name", claim("blurred"), has_value=True).reason
        == "Onfido reports a result that the connector does not know."
    )


def test_the_failure_of_an_attempt_is_reported() -> None:
    run = verification("error", failure="The link has expired.")
    assert reason(run) == "The run ended with an error, which is not the user's fault. The link has expired."


def test_an_attempt_without_a_run_is_starting_unless_it_was_refused_since() -> None:
    run = verification(STARTING, closed=False)
    refusal = Change(NOW, "t", START, "OIDV-10046", REFUSED, detail={"claims": []})
    assert reason(run) == "The verification is being started at Onfido."
    assert reason(run, replace(refusal, at=NOW + timedelta(seconds=1))) == (
        "The last start was refused: OIDV-10046 (Onfido cannot be reached)."
    )


def test_a_code_of_another_version_is_reported_without_its_message() -> None:
    refusal = Change(NOW, "t", START, "OIDV-99999", REFUSED, detail={"claims": ["name"]})
    assert reason(None, refusal) == "The last start was refused: OIDV-99999 () for name."


def test_a_user_without_claims_is_not_verified() -> None:
    assert not ProviderStatus(PROVIDER, [claim_status("name", None, has_value=False)], None).is_verified
    assert not ProviderStatus(PROVIDER, [], None).is_verified
    assert (
        ProviderStatus(PROVIDER, [claim_status("name", claim("clear", is_verified=True), has_value=True)], None).reason
        is None
    )


@pytest.mark.parametrize(
    ("ages", "seconds"), [([], None), ([1], None), ([1, 70], None), ([1, 59], 1), ([1, 2, 50], 58), ([60, 61], None)]
)
def test_the_next_attempt_is_allowed_once_the_window_has_moved_on(ages: list[int], seconds: int | None) -> None:
    started = [NOW - timedelta(seconds=age) for age in ages]
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert next_attempt_at(started, PROVIDER, NOW) == expected
