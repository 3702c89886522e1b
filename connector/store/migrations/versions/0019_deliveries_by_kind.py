"""Index deliveries by kind, and by provider, so that either can be listed and counted."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Go to this version."""
    op.create_index("ix_outbox_kind", "outbox", ["tenant", "kind", "state", "created_at", "id"], unique=False)
    op.create_index(
        "ix_outbox_provider",
        "outbox",
        ["provider_id", "kind", "state", "created_at", "id"],
        unique=False,
        sqlite_where=sa.text("provider_id IS NOT NULL"),
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index(
        "ix_outbox_provider",
        table_name="outbox",
        sqlite_where=sa.text("provider_id IS NOT NULL"),
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.drop_index("ix_outbox_kind", table_name="outbox")
