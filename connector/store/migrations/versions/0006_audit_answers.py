"""Add channel, address, trace id and differences to each entry of the history, and the audit trail's indexes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

AUDITED = sa.text("cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'")


def upgrade() -> None:
    """Go to this version."""
    op.add_column(
        "history",
        sa.Column(
            "changes",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="properties, before and after; never a secret or a value",
        ),
    )
    op.add_column(
        "history",
        sa.Column(
            "channel",
            sa.String(length=16),
            nullable=True,
            comment="through what: api, console, cli, onfido or worker",
        ),
    )
    op.add_column(
        "history",
        sa.Column(
            "address",
            sa.String(length=128),
            nullable=True,
            comment="where the request came from; only with the causes that an auditor looks for",
        ),
    )
    op.add_column(
        "history",
        sa.Column(
            "trace_id",
            sa.String(length=64),
            nullable=True,
            comment="the request's, as its answer and its log lines have it",
        ),
    )
    op.create_index(
        "ix_history_audit_actor_name_current",
        "history",
        ["tenant", "actor_name", "current", "at"],
        unique=False,
        sqlite_where=AUDITED,
        postgresql_where=AUDITED,
    )
    op.create_index(
        "ix_history_audit_actor_name_subject",
        "history",
        ["tenant", "actor_name", "subject", "at"],
        unique=False,
        sqlite_where=AUDITED,
        postgresql_where=AUDITED,
    )
    op.create_index(
        "ix_history_audit_refused",
        "history",
        ["tenant", "at"],
        unique=False,
        sqlite_where=sa.text("cause = 'refused'"),
        postgresql_where=sa.text("cause = 'refused'"),
    )
    op.create_index(
        "ix_history_audit_channel",
        "history",
        ["tenant", "channel", "at"],
        unique=False,
        sqlite_where=AUDITED,
        postgresql_where=AUDITED,
    )
    op.create_index(
        "ix_history_audit_current",
        "history",
        ["tenant", "current", "at"],
        unique=False,
        sqlite_where=AUDITED,
        postgresql_where=AUDITED,
    )
    op.create_index(
        "ix_history_audit_subject_current",
        "history",
        ["tenant", "subject", "current", "at"],
        unique=False,
        sqlite_where=AUDITED,
        postgresql_where=AUDITED,
    )


def downgrade() -> None:
    """Go back to the version before."""
    for names in ("subject_current", "current", "channel", "refused", "actor_name_subject", "actor_name_current"):
        op.drop_index(f"ix_history_audit_{names}", table_name="history")
    for column in ("trace_id", "address", "channel", "changes"):
        op.drop_column("history", column)
