"""The append-only history: every change of a run's or claim's status, and every change by an administrator.

Only `connector/services/journal.py` writes it, for a change that is written has to be announced as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, select

from connector.domain.history import RUN, Change
from connector.store.models import history

_COLUMNS = [column for column in history.c if column.name != "id"]
_INSERT = insert(history)
_FIND_RUN = (
    select(history.c.id)
    .where(
        history.c.subject == RUN,
        history.c.name == bindparam("of_run"),
        history.c.provider_id == bindparam("of_provider"),
    )
    .limit(1)
)


def append(connection: Connection, changes: Sequence[Change]) -> None:
    """Write changes, of which there is at least one."""
    connection.execute(
        _INSERT, [{column.name: getattr(change, column.name) for column in _COLUMNS} for change in changes]
    )


def knows_run(connection: Connection, provider_id: str, run_id: str) -> bool:
    """Whether a run was ever recorded with a provider, though it be forgotten since."""
    found = connection.execute(_FIND_RUN, {"of_run": run_id, "of_provider": provider_id})
    return found.scalar_one_or_none() is not None


def find_of_verification(connection: Connection, verification_id: str) -> list[Change]:
    """Return what happened to a verification and its claims, the first first."""
    statement = select(*_COLUMNS).where(history.c.verification_id == verification_id).order_by(history.c.id)
    return [Change(**row._asdict()) for row in connection.execute(statement)]
