"""Statements that count the dependents of a provider, up to a limit."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, func, select

from connector.store.lapsed import is_verified
from connector.store.models import applicants, claims, verifications


def count_open(connection: Connection, provider_id: str, most: int) -> int:
    """Return the number of open verifications."""
    is_open = (verifications.c.provider_id == provider_id, verifications.c.closed_at.is_(None))
    in_order = select(verifications.c.id).where(*is_open).order_by(verifications.c.user_id)  # of the open ones' index
    return _count(connection, in_order, most)


def count_verifications(connection: Connection, provider_id: str, most: int) -> int:
    """Return the number of verifications."""
    of_provider = select(verifications.c.id).where(verifications.c.provider_id == provider_id)
    return _count(connection, of_provider.order_by(verifications.c.created_at), most)


def count_applicants(connection: Connection, provider_id: str, most: int) -> int:
    """Return the number of applicants at Onfido."""
    of_provider = select(applicants.c.applicant_id).where(applicants.c.provider_id == provider_id)
    return _count(connection, of_provider.order_by(applicants.c.applicant_id), most)


def count_verified(connection: Connection, provider_id: str, most: int) -> int:
    """Return the number of verified claims among at most `most` claims."""
    of_provider = select(is_verified().label("is_verified")).where(claims.c.provider_id == provider_id)
    some = of_provider.order_by(claims.c.user_id, claims.c.uri).limit(most).subquery()
    statement = select(func.count()).select_from(some).where(some.c.is_verified)
    return connection.execute(statement).scalar_one()


def _count(connection: Connection, statement: Select[Any], most: int) -> int:
    return connection.execute(select(func.count()).select_from(statement.limit(most).subquery())).scalar_one()
