"""Add the access tokens that sessions keep for directories that are read with them."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Go to this version."""
    op.add_column(
        "console_sessions",
        sa.Column(
            "access_token",
            sa.Text(),
            nullable=True,
            comment="encrypted: the person's own; some directories are read with it alone",
        ),
    )
    op.add_column("console_sessions", sa.Column("token_expires_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_console_sessions_idle_tokens",
        "console_sessions",
        ["seen_at"],
        unique=False,
        sqlite_where=sa.text("access_token IS NOT NULL"),
        postgresql_where=sa.text("access_token IS NOT NULL"),
    )
    op.create_index(
        "ix_console_sessions_tokens",
        "console_sessions",
        ["token_expires_at"],
        unique=False,
        sqlite_where=sa.text("access_token IS NOT NULL"),
        postgresql_where=sa.text("access_token IS NOT NULL"),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index(
        "ix_console_sessions_tokens",
        table_name="console_sessions",
        sqlite_where=sa.text("access_token IS NOT NULL"),
        postgresql_where=sa.text("access_token IS NOT NULL"),
    )
    op.drop_index(
        "ix_console_sessions_idle_tokens",
        table_name="console_sessions",
        sqlite_where=sa.text("access_token IS NOT NULL"),
        postgresql_where=sa.text("access_token IS NOT NULL"),
    )
    op.drop_column("console_sessions", "token_expires_at")
    op.drop_column("console_sessions", "access_token")
