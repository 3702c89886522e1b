"""Record the browser and the address of each session of the console."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    """Go to this version."""
    op.add_column(
        "console_sessions",
        sa.Column("browser", sa.String(64), nullable=True, comment="its family and system in words, at the sign-in"),
    )
    op.add_column(
        "console_sessions", sa.Column("address", sa.String(64), nullable=True, comment="the browser's, at the sign-in")
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_column("console_sessions", "address")
    op.drop_column("console_sessions", "browser")
