"""Add to verifications their application, workflow version and capture, and the indexes of further filters."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Go to this version."""
    with op.batch_alter_table("verification_claims", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "provider_id",
                sa.String(length=36),
                nullable=True,
                comment="the verification's, as its time: lists follow an index; with a result",
            )
        )
        batch_op.add_column(sa.Column("created_at", sa.DateTime(timezone=True), nullable=True))

    op.execute(
        "UPDATE verification_claims SET "
        "provider_id = (SELECT provider_id FROM verifications WHERE id = verification_claims.verification_id), "
        "created_at = (SELECT created_at FROM verifications WHERE id = verification_claims.verification_id) "
        "WHERE result IS NOT NULL"
    )
    with op.batch_alter_table("verification_claims", schema=None) as batch_op:
        batch_op.create_index(
            "ix_verification_claims_result",
            ["provider_id", "uri", "result", "created_at", "verification_id"],
            unique=False,
            sqlite_where=sa.text("result IS NOT NULL"),
            postgresql_where=sa.text("result IS NOT NULL"),
        )

    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "client_id",
                sa.String(length=255),
                nullable=True,
                comment="the application that started it, by its token; null: not known",
            )
        )
        batch_op.add_column(
            sa.Column(
                "workflow_version_id",
                sa.BigInteger(),
                nullable=True,
                comment="the version of the workflow, as Onfido says; null: not known",
            )
        )
        batch_op.add_column(sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_verifications_provider_id_environment_created_at"),
            ["provider_id", "environment", "created_at"],
            unique=False,
        )
        batch_op.create_index(
            "ix_verifications_to_review",
            ["provider_id", "created_at"],
            unique=False,
            sqlite_where=sa.text("status = 'review' AND decision IS NULL"),
            postgresql_where=sa.text("status = 'review' AND decision IS NULL"),
        )


def downgrade() -> None:
    """Go back to the version before."""
    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.drop_index("ix_verifications_to_review")
        batch_op.drop_index(batch_op.f("ix_verifications_provider_id_environment_created_at"))
        batch_op.drop_column("captured_at")
        batch_op.drop_column("workflow_version_id")
        batch_op.drop_column("client_id")

    with op.batch_alter_table("verification_claims", schema=None) as batch_op:
        batch_op.drop_index("ix_verification_claims_result")
        batch_op.drop_column("created_at")
        batch_op.drop_column("provider_id")
