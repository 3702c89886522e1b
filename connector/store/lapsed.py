"""The conditions under which a claim is verified, in place of its column.

A claim that Onfido's sandbox verified lapses when the provider's credentials leave the sandbox: that ends the
provider's period there, a number in its row. From then on no statement reads the claim as verified; the worker
withdraws it afterwards (`store/claims/lapsed_claims.py`). Statements that join the provider name its column as
`period`; in the others it is read for each claim of the sandbox, and for no other.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, case, or_, select

from connector.domain.environment import SANDBOX
from connector.store.models import claims, providers

_providers = providers.alias("providers_of_claims")
_PERIOD: ColumnElement[int] = (
    select(_providers.c.sandbox_period)
    .where(_providers.c.id == claims.c.provider_id)
    .correlate(claims)
    .scalar_subquery()
)


def is_verified(period: ColumnElement[int] = _PERIOD) -> ColumnElement[bool]:
    """Return the condition of a claim that is verified, and has not lapsed."""
    is_of_period = claims.c.sandbox_period == period
    return and_(claims.c.is_verified, or_(claims.c.environment.is_distinct_from(SANDBOX), is_of_period))


def has_lapsed(period: ColumnElement[int] = _PERIOD) -> ColumnElement[bool]:
    """Return the condition of a claim that has lapsed, and is not withdrawn yet."""
    return and_(claims.c.is_verified, claims.c.environment == SANDBOX, claims.c.sandbox_period != period)


def verification_status(period: ColumnElement[int] = _PERIOD) -> ColumnElement[str | None]:
    """Return a claim's status, in place of its column: that of a withdrawn claim if it has lapsed."""
    return case((has_lapsed(period), SANDBOX), else_=claims.c.verification_status)
