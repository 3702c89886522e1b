"""The tables of outgoing deliveries.

outbox         queued deliveries, with their attempts
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from connector.store.models.columns import id_column, metadata, partial_index, time_column

outbox = Table(
    "outbox",
    metadata,
    id_column(primary_key=True),
    Column("tenant", String(255), comment="null: the connector's internal work"),
    Column("provider_id", String(36), comment="no foreign key: deliveries outlive the provider"),
    Column("verification_id", String(36)),
    Column("endpoint_id", String(36), comment="of a notice: its endpoint"),
    Column("kind", String(64), nullable=False),
    Column("payload", JSON, nullable=False, comment="ids only"),
    Column("dedupe_key", String(255), unique=True, comment="a second row with an existing key is not added"),
    Column("state", String(16), nullable=False, comment="ready, done or dead"),
    Column("attempts", Integer, nullable=False),
    Column("history", JSON, nullable=False, comment="the attempts that failed or were answered"),
    Column("answer", Text, comment="encrypted: the start of the receiver's latest answer"),
    time_column("due_at"),
    Column("owner", String(36), comment="the worker that delivers it; repeated as a fence when it is settled"),
    time_column("lease_until", nullable=True),
    time_column("created_at"),
    time_column("settled_at", nullable=True),
    Column(
        "traceparent", String(64), comment="W3C trace context of the request that queued it; null: it was not traced"
    ),
)
Index(None, outbox.c.tenant, outbox.c.state, outbox.c.created_at, outbox.c.id)
Index("ix_outbox_kind", outbox.c.tenant, outbox.c.kind, outbox.c.state, outbox.c.created_at, outbox.c.id)
_OF_PROVIDER = (outbox.c.provider_id, outbox.c.kind, outbox.c.state, outbox.c.created_at, outbox.c.id)
partial_index("ix_outbox_provider", "provider_id IS NOT NULL", *_OF_PROVIDER)
partial_index("ix_outbox_verification", "verification_id IS NOT NULL", outbox.c.verification_id)
partial_index("ix_outbox_endpoint", "endpoint_id <> ''", outbox.c.endpoint_id, outbox.c.created_at)
partial_index("ix_outbox_due", "state = 'ready' AND endpoint_id IS NULL", outbox.c.due_at)
partial_index("ix_outbox_due_notices", "state = 'ready' AND endpoint_id IS NOT NULL", outbox.c.due_at)
partial_index("ix_outbox_settled", "state = 'done'", outbox.c.settled_at)
partial_index("ix_outbox_dead", "state = 'dead'", outbox.c.due_at)
partial_index("ix_outbox_given_up", "state = 'dead'", outbox.c.settled_at)
partial_index("ix_outbox_became_dead", "state = 'dead'", outbox.c.tenant, outbox.c.settled_at, outbox.c.id)

notice_endpoints = Table(
    "notice_endpoints",
    metadata,
    id_column(primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column(
        "provider_id", ForeignKey("providers.id", ondelete="CASCADE"), comment="null: of all providers of the tenant"
    ),
    Column("is_of_provider", Boolean, nullable=False, comment="whether it belongs to the provider's configuration"),
    Column("url", Text, nullable=False),
    Column("tasks", JSON, nullable=False, comment="definitions of the tasks whose start it is notified of"),
    Column("secret", Text, nullable=False, comment="encrypted"),
    Column("previous_secret", Text, comment="encrypted; signs as well until it expires"),
    time_column("previous_secret_expires_at", nullable=True),
    Column("disabled_because", String(16), comment="gone or administrator; null: it is enabled"),
    Column("failures", Integer, nullable=False, comment="consecutive attempts that failed"),
    time_column("failing_since", nullable=True),
    Column("last_status", Integer, comment="HTTP status of the last that failed; null: no answer"),
    time_column("test_accepted_at", nullable=True),
    time_column("created_at"),
    time_column("updated_at"),
)
Index(None, notice_endpoints.c.tenant, notice_endpoints.c.created_at)
Index(None, notice_endpoints.c.provider_id)
partial_index("uq_notice_endpoints_own", "is_of_provider", notice_endpoints.c.provider_id, unique=True)

notice_subscriptions = Table(
    "notice_subscriptions",
    metadata,
    Column("endpoint_id", ForeignKey("notice_endpoints.id", ondelete="CASCADE"), primary_key=True),
    Column("event", String(64), primary_key=True),
)
