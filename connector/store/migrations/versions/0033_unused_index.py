"""Drop the index of the sandbox's verifications, which are counted in the order of another index."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Go to this version."""
    op.drop_index(
        "ix_verifications_sandbox",
        table_name="verifications",
        sqlite_where=sa.text("environment = 'sandbox'"),
        postgresql_where=sa.text("environment = 'sandbox'"),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.create_index(
        "ix_verifications_sandbox",
        "verifications",
        ["provider_id"],
        unique=False,
        sqlite_where=sa.text("environment = 'sandbox'"),
        postgresql_where=sa.text("environment = 'sandbox'"),
    )
