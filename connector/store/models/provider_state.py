"""The tables of the state of a provider's connection to Onfido, in both directions.

provider_health   the last check of every provider, and when the next one is due
refused_posts     how often posts to a provider's webhook were refused, by cause: never more rows than causes
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Table

from connector.store.models.columns import metadata, time_column
from connector.store.times import UtcDateTime

provider_health = Table(
    "provider_health",
    metadata,
    Column("provider_id", ForeignKey("providers.id", ondelete="CASCADE"), primary_key=True),
    time_column("due_at"),
    Column("owner", String(36), comment="owner of the running check; repeated as a fence when it is stored"),
    Column("lease_until", UtcDateTime, comment="then another check may begin"),
    Column("tried_at", UtcDateTime, comment="time of the latest check, with or without an answer"),
    Column("is_answered", Boolean, comment="whether Onfido answered then"),
    Column("checked_at", UtcDateTime, comment="time of the latest answer, to which `checks` and `is_good` belong"),
    Column("is_good", Boolean, comment="whether no check failed then"),
    Column("good_at", UtcDateTime, comment="time of the latest check in which nothing failed"),
    Column("checks", JSON, comment="names, results and sentences; never a secret"),
    Column("details", JSON, comment="the sentences before translation, by the check's name; null: not recorded"),
)
Index(None, provider_health.c.due_at)

refused_posts = Table(
    "refused_posts",
    metadata,
    Column("provider_id", ForeignKey("providers.id", ondelete="CASCADE"), primary_key=True),
    Column("cause", String(32), primary_key=True),
    Column("number", Integer, nullable=False),
    time_column("first_at"),
    time_column("last_at"),
)
