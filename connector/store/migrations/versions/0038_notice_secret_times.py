"""Record when a provider's secret for notices was set, so that no form overwrites another person's unseen."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Go to this version."""
    op.add_column(
        "providers",
        sa.Column("notice_secret_set_at", sa.DateTime(timezone=True), nullable=True, comment="null: not recorded"),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_column("providers", "notice_secret_set_at")
