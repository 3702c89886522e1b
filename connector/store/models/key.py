"""The tables of the connector's own keys, encrypted."""

from __future__ import annotations

from sqlalchemy import JSON, Column, String, Table, Text

from connector.store.models.columns import metadata, time_column

secrets = Table(
    "secrets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False, comment="encrypted"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", String(64), primary_key=True, comment="its thumbprint (RFC 7638)"),
    Column("slot", String(8), unique=True, comment="current or next; null: a former key, until it expires"),
    Column("public_key", JSON, nullable=False),
    Column("private_key", Text, nullable=False, comment="encrypted"),
    time_column("created_at"),
    time_column("expires_at", nullable=True),
)
