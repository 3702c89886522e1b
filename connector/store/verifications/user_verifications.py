"""Statements on all verifications of a user, for the user's removal."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, or_, select

from connector.domain.verifications.verification import Verification
from connector.store.models import claims, verifications
from connector.store.verifications.verification_search import LISTED
from connector.store.verifications.verifications import IS_THERE, SELECT, read_row

_T = verifications.c
_IS_CLAIMS = select(claims.c.id).where(claims.c.verification_id == _T.id).exists()


def lock_all(connection: Connection, tenant: str, user_id: str) -> list[Verification]:
    """Lock all verifications of a user, and return those whose provider is not removed."""
    return _lock(connection, *_of_user(tenant, user_id))


def lock(connection: Connection, verification_ids: Collection[str]) -> list[Verification]:
    """Lock verifications, and return those whose provider is not removed."""
    return _lock(connection, _T.id.in_(verification_ids))


def find_latest(connection: Connection, tenant: str, user_id: str, limit: int) -> list[Verification]:
    """Return the latest verifications of a user whose provider is not removed, without their results and documents."""
    statement = LISTED.where(*_of_user(tenant, user_id), IS_THERE).order_by(_T.created_at.desc()).limit(limit)
    return [read_row(row) for row in connection.execute(statement)]


def find_old(connection: Connection, tenant: str, user_id: str, limit: int) -> Sequence[str]:
    """Return ids of a user's verifications that have ended and are no claim's, some of those after the latest ones."""
    old = select(_T.id).where(*_of_user(tenant, user_id), _T.closed_at.is_not(None), ~_IS_CLAIMS)
    return connection.execute(old.order_by(_T.created_at.desc()).limit(limit).offset(limit)).scalars().all()


def find_used_applicants(connection: Connection, applicants: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of some applicants, each with its provider, that a verification has."""
    if not applicants:
        return set()
    ids: dict[str, list[str]] = {}
    for provider_id, applicant_id in sorted(applicants):
        ids.setdefault(provider_id, []).append(applicant_id)
    # By provider, because SQLite looks for pairs by their first column only.
    of_these = [(_T.provider_id == provider_id) & _T.applicant_id.in_(some) for provider_id, some in ids.items()]
    statement = select(_T.provider_id, _T.applicant_id).where(or_(*of_these))
    return {(row.provider_id, row.applicant_id or "") for row in connection.execute(statement)}


def delete_some(connection: Connection, verification_ids: Collection[str]) -> None:
    """Delete locked verifications."""
    connection.execute(delete(verifications).where(_T.id.in_(verification_ids)))


def delete_all(connection: Connection, tenant: str, user_id: str) -> None:
    """Delete all verifications of a user."""
    connection.execute(delete(verifications).where(*_of_user(tenant, user_id)))


def _lock(connection: Connection, *conditions: ColumnElement[bool]) -> list[Verification]:
    columns = SELECT.selected_columns
    statement: Select[Any] = select(IS_THERE.label("is_there"), *columns).where(*conditions).order_by(_T.id)
    return [Verification(*row[1:]) for row in connection.execute(statement.with_for_update()) if row.is_there]


def _of_user(tenant: str, user_id: str) -> tuple[ColumnElement[bool], ...]:
    return (_T.tenant == tenant, _T.user_id == user_id)
