"""Rows that no other transaction has locked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select


def lock_free(connection: Connection, chosen: Select[Any]) -> Sequence[Any]:
    """Lock those of the chosen rows that no other transaction has locked; return their keys.

    For upkeep, which locks several rows in another order than requests: if it waited for them, both could wait for each
    other.
    """
    return connection.execute(chosen.with_for_update(skip_locked=True)).scalars().all()
