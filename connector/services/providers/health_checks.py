"""Background checks of providers: the sweep queues due ones, and each calls Onfido for at most 10 s.

Two processes never check the same provider at once: a check leases its row, and ends if the row is leased already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar

from connector.domain.frozen import frozen
from connector.domain.providers.health import INTERVAL
from connector.domain.tenancy import Tenants
from connector.services.outbox import Handler, ProviderPayload
from connector.services.providers.setup import Setup
from connector.services.use_case import use_case
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.store.providers import provider_health

BUDGET = 10.0  # seconds of calls to Onfido
MOST_DUE = 20  # providers that one sweep queues


@frozen
class CheckProvider(ProviderPayload):
    """Check a provider, and store the result."""

    kind: ClassVar[str] = "check_provider"


@use_case
class HealthChecks:
    """Checks the providers of all tenants, one delivery each."""

    _database: Database
    _tenants: Tenants
    _setup: Setup
    _public_url: str
    _clock: Callable[[], datetime]

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [Handler(CheckProvider, self.check)]

    def begin_due(self) -> None:
        """Queue some checks that are due; part of the sweep."""
        now = self._clock()
        with self._database.write() as connection:
            due = provider_health.take_due(connection, now, now + INTERVAL, MOST_DUE)
            keys = [f"{CheckProvider.kind}:{each.provider_id}:{each.due_at.isoformat()}" for each in due]
            outbox.add_all(connection, [CheckProvider(each.tenant, each.provider_id) for each in due], keys)

    def check(self, order: CheckProvider) -> None:
        """Check one provider, unless it is being checked, or was removed."""
        tenant = self._tenants.named(order.tenant)
        self._setup.test_in_background(tenant, order.provider_id, self._public_url, BUDGET)
