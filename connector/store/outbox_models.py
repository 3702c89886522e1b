"""The tables of what goes out.

outbox         queued deliveries, with their attempts
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text

from connector.store.columns import METADATA, id_column, partial_index, time_column

outbox = Table(
    "outbox",
    METADATA,
    id_column(primary_key=True),
    Column("tenant", String(255), comment="whose it is; null: the connector's own"),
    Column("provider_id", String(36), comment="no foreign key: what was delivered outlives it"),
    Column("verification_id", String(36)),
    Column("endpoint_id", String(36), comment="of a notice: where it goes"),
    Column("kind", String(64), nullable=False),
    Column("payload", JSON, nullable=False, comment="ids only"),
    Column("dedupe_key", String(255), unique=True, comment="of two rows with one key, the first stands"),
    Column("state", String(16), nullable=False, comment="ready, done or dead"),
    Column("attempts", Integer, nullable=False),
    Column("history", JSON, nullable=False, comment="the attempts that failed or were answered"),
    Column("answer", Text, comment="encrypted: the start of the receiver's latest answer"),
    time_column("due_at"),
    Column("owner", String(36), comment="the worker that delivers it; repeated as a fence when it is settled"),
    time_column("lease_until", nullable=True),
    time_column("created_at"),
    time_column("settled_at", nullable=True),
)
Index(None, outbox.c.tenant, outbox.c.state, outbox.c.created_at, outbox.c.id)
partial_index("ix_outbox_verification", "verification_id IS NOT NULL", outbox.c.verification_id)
partial_index(
    "ix_outbox_endpoint", "endpoint_id IS NOT NULL", outbox.c.endpoint_id, outbox.c.state, outbox.c.created_at
)
partial_index("ix_outbox_due", "state = 'ready' AND endpoint_id IS NULL", outbox.c.due_at)
partial_index("ix_outbox_due_notices", "state = 'ready' AND endpoint_id IS NOT NULL", outbox.c.due_at)
partial_index("ix_outbox_settled", "state = 'done'", outbox.c.settled_at)
partial_index("ix_outbox_dead", "state = 'dead'", outbox.c.due_at)
