"""Record since when a manual decision is awaited in Onfido's dashboard."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"

IS_AWAITED = sa.text("decision_awaited_at IS NOT NULL AND closed_at IS NULL")


def upgrade() -> None:
    """Go to this version."""
    op.add_column("verifications", sa.Column("decision_awaited_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_verifications_decision_awaited",
        "verifications",
        ["provider_id", "created_at"],
        unique=False,
        sqlite_where=IS_AWAITED,
        postgresql_where=IS_AWAITED,
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index(
        "ix_verifications_decision_awaited",
        table_name="verifications",
        sqlite_where=IS_AWAITED,
        postgresql_where=IS_AWAITED,
    )
    op.drop_column("verifications", "decision_awaited_at")
