"""Requests for jobs, as the API and the command line create them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from connector.domain.jobs import (
    DEAD,
    EVERYTHING,
    FETCH_RUNS,
    RESEND_DELIVERIES,
    USER_RECORD,
    VERIFICATIONS_CSV,
    JobRequest,
)
from connector.domain.utc import timestamp
from connector.domain.verifications.verification_filter import read_filter


def csv_of(query: Mapping[str, str | None], provider_id: str | None = None) -> JobRequest:
    """Return the request for verifications as CSV; raise `InvalidQuery` for an invalid filter."""
    criteria = read_filter(query, provider_id=provider_id)
    return JobRequest(VERIFICATIONS_CSV, dict(query), criteria.user_id, provider_id)


def record_of(user_id: str) -> JobRequest:
    """Return the request for a user's record."""
    return JobRequest(USER_RECORD, user_id=user_id)


def resending_since(
    since: datetime,
    *,
    is_everything: bool,
    endpoint_id: str | None = None,
    provider_id: str | None = None,
    kind: str | None = None,
) -> JobRequest:
    """Return the request to repeat deliveries: those that became dead since a time, or all since then."""
    which = EVERYTHING if is_everything else DEAD
    chosen = {"since": timestamp(since), "which": which, "endpointId": endpoint_id}
    of_kind = {} if kind is None else {"kind": kind}
    return JobRequest(RESEND_DELIVERIES, chosen | of_kind, provider_id=provider_id)


def fetching_since(since: datetime, provider_id: str) -> JobRequest:
    """Return the request to read a provider's runs since a time from Onfido."""
    return JobRequest(FETCH_RUNS, {"since": timestamp(since)}, provider_id=provider_id)
