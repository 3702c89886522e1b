"""Find the requests of OpenID clients by their user, whose removal deletes them."""

from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Go to this version."""
    op.create_index(op.f("ix_openid_flows_user_id"), "openid_flows", ["user_id"], unique=False)


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index(op.f("ix_openid_flows_user_id"), table_name="openid_flows")
