"""Add the console's sessions and one-time links."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "console_links",
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of what the link holds"),
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_console_links")),
    )
    op.create_index(op.f("ix_console_links_expires_at"), "console_links", ["expires_at"], unique=False)

    op.create_table(
        "console_sessions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of what the browser's cookie holds"),
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False, comment="how the issuer names the person"),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column(
            "subject",
            sa.String(length=255),
            nullable=False,
            comment="`sub` at the issuer, which may not be the user's id",
        ),
        sa.Column(
            "issuer_session", sa.String(length=255), nullable=True, comment="`sid`, by which the issuer signs it out"
        ),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_console_sessions_digest")),
    )
    op.create_index(op.f("ix_console_sessions_expires_at"), "console_sessions", ["expires_at"], unique=False)
    op.create_index(
        "ix_console_sessions_of_issuer",
        "console_sessions",
        ["issuer_session"],
        unique=False,
        sqlite_where=sa.text("issuer_session IS NOT NULL"),
        postgresql_where=sa.text("issuer_session IS NOT NULL"),
    )
    op.create_index(op.f("ix_console_sessions_subject"), "console_sessions", ["subject"], unique=False)
    op.create_index(
        op.f("ix_console_sessions_tenant_created_at_id"),
        "console_sessions",
        ["tenant", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_console_sessions_tenant_user_id_created_at_id"),
        "console_sessions",
        ["tenant", "user_id", "created_at", "id"],
        unique=False,
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_table("console_links")
    op.drop_table("console_sessions")
