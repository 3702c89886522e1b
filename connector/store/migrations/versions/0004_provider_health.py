"""Add the last check of each provider, the posts that its webhook refused, and when its events happened at Onfido."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "provider_health",
        sa.Column("provider_id", sa.String(length=36), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "owner",
            sa.String(length=36),
            nullable=True,
            comment="whose check is under way; repeated as a fence when it is recorded",
        ),
        sa.Column(
            "lease_until", sa.DateTime(timezone=True), nullable=True, comment="from then on another check may begin"
        ),
        sa.Column(
            "tried_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when Onfido was asked last, whether it answered or not",
        ),
        sa.Column("is_answered", sa.Boolean(), nullable=True, comment="whether it answered then"),
        sa.Column(
            "checked_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it last answered: `checks` and `is_good` are of then",
        ),
        sa.Column("is_good", sa.Boolean(), nullable=True, comment="whether nothing failed then"),
        sa.Column(
            "good_at", sa.DateTime(timezone=True), nullable=True, comment="when a check last found nothing that failed"
        ),
        sa.Column("checks", sa.JSON(), nullable=True, comment="names, results and sentences; never a secret"),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_provider_health_provider_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("provider_id", name=op.f("pk_provider_health")),
    )
    op.create_index(op.f("ix_provider_health_due_at"), "provider_health", ["due_at"], unique=False)

    op.create_table(
        "refused_posts",
        sa.Column("provider_id", sa.String(length=36), nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_refused_posts_provider_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("provider_id", "cause", name=op.f("pk_refused_posts")),
    )
    op.add_column(
        "events",
        sa.Column(
            "happened_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="at Onfido, as the event says; null: it does not",
        ),
    )
    op.create_index(
        op.f("ix_events_provider_id_state_kind_received_at"),
        "events",
        ["provider_id", "state", "kind", "received_at"],
        unique=False,
    )

    op.add_column(
        "providers",
        sa.Column("workflow_set_at", sa.DateTime(timezone=True), nullable=True, comment="null: not recorded"),
    )
    op.add_column(
        "providers",
        sa.Column(
            "webhook_set_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the webhook or its token changed last; null: not recorded",
        ),
    )
    # Providers that are there already are checked by the next sweeps.
    op.execute("INSERT INTO provider_health (provider_id, due_at) SELECT id, updated_at FROM providers")


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_column("providers", "webhook_set_at")
    op.drop_column("providers", "workflow_set_at")
    op.drop_index("ix_events_provider_id_state_kind_received_at", table_name="events")
    op.drop_column("events", "happened_at")
    op.drop_table("refused_posts")
    op.drop_index("ix_provider_health_due_at", table_name="provider_health")
    op.drop_table("provider_health")
