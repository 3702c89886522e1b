"""Keep the names of the reports that were clear with each verification: they are evidence."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Go to this version."""
    op.add_column(
        "verifications",
        sa.Column(
            "reports",
            sa.JSON(),
            nullable=True,
            comment="names of Onfido's reports that were clear; none on watchlists. Null: not known",
        ),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_column("verifications", "reports")
