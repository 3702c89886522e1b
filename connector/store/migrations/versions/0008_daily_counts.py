"""Add the numbers of each day, when each day was counted, and an index of watchlist matches."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


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
    op.create_index(
        "ix_history_matches",
        "history",
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
    op.create_index(op.f("ix_daily_counts_day_provider_id"), "daily_counts", ["day", "provider_id"], unique=False)
    op.create_index(
        "ix_verifications_closed",
        "verifications",
        ["provider_id", "closed_at"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NOT NULL"),
        postgresql_where=sa.text("closed_at IS NOT NULL"),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index("ix_history_matches", table_name="history")

    op.drop_index("ix_verifications_closed", table_name="verifications")

    op.drop_index(op.f("ix_daily_counts_day_provider_id"), table_name="daily_counts")

    op.drop_table("daily_counts")
    op.drop_table("counted_days")
