"""Onfido's ongoing monitoring of an applicant against watchlists."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WatchlistMonitor:
    """One monitor: whom it watches, and by which report."""

    monitor_id: str
    applicant_id: str
    report_name: str
    is_deleted: bool
