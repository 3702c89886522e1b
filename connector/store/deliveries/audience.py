"""Whether changes by a run's result can have consequences: whether anything may be notified of them.

    share lock of the provider ──► lock of the run, and whether it has an audience ──► … ──► commit
    an endpoint, a stream or a setting is added ──► under a lock of the provider, which waits for the share locks

So without an audience, the transaction needs no statement that queues deliveries under a condition: whatever is added
meanwhile is committed after it. The audience may be larger than the endpoints that have chosen an event, and never
smaller. A monitor is only recorded for a provider with the setting, or whose users' monitors are ended page by page.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, or_, select

from connector.store.models import notice_endpoints, providers, signal_streams, verifications, watchlist_monitors

_M = watchlist_monitors.c
WATCHES = providers.c.studio["watchlist_monitor"].as_string().is_not(None)


def is_any(of: ColumnElement[Any], *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that there is a row; its form uses an index, where EXISTS would scan the table."""
    return select(of).where(*conditions).order_by(of).limit(1).scalar_subquery().is_not(None)


HAS_AUDIENCE = or_(
    is_any(notice_endpoints.c.id, notice_endpoints.c.tenant == verifications.c.tenant),
    is_any(signal_streams.c.id, signal_streams.c.tenant == verifications.c.tenant),
    is_any(_M.user_id, _M.provider_id == verifications.c.provider_id, _M.user_id == verifications.c.user_id),
).label("has_audience")
