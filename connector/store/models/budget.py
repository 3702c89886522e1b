"""The table of the remaining calls of accounts at Onfido.

onfido_budgets        one row per account, in which all processes book their calls
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, String, Table

from connector.store.models.columns import metadata

onfido_budgets = Table(
    "onfido_budgets",
    metadata,
    Column("account", String(64), primary_key=True, comment="a keyed digest of its host and its credentials"),
    Column(
        "full_at",
        Double,
        nullable=False,
        comment="the time at which its bucket is full again, in seconds of the database's clock",
    ),
    Column(
        "held_until", Double, nullable=False, comment="the end of the pause that Onfido requested, by the same clock"
    ),
    Column("wait", Double, nullable=False, comment="of the latest reservation: seconds until its turn"),
    Column("is_booked", Boolean, nullable=False, comment="of the same reservation: whether that turn was reserved"),
)
