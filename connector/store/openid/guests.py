"""Statements on guests: persons whom clients of the OpenID provider had verified, and who are in no directory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select, text

from connector.domain.openid.flow import GUEST_LENGTH, GUEST_PREFIX
from connector.store.hidden import is_of_registered
from connector.store.models import verifications
from connector.store.models.conditions import IS_GUEST

_T = verifications.c


def is_guest(user_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition of a row that is a guest's."""
    return user_id.startswith(GUEST_PREFIX, autoescape=True) & (func.length(user_id) == GUEST_LENGTH)


def find_old(connection: Connection, before: datetime, limit: int) -> Sequence[tuple[str, str]]:
    """Return tenant and id of some guests whose verification began before a time, the oldest first."""
    is_there = is_of_registered(_T.provider_id)
    old = select(_T.tenant, _T.user_id).where(text(IS_GUEST), _T.created_at < before, is_there)
    return [(row.tenant, row.user_id) for row in connection.execute(old.order_by(_T.created_at).limit(limit))]
