"""Add the watchlist monitors that the connector created."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "watchlist_monitors",
        sa.Column("provider_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("applicant_id", sa.String(length=64), nullable=True, comment="whom a monitor watches, or may watch"),
        sa.Column("report_name", sa.String(length=32), nullable=True, comment="of that monitor"),
        sa.Column("monitor_id", sa.String(length=64), nullable=True, comment="null: not known, or not created yet"),
        sa.Column("owner", sa.String(length=36), nullable=True, comment="the delivery that creates or ends it"),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("provider_id", "user_id", name=op.f("pk_watchlist_monitors")),
    )
    op.create_index(
        op.f("ix_watchlist_monitors_tenant_user_id"), "watchlist_monitors", ["tenant", "user_id"], unique=False
    )


def downgrade() -> None:
    """Go back to the version before: which monitors stand at Onfido is forgotten."""
    op.drop_table("watchlist_monitors")
