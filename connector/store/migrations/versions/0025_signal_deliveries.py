"""Add when the receiver of a stream of signals last took an event."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Go to this version."""
    op.add_column("signal_streams", sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_column("signal_streams", "delivered_at")
