"""Alembic's environment: runs on the connection that `Database.migrate` hands over."""

from typing import Any, Literal

from alembic import context

from connector.store import models  # noqa: F401  all tables
from connector.store.models.columns import whole_schema
from connector.store.times import UtcDateTime


def _render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our time type as the database's own, so that a migration imports nothing that may change."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=whole_schema(),
    render_item=_render_item,
)
with context.begin_transaction():
    context.run_migrations()
