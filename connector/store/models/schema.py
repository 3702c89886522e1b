"""The table about the schema itself, beside Alembic's own with its version."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from connector.store.models.columns import metadata

schema_support = Table(
    "schema_support",
    metadata,
    Column("oldest", String(32), primary_key=True, comment="the oldest version whose processes can use the schema"),
)
