"""The history, as values: every change of a run's or claim's status, and every change by an administrator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

RUN, CLAIM, PROVIDER, USER, APPLICANT, OUTBOX = "run", "claim", "provider", "user", "applicant", "outbox"  # subjects
ADMINISTRATOR = "administrator"  # a cause
SYSTEM = "system"  # the actor where no person is known


@dataclass(frozen=True)
class Change:
    """One change; `actor` is the administrator or the event's id, `detail` holds no secret and no value."""

    at: datetime
    tenant: str
    subject: str
    current: str
    cause: str
    previous: str | None = None
    name: str | None = None
    provider_id: str | None = None
    verification_id: str | None = None
    actor: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def by_administrator(
    at: datetime,
    actor: str,
    tenant: str,
    subject: str,
    name: str,
    current: str,
    detail: Mapping[str, Any],
    provider_id: str | None = None,
) -> Change:
    """Make the entry for what an administrator did to a provider or a user: which properties, never their values."""
    return Change(
        at=at,
        tenant=tenant,
        subject=subject,
        name=name,
        current=current,
        cause=ADMINISTRATOR,
        actor=actor,
        detail=detail,
        provider_id=provider_id,
    )
