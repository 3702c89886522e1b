"""Keep the numbers of recent days by hour, so that those of the last 24 hours are read from a few rows."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "hourly_counts",
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("provider_id", sa.String(length=36), nullable=False, comment="empty: of no provider that exists"),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC"),
        sa.Column("environment", sa.String(length=8), nullable=False, comment="empty: not known"),
        sa.Column(
            "is_of_verifications",
            sa.Boolean(),
            nullable=False,
            comment="else of refused starts and deliveries given up",
        ),
        sa.Column("hours", sa.JSON(), nullable=False, comment="a list with 24 numbers for each measure and bucket"),
        sa.PrimaryKeyConstraint(
            "tenant", "provider_id", "day", "environment", "is_of_verifications", name=op.f("pk_hourly_counts")
        ),
    )
    op.create_index(
        op.f("ix_hourly_counts_day_is_of_verifications_provider_id"),
        "hourly_counts",
        ["day", "is_of_verifications", "provider_id"],
        unique=False,
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index(op.f("ix_hourly_counts_day_is_of_verifications_provider_id"), table_name="hourly_counts")
    op.drop_table("hourly_counts")
