"""The status of a user, by the user's claims, that is written to the directory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from connector.domain.people.written_status import ClaimRecord, WrittenStatus, status_of

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def record(uri: str = "name", **changes: Any) -> ClaimRecord:
    values: dict[str, Any] = {"provider": "Onfido", "is_verified": True, "is_pending": False, "at": NOON}
    return ClaimRecord(uri=uri, **values | changes)


@pytest.mark.parametrize("records", [[], [record(is_verified=False, is_pending=True)]])
def test_no_status_is_written_for_a_user_without_a_result(records: list[ClaimRecord]) -> None:
    assert status_of(records) == WrittenStatus()
    assert status_of(records).is_empty


def test_a_user_is_verified_if_every_claim_is_verified() -> None:
    later = NOON.astimezone(timezone(timedelta(hours=2))) + timedelta(hours=1)
    status = status_of([record("name"), record("dob", at=later)])
    assert status == WrittenStatus(True, ["dob", "name"], "2026-01-02T13:00:00Z", "Onfido", {"name": True, "dob": True})
    assert not status.is_empty


def test_a_claim_without_a_result_yet_changes_nothing() -> None:
    status = status_of([record("name"), record("dob", is_verified=False, is_pending=True)])
    assert (status.verified, status.claims, status.of_claims) == (True, ["name"], {"name": True})


def test_a_single_unverified_claim_makes_a_user_unverified() -> None:
    status = status_of([record("name"), record("dob", is_verified=False)])
    assert status == WrittenStatus(False, ["name"], None, None, {"name": True, "dob": False})


def test_claims_verified_through_any_provider_count() -> None:
    other = {"provider": "Other", "at": NOON - timedelta(hours=1)}
    status = status_of([record("name", is_verified=False), record("name", **other), record("dob", **other)])
    assert (status.verified, status.provider, status.time) == (True, "Other", "2026-01-02T11:00:00Z")
    assert status.of_claims == {"name": True, "dob": True}


def test_the_last_of_several_providers_is_named() -> None:
    status = status_of([record(), record(provider="Other", at=NOON + timedelta(seconds=1))])
    assert status.provider == "Other"
