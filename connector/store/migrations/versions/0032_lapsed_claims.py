"""Add the periods of the sandbox, by which claims that it verified are no longer verified at once."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Go to this version."""
    op.add_column(
        "claims",
        sa.Column(
            "sandbox_period", sa.Integer(), server_default="0", nullable=False, comment="the provider's, at that result"
        ),
    )
    op.drop_index("ix_claims_sandbox", table_name="claims")
    op.create_index(
        "ix_claims_verified_in_sandbox",
        "claims",
        ["provider_id", "sandbox_period"],
        unique=False,
        sqlite_where=sa.text("is_verified AND environment = 'sandbox'"),
        postgresql_where=sa.text("is_verified AND environment = 'sandbox'"),
    )
    op.add_column(
        "providers",
        sa.Column(
            "sandbox_period",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="how often the sandbox was left",
        ),
    )
    op.add_column(
        "providers",
        sa.Column(
            "has_lapsed_claims", sa.Boolean(), server_default=sa.false(), nullable=False, comment="to be withdrawn"
        ),
    )


def downgrade() -> None:
    """Go back to the version before, which withdraws claims in the transaction that changes the credentials."""
    op.execute(
        "UPDATE claims SET is_verified = false, verification_status = 'sandbox' "
        "WHERE is_verified AND environment = 'sandbox' AND sandbox_period < "
        "(SELECT providers.sandbox_period FROM providers WHERE providers.id = claims.provider_id)"
    )
    op.drop_column("providers", "has_lapsed_claims")
    op.drop_column("providers", "sandbox_period")
    op.drop_index(
        "ix_claims_verified_in_sandbox",
        table_name="claims",
        sqlite_where=sa.text("is_verified AND environment = 'sandbox'"),
        postgresql_where=sa.text("is_verified AND environment = 'sandbox'"),
    )
    op.create_index(
        "ix_claims_sandbox",
        "claims",
        ["provider_id"],
        unique=False,
        sqlite_where=sa.text("environment = 'sandbox'"),
        postgresql_where=sa.text("environment = 'sandbox'"),
    )
    op.drop_column("claims", "sandbox_period")
