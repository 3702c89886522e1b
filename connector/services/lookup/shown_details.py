"""A verification with its kept result, shown to an administrator; showing any values is recorded in the audit trail."""

from __future__ import annotations

from collections.abc import Iterator

from connector.domain.tenancy import Tenant
from connector.services.lookup.readings import Readings
from connector.services.lookup.verifications import VerificationDetails, VerificationLookup
from connector.services.use_case import use_case

OUTPUT, DOCUMENT = "output", "document"  # parts of a kept result that have values


@use_case
class ShownDetails:
    """Shows verifications; the method takes the tenant that it may read."""

    _lookup: VerificationLookup
    _readings: Readings

    def show(self, tenant: Tenant, run_id: str, provider_id: str | None = None, *, actor: str) -> VerificationDetails:
        """Return everything that is stored of a verification, after its reading is recorded; raise as its lookup does.

        Nothing is recorded if no value is kept, or no longer.
        """
        details = self._lookup.get(tenant, run_id, provider_id)
        if parts := list(_parts(details)):
            self._readings.record_result(details.listed.verification, parts, actor)
        return details


def _parts(details: VerificationDetails) -> Iterator[str]:
    if details.result is not None and details.result.output is not None:
        yield OUTPUT
    if details.document is not None:
        yield DOCUMENT
