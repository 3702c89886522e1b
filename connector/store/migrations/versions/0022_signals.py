"""Add the streams of signals to other systems, their events, and the levels last notified."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "signal_levels",
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "user_id", name=op.f("pk_signal_levels")),
    )
    op.create_table(
        "signal_streams",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("token_issuer", sa.Text(), nullable=False, comment="the issuer of its receiver's tokens"),
        sa.Column(
            "client_id", sa.String(length=255), nullable=False, comment="its receiver, and the audience of its events"
        ),
        sa.Column("issuer", sa.Text(), nullable=False, comment="the issuer of its events"),
        sa.Column("method", sa.String(length=32), nullable=False, comment="push or poll, by the URN of their RFC"),
        sa.Column("endpoint_url", sa.Text(), nullable=True, comment="where events are pushed to"),
        sa.Column("authorization_header", sa.Text(), nullable=True, comment="encrypted: sent with each push"),
        sa.Column("events_requested", sa.JSON(), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False, comment="enabled, paused or disabled"),
        sa.Column("reason", sa.String(length=255), nullable=True, comment="why it is so"),
        sa.Column("default_subjects", sa.String(length=8), nullable=False, comment="ALL or NONE"),
        sa.Column("turn", sa.Integer(), nullable=False, comment="number of the delivery that pushes its events"),
        sa.Column("waiting", sa.Integer(), nullable=False, comment="how many events it has"),
        sa.Column(
            "is_seeded", sa.Boolean(), nullable=False, comment="whether signal_levels has all users of its tenant"
        ),
        sa.Column("verification_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signal_streams")),
    )
    op.create_index(op.f("ix_signal_streams_tenant_client_id"), "signal_streams", ["tenant", "client_id"], unique=False)
    op.create_table(
        "signal_events",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False, comment="its jti"),
        sa.Column("stream_id", sa.String(length=36), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=True, comment="its subject; null: the stream"),
        sa.Column("kind", sa.String(length=128), nullable=False, comment="the event's URI"),
        sa.Column("transaction_id", sa.String(length=36), nullable=False, comment="its txn: the same for all streams"),
        sa.Column("payload", sa.JSON(), nullable=False, comment="no personal value"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["stream_id"], ["signal_streams.id"], name=op.f("fk_signal_events_stream_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_signal_events")),
        sa.UniqueConstraint("event_id", name=op.f("uq_signal_events_event_id")),
    )
    op.create_index(op.f("ix_signal_events_created_at"), "signal_events", ["created_at"], unique=False)
    op.create_index(op.f("ix_signal_events_stream_id_number"), "signal_events", ["stream_id", "number"], unique=False)
    op.create_index(
        "ix_signal_events_user",
        "signal_events",
        ["tenant", "user_id"],
        unique=False,
        sqlite_where=sa.text("user_id IS NOT NULL"),
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_table(
        "signal_subjects",
        sa.Column("stream_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("is_included", sa.Boolean(), nullable=False, comment="added, or removed"),
        sa.ForeignKeyConstraint(
            ["stream_id"], ["signal_streams.id"], name=op.f("fk_signal_subjects_stream_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stream_id", "user_id", name=op.f("pk_signal_subjects")),
    )
    op.create_index(op.f("ix_signal_subjects_tenant_user_id"), "signal_subjects", ["tenant", "user_id"], unique=False)


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index(op.f("ix_signal_subjects_tenant_user_id"), table_name="signal_subjects")
    op.drop_table("signal_subjects")
    op.drop_index(
        "ix_signal_events_user",
        table_name="signal_events",
        sqlite_where=sa.text("user_id IS NOT NULL"),
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.drop_index(op.f("ix_signal_events_stream_id_number"), table_name="signal_events")
    op.drop_index(op.f("ix_signal_events_created_at"), table_name="signal_events")
    op.drop_table("signal_events")
    op.drop_index(op.f("ix_signal_streams_tenant_client_id"), table_name="signal_streams")
    op.drop_table("signal_streams")
    op.drop_table("signal_levels")
