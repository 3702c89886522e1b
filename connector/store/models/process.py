"""The table of the running processes, each with its settings in force."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Table

from connector.store.models.columns import id_column, metadata, time_column

processes = Table(
    "processes",
    metadata,
    id_column(primary_key=True),
    Column("role", String(16), nullable=False, comment="serve or worker"),
    Column("host", String(255), nullable=False),
    Column("number", Integer, nullable=False, comment="the process id at its host"),
    Column("shown", JSON, nullable=False, comment="the settings' values; of a secret only whether it is set"),
    Column("marks", JSON, nullable=False, comment="keyed digests of the exact values, for comparison"),
    time_column("started_at"),
    time_column("seen_at"),
    time_column("left_at", nullable=True),
)
Index(None, processes.c.seen_at)
