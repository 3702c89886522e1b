"""Add indexes for the lists of verifications by an administrator's decision and by the way of capture."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Go to this version."""
    op.create_index(
        "ix_verifications_decided",
        "verifications",
        ["provider_id", "decision", "created_at"],
        unique=False,
        sqlite_where=sa.text("decision IS NOT NULL"),
        postgresql_where=sa.text("decision IS NOT NULL"),
    )
    op.create_index(
        "ix_verifications_provider_id_capture_created_at",
        "verifications",
        ["provider_id", "capture", "created_at"],
        unique=False,
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index("ix_verifications_provider_id_capture_created_at", table_name="verifications")
    op.drop_index(
        "ix_verifications_decided",
        table_name="verifications",
        sqlite_where=sa.text("decision IS NOT NULL"),
        postgresql_where=sa.text("decision IS NOT NULL"),
    )
