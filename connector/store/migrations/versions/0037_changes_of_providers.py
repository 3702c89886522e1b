"""Find what was done to a provider among the many entries of its users."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"

IS_AUDITED = sa.text("cause = 'administrator' OR cause = 'decided' OR cause = 'application' OR cause = 'refused'")


def upgrade() -> None:
    """Go to this version."""
    op.create_index(
        "ix_history_audit_provider_id_subject",
        "history",
        ["tenant", "provider_id", "subject", "at"],
        unique=False,
        sqlite_where=IS_AUDITED,
        postgresql_where=IS_AUDITED,
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index(
        "ix_history_audit_provider_id_subject",
        table_name="history",
        sqlite_where=IS_AUDITED,
        postgresql_where=IS_AUDITED,
    )
