"""Add the running processes, each with its settings."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "processes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False, comment="serve or worker"),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="the process id at its host"),
        sa.Column(
            "shown", sa.JSON(), nullable=False, comment="each setting's value; of a secret only whether it is set"
        ),
        sa.Column("marks", sa.JSON(), nullable=False, comment="keyed digests of the exact values, to be compared"),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processes")),
    )
    op.create_index(op.f("ix_processes_seen_at"), "processes", ["seen_at"], unique=False)


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index(op.f("ix_processes_seen_at"), table_name="processes")
    op.drop_table("processes")
