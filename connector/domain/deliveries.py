"""Deliveries of the outbox, as administrators see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connector.domain.frozen import frozen

READY, DONE, DEAD = "ready", "done", "dead"
STATES = (READY, DONE, DEAD)
KINDS = (
    *("tell_change", "tell_task", "tell_matches", "resend_notices"),
    *("check_verification", "keep_document", "update_matches"),
    *("write_status", "write_statuses", "check_users", "check_user"),
    *("delete_applicant", "delete_customer"),
    *("update_monitor", "update_monitors_of_user", "update_monitors_of_provider"),
    *("tell_level", "tell_levels", "seed_levels", "note_levels", "push_signals"),
    *("check_provider", "withdraw_claims", "finish_removals", "advance_job", "sweep"),
)


@frozen
class DeliveryFilter:
    """A filter of a tenant's deliveries; None means any. The period, of their creation, is half open."""

    states: Sequence[str] = STATES
    verification_id: str | None = None
    endpoint_id: str | None = None
    provider_id: str | None = None
    kind: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    verification_ids: Sequence[str] | None = None


@frozen
class KindCount:
    """The number of deliveries of a kind in each state."""

    kind: str
    ready: int
    done: int
    dead: int
