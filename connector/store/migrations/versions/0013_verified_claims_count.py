"""Add the index of claims that are verified, by provider and kind."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Go to this version."""
    op.create_index(
        "ix_claims_verified",
        "claims",
        ["provider_id", "uri"],
        unique=False,
        sqlite_where=sa.text("is_verified"),
        postgresql_where=sa.text("is_verified"),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index(
        "ix_claims_verified",
        table_name="claims",
        sqlite_where=sa.text("is_verified"),
        postgresql_where=sa.text("is_verified"),
    )
