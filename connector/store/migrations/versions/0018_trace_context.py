"""Add the trace context of a delivery's cause, so that its trace continues in the delivery."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Go to this version."""
    op.add_column(
        "outbox",
        sa.Column(
            "traceparent",
            sa.String(length=64),
            nullable=True,
            comment="W3C trace context of what queued it; null: it was not traced",
        ),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_column("outbox", "traceparent")
