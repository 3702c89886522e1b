"""Add an index of the refusals of one actor."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Go to this version."""
    op.create_index(
        "ix_history_refused_by",
        "history",
        ["tenant", "actor_name"],
        unique=False,
        sqlite_where=sa.text("cause = 'refused'"),
        postgresql_where=sa.text("cause = 'refused'"),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index(
        "ix_history_refused_by",
        table_name="history",
        sqlite_where=sa.text("cause = 'refused'"),
        postgresql_where=sa.text("cause = 'refused'"),
    )
