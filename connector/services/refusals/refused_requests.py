"""The record of requests that were refused to an authenticated caller: a missing scope, a refused change.

It shows the actor and the attempted operation. Requests without a valid token, and common refusals of applications, are
only logged; refused starts are recorded separately. The sweep removes the entries after their retention.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime

from connector.domain.audit.history import REFUSED, REQUEST, Change
from connector.domain.frozen import frozen
from connector.services.refusals.refusal_record import RefusalRecord
from connector.services.use_case import use_case

MAX_NAME, MAX_CODE, MAX_PROVIDER_ID = 255, 64, 36  # lengths of the columns of the history


@frozen
class RefusedRequest:
    """A refused request: its operation, the code of the refusal, and the named objects."""

    tenant: str
    actor: str
    operation: str
    code: str
    provider_id: str | None = None
    user_id: str | None = None
    detail: Mapping[str, str] = field(default_factory=dict)


@use_case
class RefusedRequests:
    """Records refused requests, within the limit."""

    _record: RefusalRecord
    _clock: Callable[[], datetime]

    def record(self, refused: RefusedRequest) -> None:
        """Record a refusal."""
        self._record.add(self._entry(refused))

    def _entry(self, refused: RefusedRequest) -> Change:
        is_known = refused.provider_id is not None and len(refused.provider_id) <= MAX_PROVIDER_ID
        return Change(
            at=self._clock(),
            tenant=refused.tenant,
            subject=REQUEST,
            name=refused.operation[:MAX_NAME],
            current=refused.code[:MAX_CODE],
            cause=REFUSED,
            provider_id=refused.provider_id if is_known else None,
            user_id=refused.user_id,
            actor=refused.actor,
            detail=refused.detail,
        )
