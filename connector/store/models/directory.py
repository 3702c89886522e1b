"""The tables about remote directories; they hold ids and marks, no value.

directory_checks      the latest pass over a tenant's verified users
status_writes         one row per user whose status is, or may be, in the directory
"""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table

from connector.store.models.columns import metadata, time_column

directory_checks = Table(
    "directory_checks",
    metadata,
    Column("tenant", String(255), primary_key=True),
    Column("pass_id", String(36), nullable=False, comment="the latest pass over the tenant's verified users"),
    time_column("began_at"),
    Column("position", String(255), nullable=False, comment="the last user that was checked"),
    Column("checked", Integer, nullable=False),
    Column("gone", Integer, nullable=False, comment="users that the directory no longer has"),
    time_column("moved_at"),
    time_column("ended_at", nullable=True),
)

status_writes = Table(
    "status_writes",
    metadata,
    Column("tenant", String(255), primary_key=True),
    Column("user_id", String(255), primary_key=True),
    Column("written", String(64), comment="digest of the status in the directory; null: not known, or none"),
    Column("owner", String(36), comment="the delivery that writes it"),
    time_column("lease_until", nullable=True),
)
