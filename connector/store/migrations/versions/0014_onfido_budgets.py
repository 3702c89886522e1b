"""Add the calls that each account at Onfido may still send, for all processes together."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "onfido_budgets",
        sa.Column(
            "account", sa.String(length=64), nullable=False, comment="a keyed digest of its host and its credentials"
        ),
        sa.Column(
            "full_at",
            sa.Double(),
            nullable=False,
            comment="when its bucket is full again, in seconds of the database's clock",
        ),
        sa.Column(
            "held_until",
            sa.Double(),
            nullable=False,
            comment="until when Onfido has asked for a pause, by the same clock",
        ),
        sa.Column("wait", sa.Double(), nullable=False, comment="of the call that asked last: seconds until its turn"),
        sa.Column("is_booked", sa.Boolean(), nullable=False, comment="of the same call: whether that turn is its own"),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_onfido_budgets")),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_table("onfido_budgets")
