"""Keeps a form that was sent after its session had ended, for the next session."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Go to this version."""
    op.add_column(
        "console_sessions",
        sa.Column(
            "draft",
            sa.Text(),
            nullable=True,
            comment="encrypted: a form that its person sent after it had ended, for the next session",
        ),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_column("console_sessions", "draft")
