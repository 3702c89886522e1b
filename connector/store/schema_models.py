"""The table about the schema itself, beside Alembic's own with its version."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from connector.store.columns import METADATA

schema_support = Table(
    "schema_support",
    METADATA,
    Column("oldest", String(32), primary_key=True, comment="the oldest version whose processes can use the schema"),
)
