"""Index the verifications of guests of the OpenID provider, whose retention ends."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Go to this version."""
    op.create_index(
        "ix_verifications_guests",
        "verifications",
        ["created_at"],
        unique=False,
        sqlite_where=sa.text("length(user_id) = 80 AND substr(user_id, 1, 7) = 'openid:'"),
        postgresql_where=sa.text("length(user_id) = 80 AND substr(user_id, 1, 7) = 'openid:'"),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index(
        "ix_verifications_guests",
        table_name="verifications",
        sqlite_where=sa.text("length(user_id) = 80 AND substr(user_id, 1, 7) = 'openid:'"),
        postgresql_where=sa.text("length(user_id) = 80 AND substr(user_id, 1, 7) = 'openid:'"),
    )
