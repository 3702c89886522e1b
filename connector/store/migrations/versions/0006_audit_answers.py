"""Add channel, address, trace id and differences to each entry of the history, and the audit trail's indexes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

AUDITED = sa.text("cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'")


def upgrade() -> None:
    """Go to this version."""
    with op.batch_alter_table("history", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "changes",
                sa.JSON(none_as_null=True),
                nullable=True,
                comment="properties, before and after; never a secret or a value",
            )
        )
        batch_op.add_column(
            sa.Column(
                "channel",
                sa.String(length=16),
                nullable=True,
                comment="through what: api, console, cli, onfido or worker",
            )
        )
        batch_op.add_column(
            sa.Column(
                "address",
                sa.String(length=128),
                nullable=True,
                comment="where the request came from; only with the causes that an auditor looks for",
            )
        )
        batch_op.add_column(
            sa.Column(
                "trace_id",
                sa.String(length=64),
                nullable=True,
                comment="the request's, as its answer and its log lines have it",
            )
        )
        batch_op.create_index(
            "ix_history_audit_actor_name_current",
            ["tenant", "actor_name", "current", "at"],
            unique=False,
            sqlite_where=AUDITED,
            postgresql_where=AUDITED,
        )
        batch_op.create_index(
            "ix_history_audit_actor_name_subject",
            ["tenant", "actor_name", "subject", "at"],
            unique=False,
            sqlite_where=AUDITED,
            postgresql_where=AUDITED,
        )
        batch_op.create_index(
            "ix_history_audit_cause",
            ["tenant", "cause", "at"],
            unique=False,
            sqlite_where=AUDITED,
            postgresql_where=AUDITED,
        )
        batch_op.create_index(
            "ix_history_audit_channel",
            ["tenant", "channel", "at"],
            unique=False,
            sqlite_where=AUDITED,
            postgresql_where=AUDITED,
        )
        batch_op.create_index(
            "ix_history_audit_current",
            ["tenant", "current", "at"],
            unique=False,
            sqlite_where=AUDITED,
            postgresql_where=AUDITED,
        )
        batch_op.create_index(
            "ix_history_audit_subject_current",
            ["tenant", "subject", "current", "at"],
            unique=False,
            sqlite_where=AUDITED,
            postgresql_where=AUDITED,
        )


def downgrade() -> None:
    """Go back to the version before."""
    with op.batch_alter_table("history", schema=None) as batch_op:
        for names in ("subject_current", "current", "channel", "cause", "actor_name_subject", "actor_name_current"):
            batch_op.drop_index(f"ix_history_audit_{names}")
        for column in ("trace_id", "address", "channel", "changes"):
            batch_op.drop_column(column)
