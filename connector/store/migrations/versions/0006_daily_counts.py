"""Add the numbers of each day, when each day was counted, and an index of watchlist matches."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "counted_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "owner", sa.String(length=36), nullable=False, comment="the pass that counted it; repeated as a fence"
        ),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_counted_days")),
    )
    with op.batch_alter_table("history", schema=None) as batch_op:
        batch_op.create_index(
            "ix_history_matches",
            ["provider_id", "at"],
            unique=False,
            sqlite_where=sa.text("cause = 'watchlist' AND subject = 'user'"),
            postgresql_where=sa.text("cause = 'watchlist' AND subject = 'user'"),
        )

    op.create_table(
        "daily_counts",
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("provider_id", sa.String(length=36), nullable=False, comment="empty: of no provider that exists"),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC"),
        sa.Column("environment", sa.String(length=8), nullable=False, comment="empty: not known"),
        sa.Column("measure", sa.String(length=32), nullable=False),
        sa.Column("bucket", sa.String(length=330), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant", "provider_id", "day", "environment", "measure", "bucket", name=op.f("pk_daily_counts")
        ),
    )
    with op.batch_alter_table("daily_counts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_daily_counts_day_provider_id"), ["day", "provider_id"], unique=False)
    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_verifications_provider_id_closed_at"), ["provider_id", "closed_at"], unique=False
        )


def downgrade() -> None:
    """Go back to the version before."""
    with op.batch_alter_table("history", schema=None) as batch_op:
        batch_op.drop_index("ix_history_matches")

    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_verifications_provider_id_closed_at"))

    with op.batch_alter_table("daily_counts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_daily_counts_day_provider_id"))

    op.drop_table("daily_counts")
    op.drop_table("counted_days")
