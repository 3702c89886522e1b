"""Add an index of the queued jobs that SQLite prefers to that of all jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Go to this version."""
    op.drop_index("ix_jobs_queued", "jobs")
    op.create_index(
        "ix_jobs_waiting",
        "jobs",
        ["state", "tenant", "created_at"],
        unique=False,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )


def downgrade() -> None:
    """Go back to the former index."""
    op.drop_index("ix_jobs_waiting", "jobs")
    op.create_index(
        "ix_jobs_queued",
        "jobs",
        ["tenant", "created_at"],
        unique=False,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
