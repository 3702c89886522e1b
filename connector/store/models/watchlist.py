"""The table about watchlist monitors.

watchlist_monitors    one row per provider and user whom a monitor at Onfido watches, or may watch. No foreign key: the
                      row stays until the monitor is ended, also if the user or the provider was removed.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table

from connector.store.models.columns import id_column, metadata, time_column

watchlist_monitors = Table(
    "watchlist_monitors",
    metadata,
    id_column("provider_id", primary_key=True),
    Column("user_id", String(255), primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("applicant_id", String(64), comment="the applicant that a monitor watches, or may watch"),
    Column("report_name", String(32), comment="report of that monitor"),
    Column("monitor_id", String(64), comment="null: not known, or not created yet"),
    Column("owner", String(36), comment="the delivery that creates or ends it"),
    time_column("lease_until", nullable=True),
)
Index(None, watchlist_monitors.c.tenant, watchlist_monitors.c.user_id)
