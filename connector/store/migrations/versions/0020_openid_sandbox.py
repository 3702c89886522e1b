"""Add which clients of the OpenID provider are answered with results of the sandbox."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Go to this version."""
    op.add_column(
        "openid_clients",
        sa.Column(
            "allows_sandbox",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="if the sandbox counts for it",
        ),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_column("openid_clients", "allows_sandbox")
