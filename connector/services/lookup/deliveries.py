"""Deliveries for an operator, page by page; they belong to no tenant."""

from __future__ import annotations

from collections.abc import Sequence

from connector.services.cursors import Cursors, Page, key_of
from connector.services.outbox import Outbox
from connector.store.outbox import OutboxRow
from connector.store.vault import OpaqueTexts

EVERY_TENANT = ""


class DeliveryLookup:
    """Lists what the outbox holds."""

    def __init__(self, outbox: Outbox, texts: OpaqueTexts) -> None:
        self._outbox = outbox
        self._cursors = Cursors(texts, "deliveries")

    def page(self, states: Sequence[str], *, limit: int, cursor: str | None = None) -> Page[OutboxRow]:
        """Return rows in these states, the next due first, from the page of a cursor on."""
        after = self._cursors.position(EVERY_TENANT, cursor)
        rows = self._outbox.page(states, limit + 1, after)
        return self._cursors.page(EVERY_TENANT, rows, limit, lambda row: key_of(row.due_at, row.delivery_id))
