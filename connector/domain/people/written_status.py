"""The status of a user that is written back to the user directory: verified or not, which claims, when, by which
provider.

A user is verified through a provider if it has verified a claim, and every claim that it was asked for and has a result
is verified. One such provider is sufficient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from connector.domain.frozen import frozen
from connector.domain.utc import timestamp


@frozen
class ClaimRecord:
    """The state of a claim with one provider; `is_pending`: its first verification has no result yet."""

    provider: str
    uri: str
    is_verified: bool
    is_pending: bool
    at: datetime


@frozen
class WrittenStatus:
    """The written values: None means no value; `of_claims` has a flag for each recorded claim."""

    verified: bool | None = None
    claims: Sequence[str] | None = None
    time: str | None = None
    provider: str | None = None
    of_claims: Mapping[str, bool] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of the user, so that nothing remains in the directory."""
        return self.verified is None


def status_of(records: Sequence[ClaimRecord]) -> WrittenStatus:
    """Return the status that results from a user's claims."""
    judged = [record for record in records if not record.is_pending]
    if not judged:
        return WrittenStatus()
    verified = sorted({record.uri for record in judged if record.is_verified})
    flags = {record.uri: record.uri in verified for record in judged}
    through = _verified_through(judged)
    if through is None:
        return WrittenStatus(False, verified, None, None, flags)
    name, at = through
    return WrittenStatus(True, verified, timestamp(at), name, flags)


def _verified_through(judged: Sequence[ClaimRecord]) -> tuple[str, datetime] | None:
    """Return the provider that verified the user last, and when; None if none has."""
    by_provider = groupby(sorted(judged, key=attrgetter("provider")), key=attrgetter("provider"))
    through = []
    for name, group in by_provider:
        records = list(group)
        if all(record.is_verified for record in records):
            through.append((max(record.at for record in records), name))
    if not through:
        return None
    at, name = max(through)
    return name, at
