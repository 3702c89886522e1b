"""Record when an endpoint last accepted a test notice."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Go to this version."""
    op.add_column("notice_endpoints", sa.Column("test_accepted_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_column("notice_endpoints", "test_accepted_at")
