"""Keep the accent colour of each provider's pages."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Go to this version."""
    op.add_column(
        "providers",
        sa.Column("accent_color", sa.String(length=7), nullable=True, comment="of the user's page, such as #2450c8"),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_column("providers", "accent_color")
