"""Add jobs, the parts of their results, and an index for the beginnings of users' ids."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column(
            "state", sa.String(length=16), nullable=False, comment="queued, running, done, failed, expired or cancelled"
        ),
        sa.Column("owner", sa.String(length=1100), nullable=False, comment="the caller who asked for it"),
        sa.Column("parameters", sa.JSON(), nullable=False, comment="ids and filters only"),
        sa.Column(
            "user_id", sa.String(length=255), nullable=True, comment="the user it concerns: removed with the user"
        ),
        sa.Column("provider_id", sa.String(length=36), nullable=True, comment="no foreign key: a job outlives it"),
        sa.Column(
            "request_key",
            sa.String(length=64),
            nullable=True,
            comment="equal for repeated requests; null once another may be made",
        ),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="of what was asked for"),
        sa.Column("slot", sa.Integer(), nullable=True, comment="of a running one: so many run at once for a tenant"),
        sa.Column(
            "step",
            sa.Integer(),
            nullable=False,
            comment="the steps that were done; repeated as a fence by the next one",
        ),
        sa.Column("tries", sa.Integer(), nullable=False, comment="how often the next step was begun"),
        sa.Column("position", sa.JSON(), nullable=True, comment="where the next step begins"),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True, comment="null: not known"),
        sa.Column("summary", sa.JSON(), nullable=False, comment="what was counted"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="characters of the result"),
        sa.Column("failure", sa.Text(), nullable=True, comment="why it failed"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("tenant", "request_key", name=op.f("uq_jobs_tenant_request_key")),
        sa.UniqueConstraint("tenant", "slot", name=op.f("uq_jobs_tenant_slot")),
    )
    op.create_index(
        "ix_jobs_ended",
        "jobs",
        ["ended_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_expiring",
        "jobs",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("state = 'done' AND expires_at IS NOT NULL"),
        postgresql_where=sa.text("state = 'done' AND expires_at IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_open",
        "jobs",
        ["updated_at"],
        unique=False,
        sqlite_where=sa.text("state = 'queued' OR state = 'running'"),
        postgresql_where=sa.text("state = 'queued' OR state = 'running'"),
    )
    op.create_index(
        "ix_jobs_queued",
        "jobs",
        ["tenant", "created_at"],
        unique=False,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(op.f("ix_jobs_tenant_created_at_id"), "jobs", ["tenant", "created_at", "id"], unique=False)
    op.create_index(
        "ix_jobs_user",
        "jobs",
        ["tenant", "user_id"],
        unique=False,
        sqlite_where=sa.text("user_id IS NOT NULL"),
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )

    op.create_table(
        "job_parts",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("format", sa.String(length=8), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False, comment="compressed, then encrypted"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_parts_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "format", "number", name=op.f("pk_job_parts")),
    )
    op.create_index(
        "ix_users_prefix", "users", ["tenant", "user_id"], postgresql_ops={"user_id": "varchar_pattern_ops"}
    )


def downgrade() -> None:
    """Go back: jobs and their results are lost."""
    op.drop_index("ix_users_prefix", "users")
    op.drop_table("job_parts")
    op.drop_table("jobs")
