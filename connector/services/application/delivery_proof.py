"""Proof of delivery: the notices about a verification, with times, receivers and answers; signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connector.domain.deliveries import DeliveryFilter
from connector.domain.frozen import frozen
from connector.domain.tenancy import Tenant
from connector.domain.utc import timestamp
from connector.domain.verifications.verification import Verification
from connector.services.application.deliveries import Deliveries, StoredDelivery
from connector.services.application.endpoints import Endpoints
from connector.services.lookup.readings import Readings
from connector.services.lookup.verifications import VerificationLookup
from connector.services.signing import SigningKeys
from connector.services.use_case import use_case

TOKEN_TYPE = "delivery-proof+jwt"  # noqa: S105  the header's `typ`: neither an access token nor an ID token
NAME = "delivery-proof"  # its name in the audit trail
MOST = 1000  # the maximum number of deliveries in one proof, the latest


@frozen
class Proof:
    """The statement, as JSON and as a signed JWT."""

    statement: Mapping[str, Any]
    signed: str


@use_case
class DeliveryProofs:
    """Proves deliveries of one tenant, which the method takes."""

    _lookup: VerificationLookup
    _deliveries: Deliveries
    _endpoints: Endpoints
    _keys: SigningKeys
    _readings: Readings
    _retention_days: int
    _clock: Callable[[], datetime]

    def prove(self, tenant: Tenant, run_id: str, provider_id: str | None, issuer: str, actor: str) -> Proof:
        """Return the notices of a verification with every stored attempt; the audit trail records this.

        Raise `RequestError` if there is no such verification.
        """
        verification = self._lookup.find(tenant, run_id, provider_id)
        page = self._deliveries.page(tenant, DeliveryFilter(verification_id=verification.verification_id), limit=MOST)
        urls = {each.endpoint_id: each.config.url for each in self._endpoints.all(tenant)}
        notices = [self._notice(row, urls) for row in reversed(page.rows) if row.endpoint_id is not None]
        self._readings.record_file(verification, NAME, actor)
        statement = {
            "iss": issuer,
            "iat": int(self._clock().timestamp()),
            "verification": _verification(verification),
            "notices": notices,
            "isComplete": page.next_cursor is None,
            "keptForDays": self._retention_days,
        }
        return Proof(statement, self._keys.sign(statement, TOKEN_TYPE))

    def _notice(self, row: StoredDelivery, urls: Mapping[str, str]) -> dict[str, Any]:
        return {
            "deliveryId": row.delivery_id,
            "noticeId": row.payload["notice_id"],
            "endpointId": row.endpoint_id,
            "url": urls.get(row.endpoint_id or ""),
            "kind": row.kind,
            "told": {name: value for name, value in row.payload.items() if name not in _STATED},
            "queuedAt": timestamp(row.created_at),
            "state": row.state,
            "settledAt": timestamp(row.settled_at),
            "attempts": [dict(attempt) for attempt in row.history],
            "answer": self._deliveries.answer(row),
        }


# members of a payload that are elsewhere in the statement
_STATED = ("notice_id", "tenant", "provider_id", "verification_id")


def _verification(verification: Verification) -> dict[str, Any]:
    return {
        "id": verification.verification_id,
        "runId": verification.run_id,
        "providerId": verification.provider_id,
        "tenant": verification.tenant,
        "userId": verification.user_id,
        "status": verification.status,
        "createdAt": timestamp(verification.created_at),
        "completedAt": timestamp(verification.completed_at),
    }
