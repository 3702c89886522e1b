"""The statement on streams of signals as administrators see them: with their subjects and their current delivery."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from connector.domain.signals import COUNTED, StreamReport
from connector.store.deliveries.outbox import DEAD
from connector.store.models import outbox, signal_streams
from connector.store.signals.signal_streams import COLUMNS, key_of_turn, read, subjects_of

_T = signal_streams.c
_named = subjects_of(_T.id).limit(COUNTED).correlate(signal_streams)
_REPORTS = (
    select(
        *COLUMNS,
        _T.delivered_at,
        select(func.count()).select_from(_named.subquery()).scalar_subquery().label("subjects"),
        outbox.c.history,
        outbox.c.state,
    )
    .select_from(signal_streams.outerjoin(outbox, outbox.c.dedupe_key == key_of_turn()))
    .order_by(_T.created_at, _T.id)
)


def find_all(connection: Connection, tenant: str, stream_id: str | None = None) -> Iterator[StreamReport]:
    """Yield a tenant's streams, or one of them, the oldest first."""
    chosen = [] if stream_id is None else [_T.id == stream_id]
    for row in connection.execute(_REPORTS.where(_T.tenant == tenant, *chosen)):
        failed = row.history or ()
        yield StreamReport(
            read(row),
            row.subjects,
            row.delivered_at,
            len(failed),
            failed[-1]["reason"] if failed else None,
            is_dead=row.state == DEAD,
        )
