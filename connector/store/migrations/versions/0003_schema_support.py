"""Add the oldest version whose processes can use the schema."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "schema_support",
        sa.Column(
            "oldest",
            sa.String(length=32),
            nullable=False,
            comment="the oldest version whose processes can use the schema",
        ),
        sa.PrimaryKeyConstraint("oldest", name=op.f("pk_schema_support")),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_table("schema_support")
