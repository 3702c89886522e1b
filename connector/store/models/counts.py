"""The tables of the numbers that administrators ask for: how many, day by day. They hold no personal data.

monthly_counts   one row per tenant, provider, environment and UTC month: lists with a number for each day
hourly_counts    one row per tenant, provider, environment and UTC day: lists with a number for each hour; of three days
daily_counts     as processes of the version before keep them; to be removed with the next version
counted_days     one row per day: when it was counted last
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Date, Index, Integer, String, Table

from connector.store.models.columns import metadata, time_column

monthly_counts = Table(
    "monthly_counts",
    metadata,
    Column("tenant", String(255), primary_key=True),
    Column("provider_id", String(36), primary_key=True, comment="empty: of no existing provider"),
    Column("month", Date, primary_key=True, comment="the first day of the month, in UTC"),
    Column("environment", String(8), primary_key=True, comment="empty: not known"),
    Column("is_of_verifications", Boolean, primary_key=True, comment="false: of refused starts and dead deliveries"),
    Column(
        "shown", JSON, nullable=False, comment="the numbers that are shown by day: a list for each measure and bucket"
    ),
    Column("days", JSON, nullable=False, comment="the other numbers, in the same form"),
    Column("totals", JSON, nullable=False, comment="the sums of `days`"),
)
Index(None, monthly_counts.c.month, monthly_counts.c.is_of_verifications, monthly_counts.c.provider_id)

hourly_counts = Table(
    "hourly_counts",
    metadata,
    Column("tenant", String(255), primary_key=True),
    Column("provider_id", String(36), primary_key=True, comment="empty: of no existing provider"),
    Column("day", Date, primary_key=True, comment="UTC"),
    Column("environment", String(8), primary_key=True, comment="empty: not known"),
    Column("is_of_verifications", Boolean, primary_key=True, comment="false: of refused starts and dead deliveries"),
    Column("hours", JSON, nullable=False, comment="a list with 24 numbers for each measure and bucket"),
)
Index(None, hourly_counts.c.day, hourly_counts.c.is_of_verifications, hourly_counts.c.provider_id)

daily_counts = Table(
    "daily_counts",
    metadata,
    Column("tenant", String(255), primary_key=True),
    Column("provider_id", String(36), primary_key=True, comment="empty: of no existing provider"),
    Column("day", Date, primary_key=True, comment="UTC"),
    Column("environment", String(8), primary_key=True, comment="empty: not known"),
    Column("measure", String(32), primary_key=True),
    Column("bucket", String(330), primary_key=True),
    Column("n", Integer, nullable=False),
)
Index(None, daily_counts.c.day, daily_counts.c.provider_id)

counted_days = Table(
    "counted_days",
    metadata,
    Column("day", Date, primary_key=True),
    time_column("counted_at"),
    Column("owner", String(36), nullable=False, comment="the pass that counted it, as a fence"),
)
