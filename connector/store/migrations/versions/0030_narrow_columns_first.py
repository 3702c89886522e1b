"""Begin two indexes with a column of many values: PostgreSQL chose other indexes until it had statistics."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Go to this version."""
    op.drop_index("ix_events_provider_id_run_id", table_name="events")
    op.create_index("ix_events_run_id_provider_id", "events", ["run_id", "provider_id"])
    _replace_open(["user_id", "provider_id"])


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index("ix_events_run_id_provider_id", table_name="events")
    op.create_index("ix_events_provider_id_run_id", "events", ["provider_id", "run_id"])
    _replace_open(["provider_id", "user_id"])


def _replace_open(columns: list[str]) -> None:
    is_open = sa.text("closed_at IS NULL")
    op.drop_index("uq_verifications_open", table_name="verifications")
    op.create_index(
        "uq_verifications_open",
        "verifications",
        columns,
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
