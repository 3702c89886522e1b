"""The tables of signals.

signal_streams ──┬─< signal_events     events that were not delivered yet, or whose receipt was not confirmed
                 └─< signal_subjects   users whom a receiver has added to its stream, or removed from it
signal_levels                          one row per user who is at the verified level, as last sent to streams
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from connector.store.models.columns import id_column, metadata, partial_index, time_column

signal_streams = Table(
    "signal_streams",
    metadata,
    id_column(primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("token_issuer", Text, nullable=False, comment="the issuer of its receiver's tokens"),
    Column("client_id", String(255), nullable=False, comment="its receiver, and the audience of its events"),
    Column("issuer", Text, nullable=False, comment="the issuer of its events"),
    Column("method", String(32), nullable=False, comment="push or poll, by the URN of their RFC"),
    Column("endpoint_url", Text, comment="the URL to which events are pushed"),
    Column("authorization_header", Text, comment="encrypted: sent with each push"),
    Column("events_requested", JSON, nullable=False),
    Column("description", String(255)),
    Column("status", String(16), nullable=False, comment="enabled, paused or disabled"),
    Column("reason", String(255), comment="the reason of the status"),
    Column("default_subjects", String(8), nullable=False, comment="ALL or NONE"),
    Column("turn", Integer, nullable=False, comment="number of the delivery that pushes its events"),
    Column("waiting", Integer, nullable=False, comment="number of its waiting events"),
    Column("is_seeded", Boolean, nullable=False, comment="whether signal_levels has all users of its tenant"),
    time_column("verification_at", nullable=True),
    time_column("delivered_at", nullable=True),
    time_column("created_at"),
    time_column("updated_at"),
)
Index(None, signal_streams.c.tenant, signal_streams.c.client_id)

signal_events = Table(
    "signal_events",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    id_column("event_id", nullable=False, comment="the event's `jti`"),
    Column("stream_id", ForeignKey("signal_streams.id", ondelete="CASCADE"), nullable=False),
    Column("tenant", String(255), nullable=False),
    Column("user_id", String(255), comment="the event's subject; null: the stream itself"),
    Column("kind", String(128), nullable=False, comment="the event's URI"),
    id_column("transaction_id", nullable=False, comment="`txn`, the same in all streams"),
    Column("payload", JSON, nullable=False, comment="no personal value"),
    time_column("created_at"),
    UniqueConstraint("event_id"),
)
Index(None, signal_events.c.stream_id, signal_events.c.number)
Index(None, signal_events.c.created_at)
partial_index("ix_signal_events_user", "user_id IS NOT NULL", signal_events.c.tenant, signal_events.c.user_id)

signal_subjects = Table(
    "signal_subjects",
    metadata,
    Column("stream_id", ForeignKey("signal_streams.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", String(255), primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("is_included", Boolean, nullable=False, comment="whether the receiver added the user; false: removed"),
)
Index(None, signal_subjects.c.tenant, signal_subjects.c.user_id)

signal_levels = Table(
    "signal_levels",
    metadata,
    Column("tenant", String(255), primary_key=True),
    Column("user_id", String(255), primary_key=True),
)
