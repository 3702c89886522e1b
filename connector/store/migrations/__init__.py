"""The migrations. Alembic is imported only here, and this only where a schema has to be changed."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection, version: str = "head") -> None:
    """Bring the schema to a later version, this connector's if none is named, in the connection's transaction."""
    command.upgrade(_config(connection), version)


def downgrade(connection: Connection, version: str) -> None:
    """Return the schema to an earlier version, in the connection's transaction."""
    command.downgrade(_config(connection), version)


def _config(connection: Connection) -> Config:
    config = _alembic_config()
    config.attributes["connection"] = connection
    return config


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
