"""What Onfido Studio offers beyond an applicant and a run."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Go to this version."""
    op.add_column("providers", sa.Column("notice_secret", sa.Text(), nullable=True, comment="encrypted"))
    op.add_column(
        "providers",
        sa.Column("studio", sa.JSON(), nullable=True, comment="what it uses of Studio's features; null: nothing"),
    )
    _add_to_verifications()
    _add_to_verification_claims()
    if op.get_context().dialect.name != "sqlite":  # which keeps no comments
        op.alter_column(
            "history",
            "subject",
            existing_type=sa.String(length=16),
            existing_nullable=False,
            comment="run, claim, provider, user, applicant or outbox",
        )
    op.create_table(
        "verification_tags",
        sa.Column("verification_id", sa.String(length=36), nullable=False),
        sa.Column("tag", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(
            ["verification_id"],
            ["verifications.id"],
            name=op.f("fk_verification_tags_verification_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("verification_id", "tag", name=op.f("pk_verification_tags")),
    )
    op.create_index(
        op.f("ix_verification_tags_tag_verification_id"), "verification_tags", ["tag", "verification_id"], unique=False
    )


def _add_to_verifications() -> None:
    for column in (
        sa.Column(
            "capture",
            sa.String(length=8),
            nullable=False,
            server_default="sdk",
            comment="sdk or link: the way that the user takes",
        ),
        sa.Column("dashboard_url", sa.Text(), nullable=True, comment="where Onfido's dashboard shows the run"),
        sa.Column(
            "result",
            sa.Text(),
            nullable=True,
            comment="encrypted: the finished run's output and reasons; null once its time is over",
        ),
        sa.Column(
            "wants_document",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="whether what is read from the document is kept",
        ),
        sa.Column("document", sa.Text(), nullable=True, comment="encrypted: that; null once its time is over"),
        sa.Column(
            "decision",
            sa.String(length=16),
            nullable=True,
            comment="what an administrator decided on a run in review",
        ),
    ):
        op.add_column("verifications", column)
    for columns in (["provider_id", "created_at"], ["provider_id", "applicant_id"]):
        op.create_index(op.f(f"ix_verifications_{'_'.join(columns)}"), "verifications", columns, unique=False)
    has_result = sa.text("result IS NOT NULL OR document IS NOT NULL")
    op.create_index(
        "ix_verifications_with_result",
        "verifications",
        ["closed_at"],
        unique=False,
        sqlite_where=has_result,
        postgresql_where=has_result,
    )


def _add_to_verification_claims() -> None:
    with op.batch_alter_table("verification_claims") as table:
        table.alter_column(
            "applicant_field",
            existing_type=sa.String(length=64),
            nullable=True,
            comment="null: it is not sent, the workflow's output tells of it",
        )
        table.add_column(
            sa.Column(
                "output_pointer",
                sa.String(length=512),
                nullable=True,
                comment="where the workflow's output tells of it",
            )
        )
        table.add_column(
            sa.Column(
                "folded_fingerprint",
                sa.String(length=64),
                nullable=True,
                comment="of the value without regard to case and spaces",
            )
        )
        table.add_column(
            sa.Column("output_role", sa.String(length=8), nullable=True, comment="value or result: what stands there")
        )
        table.add_column(
            sa.Column(
                "output_value",
                sa.Text(),
                nullable=True,
                comment="encrypted: the value that was read there; null once its time is over",
            )
        )
