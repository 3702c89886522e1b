"""Record since when an endpoint fails, and its last answer."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Go to this version."""
    op.add_column("notice_endpoints", sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "notice_endpoints",
        sa.Column(
            "last_status", sa.Integer(), nullable=True, comment="HTTP status of the last that failed; null: no answer"
        ),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_column("notice_endpoints", "last_status")
    op.drop_column("notice_endpoints", "failing_since")
