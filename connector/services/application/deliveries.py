"""The administration of deliveries, by a tenant's administrators and the operator.

An administrator sees, retries and drops only deliveries of the own tenant, and these actions are in that tenant's audit
trail. The connector's own deliveries, such as the sweep, belong to no tenant.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection

from connector.domain.audit.history import OUTBOX, SYSTEM, by_administrator
from connector.domain.deliveries import DeliveryFilter, KindCount
from connector.domain.messages import message
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.errors import Code, RequestError
from connector.services.cursors import Cursors, Page, key_of
from connector.services.journal import Journal
from connector.store.deliveries import deliveries, outbox, redelivery
from connector.store.deliveries.deliveries import Managed
from connector.store.deliveries.outbox import OutboxRow
from connector.store.deliveries.redelivery import Preview, Redelivery
from connector.store.engine import Database
from connector.store.sealed import delivery_answer
from connector.store.vault import OpaqueTexts, Vault

RETRIED, DROPPED = "retried", "dropped"
MOST_COUNTED = 10_000
MOST_OF_KIND = 1_000
EVERY_TENANT = ""  # no tenant has this name
StoredDelivery: TypeAlias = OutboxRow
ResendPreview: TypeAlias = Preview


class Deliveries:
    """Lists, counts, retries and drops deliveries of one tenant; without a tenant (for the operator), of all."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        texts: OpaqueTexts,
        journal: Journal,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._cursors = Cursors(texts, "deliveries")
        self._journal = journal
        self._clock = clock

    def page(
        self, tenant: Tenant | None, criteria: DeliveryFilter, *, limit: int, cursor: str | None = None
    ) -> Page[StoredDelivery]:
        """Return a tenant's deliveries, the latest first; without a tenant all deliveries, the next due first."""
        place = EVERY_TENANT if tenant is None else tenant.name
        after = self._cursors.position(place, cursor)
        with self._database.read() as connection:
            rows = (
                outbox.find_page(connection, criteria.states, limit + 1, after)
                if tenant is None
                else deliveries.find_page(connection, tenant.name, criteria, limit + 1, after)
            )
        return self._cursors.page(place, rows, limit, _due if tenant is None else _created)

    def get(self, tenant: Tenant, delivery_id: str) -> OutboxRow:
        """Return a delivery of a tenant; raise `RequestError` if there is none."""
        with self._database.read() as connection:
            row = deliveries.find(connection, tenant.name, delivery_id)
        if row is None:
            raise _not_found(delivery_id)
        return row

    def count(self, tenant: Tenant, criteria: DeliveryFilter, most: int) -> int:
        """Return the number of a tenant's deliveries, up to `most`."""
        with self._database.read() as connection:
            return deliveries.count(connection, tenant.name, criteria, most)

    def count_by_kind(
        self, tenant: Tenant, provider_id: str | None = None, *, most: int = MOST_OF_KIND
    ) -> list[KindCount]:
        """Return the number of deliveries of a tenant, or of one provider, by kind, each up to `most`."""
        with self._database.read() as connection:
            return deliveries.count_by_kind(connection, tenant.name, provider_id, most)

    def count_dead(self, tenant: Tenant, since: datetime) -> int | None:
        """Return the number of a tenant's deliveries that became dead since a time; None if there are very many."""
        return self.count_resent(tenant, since, is_everything=False)

    def preview_dead(self, tenant: Tenant, since: datetime) -> Preview:
        """Return the number of a tenant's deliveries that became dead since a time, and the oldest's time."""
        return self.preview_resent(tenant, since, is_everything=False)

    def count_resent(self, tenant: Tenant, since: datetime, *, is_everything: bool, **chosen: str | None) -> int | None:
        """Return the number of deliveries that such a job would repeat; None if that would take too long."""
        return self.preview_resent(tenant, since, is_everything=is_everything, **chosen).number

    def preview_resent(
        self,
        tenant: Tenant,
        since: datetime,
        *,
        is_everything: bool,
        endpoint_id: str | None = None,
        provider_id: str | None = None,
        kind: str | None = None,
    ) -> Preview:
        """Return what such a job would repeat; its number is None if more than `MOST_COUNTED` rows had to be read."""
        chosen = Redelivery(
            tenant.name,
            since,
            self._clock(),
            is_everything=is_everything,
            endpoint_id=endpoint_id,
            provider_id=provider_id,
            kind=kind,
        )
        with self._database.read() as connection:
            return redelivery.preview(connection, chosen, MOST_COUNTED)

    def answer(self, row: OutboxRow) -> str | None:
        """Return the start of the receiver's latest answer; None if none is kept."""
        return None if row.answer is None else self._vault.open(row.answer, delivery_answer(row.delivery_id))

    def retry(self, tenant: Tenant | None, delivery_id: str, actor: str = SYSTEM) -> None:
        """Deliver a row again now: an undelivered one, or a notice; raise `RequestError` if there is none."""
        with self._database.write() as connection:
            managed = deliveries.retry(connection, delivery_id, None if tenant is None else tenant.name)
            self._record(connection, delivery_id, managed, RETRIED, actor)

    def drop(self, tenant: Tenant | None, delivery_id: str, actor: str = SYSTEM) -> None:
        """Remove a row undelivered; raise `RequestError` if there is none."""
        with self._database.write() as connection:
            managed = deliveries.drop(connection, delivery_id, None if tenant is None else tenant.name)
            self._record(connection, delivery_id, managed, DROPPED, actor)

    def _record(self, connection: Connection, delivery_id: str, managed: Managed | None, what: str, actor: str) -> None:
        """Record an action in the audit trail of the delivery's tenant (the default one for the connector's own)."""
        if managed is None:
            raise _not_found(delivery_id)
        tenant, detail = managed.tenant or DEFAULT_TENANT, {"kind": managed.kind} | _verification(managed)
        now = self._clock()
        entry = by_administrator(now, actor, tenant, OUTBOX, delivery_id, what, detail, managed.provider_id)
        self._journal.record(connection, [entry])


def _due(row: StoredDelivery) -> tuple[str, str | int]:
    return key_of(row.due_at, row.delivery_id)


def _created(row: StoredDelivery) -> tuple[str, str | int]:
    return key_of(row.created_at, row.delivery_id)


def _verification(managed: Managed) -> dict[str, str]:
    return {} if managed.verification_id is None else {"verification_id": managed.verification_id}


def _not_found(delivery_id: str) -> RequestError:
    return RequestError(
        Code.DELIVERY_NOT_FOUND,
        message(
            "There is no delivery %(delivery_id)s to which this applies: list the deliveries.", delivery_id=delivery_id
        ),
    )
