"""Add to verifications their application, workflow version and capture, and the indexes of further filters."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Go to this version."""
    op.add_column(
        "verification_claims",
        sa.Column(
            "provider_id",
            sa.String(length=36),
            nullable=True,
            comment="the verification's, as its time: lists follow an index; with a result",
        ),
    )
    op.add_column("verification_claims", sa.Column("created_at", sa.DateTime(timezone=True), nullable=True))

    op.execute(
        "UPDATE verification_claims SET "
        "provider_id = (SELECT provider_id FROM verifications WHERE id = verification_claims.verification_id), "
        "created_at = (SELECT created_at FROM verifications WHERE id = verification_claims.verification_id) "
        "WHERE result IS NOT NULL"
    )
    op.create_index(
        "ix_verification_claims_result",
        "verification_claims",
        ["provider_id", "uri", "result", "created_at", "verification_id"],
        unique=False,
        sqlite_where=sa.text("result IS NOT NULL"),
        postgresql_where=sa.text("result IS NOT NULL"),
    )

    op.add_column(
        "verifications",
        sa.Column(
            "client_id",
            sa.String(length=255),
            nullable=True,
            comment="the application that started it, by its token; null: not known",
        ),
    )
    op.add_column(
        "verifications",
        sa.Column(
            "workflow_version_id",
            sa.BigInteger(),
            nullable=True,
            comment="the version of the workflow, as Onfido says; null: not known",
        ),
    )
    op.add_column("verifications", sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        op.f("ix_verifications_provider_id_environment_created_at"),
        "verifications",
        ["provider_id", "environment", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_verifications_to_review",
        "verifications",
        ["provider_id", "created_at"],
        unique=False,
        sqlite_where=sa.text("status = 'review' AND decision IS NULL"),
        postgresql_where=sa.text("status = 'review' AND decision IS NULL"),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index("ix_verifications_to_review", table_name="verifications")
    op.drop_index(op.f("ix_verifications_provider_id_environment_created_at"), table_name="verifications")
    op.drop_column("verifications", "captured_at")
    op.drop_column("verifications", "workflow_version_id")
    op.drop_column("verifications", "client_id")

    op.drop_index("ix_verification_claims_result", table_name="verification_claims")
    op.drop_column("verification_claims", "created_at")
    op.drop_column("verification_claims", "provider_id")
