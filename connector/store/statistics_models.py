"""The tables of the numbers that administrators ask for: how many, day by day. They hold no personal data.

daily_counts     one row per tenant, provider, environment, UTC day, measure and bucket
counted_days     one row per day: when it was counted last
"""

from __future__ import annotations

from sqlalchemy import Column, Date, Index, Integer, String, Table

from connector.store.columns import METADATA, time_column

daily_counts = Table(
    "daily_counts",
    METADATA,
    Column("tenant", String(255), primary_key=True),
    Column("provider_id", String(36), primary_key=True, comment="empty: of no provider that exists"),
    Column("day", Date, primary_key=True, comment="UTC"),
    Column("environment", String(8), primary_key=True, comment="empty: not known"),
    Column("measure", String(32), primary_key=True),
    Column("bucket", String(330), primary_key=True),
    Column("n", Integer, nullable=False),
)
Index(None, daily_counts.c.day, daily_counts.c.provider_id)

counted_days = Table(
    "counted_days",
    METADATA,
    Column("day", Date, primary_key=True),
    time_column("counted_at"),
    Column("owner", String(36), nullable=False, comment="the pass that counted it; repeated as a fence"),
)
