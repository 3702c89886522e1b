"""Keep what checks found in a form that can be translated."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Go to this version."""
    op.add_column(
        "provider_health",
        sa.Column(
            "details",
            sa.JSON(),
            nullable=True,
            comment="the sentences by the checks' names, as they are translated; null: not recorded",
        ),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_column("provider_health", "details")
