"""Find the deliveries of a tenant that became dead since a time."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"

IS_DEAD = sa.text("state = 'dead'")


def upgrade() -> None:
    """Go to this version."""
    op.create_index(
        "ix_outbox_became_dead",
        "outbox",
        ["tenant", "settled_at", "id"],
        unique=False,
        sqlite_where=IS_DEAD,
        postgresql_where=IS_DEAD,
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index("ix_outbox_became_dead", table_name="outbox", sqlite_where=IS_DEAD, postgresql_where=IS_DEAD)
