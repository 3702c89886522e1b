"""Add the clients and the authorization requests of the OpenID provider."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "openid_clients",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("provider_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("profile", sa.String(length=16), nullable=False, comment="okta or ida"),
        sa.Column("redirect_uris", sa.JSON(), nullable=False),
        sa.Column("claims", sa.JSON(), nullable=False, comment="OpenID's names of those it may ask for; none: all"),
        sa.Column("keys", sa.JSON(), nullable=False, comment="its public keys; none: it has a secret"),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("secret_digest", sa.String(length=64), nullable=False, comment="SHA-256"),
        sa.Column("previous_secret_digest", sa.String(length=64), nullable=True, comment="good until it expires"),
        sa.Column("previous_secret_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name=op.f("fk_openid_clients_provider_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_openid_clients")),
    )
    op.create_index(op.f("ix_openid_clients_provider_id"), "openid_clients", ["provider_id"], unique=False)
    op.create_index(
        op.f("ix_openid_clients_tenant_created_at_id"), "openid_clients", ["tenant", "created_at", "id"], unique=False
    )

    op.create_table(
        "openid_assertions",
        sa.Column("client_id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of the assertion's jti"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["openid_clients.id"], name=op.f("fk_openid_assertions_client_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("client_id", "digest", name=op.f("pk_openid_assertions")),
    )
    op.create_index(op.f("ix_openid_assertions_expires_at"), "openid_assertions", ["expires_at"], unique=False)

    op.create_table(
        "openid_flows",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", sa.String(length=255), nullable=False),
        sa.Column("client_id", sa.String(length=36), nullable=False),
        sa.Column("provider_id", sa.String(length=36), nullable=False),
        sa.Column(
            "state",
            sa.String(length=16),
            nullable=False,
            comment="pushed, opened, started, answered, redeemed or refused",
        ),
        sa.Column(
            "user_id", sa.String(length=255), nullable=True, comment="the user who is verified, once that has begun"
        ),
        sa.Column(
            "subject_digest",
            sa.String(length=64),
            nullable=False,
            comment="of whom the client wants verified: limits attempts",
        ),
        sa.Column("request_digest", sa.String(length=64), nullable=False, comment="SHA-256 of the request_uri"),
        sa.Column(
            "browser_digest",
            sa.String(length=64),
            nullable=True,
            comment="SHA-256 of the cookie of the browser that opened it",
        ),
        sa.Column("code_digest", sa.String(length=64), nullable=True, comment="SHA-256 of the code"),
        sa.Column("token_digest", sa.String(length=64), nullable=True, comment="SHA-256 of the access token"),
        sa.Column("uris", sa.JSON(), nullable=False, comment="the claims to be verified"),
        sa.Column("parameters", sa.Text(), nullable=False, comment="encrypted: the request"),
        sa.Column(
            "sent_values",
            sa.Text(),
            nullable=True,
            comment="encrypted: the values that came with it; null once its time is over",
        ),
        sa.Column("result", sa.Text(), nullable=True, comment="encrypted: what its tokens say"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["openid_clients.id"], name=op.f("fk_openid_flows_client_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_openid_flows")),
        sa.UniqueConstraint("code_digest", name=op.f("uq_openid_flows_code_digest")),
        sa.UniqueConstraint("request_digest", name=op.f("uq_openid_flows_request_digest")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_openid_flows_token_digest")),
    )
    op.create_index(op.f("ix_openid_flows_client_id"), "openid_flows", ["client_id"], unique=False)
    op.create_index(op.f("ix_openid_flows_expires_at"), "openid_flows", ["expires_at"], unique=False)
    op.create_index(
        op.f("ix_openid_flows_provider_id_subject_digest_created_at"),
        "openid_flows",
        ["provider_id", "subject_digest", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_openid_flows_sent_values",
        "openid_flows",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("sent_values IS NOT NULL"),
        postgresql_where=sa.text("sent_values IS NOT NULL"),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index(
        "ix_openid_flows_sent_values",
        table_name="openid_flows",
        sqlite_where=sa.text("sent_values IS NOT NULL"),
        postgresql_where=sa.text("sent_values IS NOT NULL"),
    )
    op.drop_index(op.f("ix_openid_flows_provider_id_subject_digest_created_at"), table_name="openid_flows")
    op.drop_index(op.f("ix_openid_flows_expires_at"), table_name="openid_flows")
    op.drop_index(op.f("ix_openid_flows_client_id"), table_name="openid_flows")

    op.drop_table("openid_flows")
    op.drop_index(op.f("ix_openid_assertions_expires_at"), table_name="openid_assertions")

    op.drop_table("openid_assertions")
    op.drop_index(op.f("ix_openid_clients_tenant_created_at_id"), table_name="openid_clients")
    op.drop_index(op.f("ix_openid_clients_provider_id"), table_name="openid_clients")

    op.drop_table("openid_clients")
