"""Begin an index of events with the run: PostgreSQL chose one of the provider's others until it had statistics."""

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Go to this version."""
    op.drop_index("ix_events_provider_id_run_id", table_name="events")
    op.create_index("ix_events_run_id_provider_id", "events", ["run_id", "provider_id"])


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index("ix_events_run_id_provider_id", table_name="events")
    op.create_index("ix_events_provider_id_run_id", "events", ["provider_id", "run_id"])
