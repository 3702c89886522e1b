"""Mark the reviews that can no longer be decided, because the user's next verification has a run."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"

NEEDS_REVIEW = sa.text("status = 'review' AND decision IS NULL AND replaced_at IS NULL")
# A process of the former version may record a run after this: then the review is marked with the user's next run.
MARK = """
UPDATE verifications SET replaced_at = (
    SELECT min(later.created_at) FROM verifications AS later
    WHERE later.tenant = verifications.tenant AND later.user_id = verifications.user_id
    AND later.provider_id = verifications.provider_id
    AND later.created_at > verifications.created_at AND later.run_id IS NOT NULL
)
WHERE status = 'review' AND decision IS NULL
"""


def upgrade() -> None:
    """Go to this version."""
    op.add_column(
        "verifications",
        sa.Column(
            "replaced_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when a later verification got a run: no decision from then on",
        ),
    )
    op.execute(MARK)
    op.create_index(
        "ix_verifications_needing_review",
        "verifications",
        ["provider_id", "created_at"],
        unique=False,
        sqlite_where=NEEDS_REVIEW,
        postgresql_where=NEEDS_REVIEW,
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index(
        "ix_verifications_needing_review",
        table_name="verifications",
        sqlite_where=NEEDS_REVIEW,
        postgresql_where=NEEDS_REVIEW,
    )
    op.drop_column("verifications", "replaced_at")
