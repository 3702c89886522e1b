"""The tables. What must never happen is a constraint here, not a check in the code.

    providers ──┬─< verifications ──< verification_claims
                ├─< claims             one row per user, provider and claim
                └─< events             one row per provider and digest of the body
    users ──< user_attributes          the embedded user directory
    secrets                            keys of the connector's own, encrypted

No attribute value is stored outside the embedded directory (there encrypted): a keyed fingerprint tells whether a
value is still the one that was verified.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC; SQLite, which knows no time zones, keeps it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(name: str = "id", **options: Any) -> Column[str]:
    return Column(name, String(36), **options)


def _provider_id() -> Column[str]:
    return Column("provider_id", ForeignKey("providers.id", ondelete="CASCADE"), nullable=False)


def _time(name: str, *, nullable: bool = False) -> Column[datetime]:
    return Column(name, UtcDateTime, nullable=nullable)


providers = Table(
    "providers",
    metadata,
    _id(primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("description", Text, nullable=False),
    Column("image", Text, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("claims", JSON, nullable=False, comment="local claim URI -> applicant field"),
    Column("workflow_id", String(36), nullable=False),
    Column("base_url", Text, nullable=False),
    Column("api_token", Text, nullable=False, comment="encrypted"),
    Column("webhook_token", Text, comment="encrypted"),
    _time("created_at"),
    _time("updated_at"),
    UniqueConstraint("tenant", "name"),
)

verifications = Table(
    "verifications",
    metadata,
    _id(primary_key=True),
    Column("tenant", String(255), nullable=False),
    _provider_id(),
    Column("user_id", String(255), nullable=False),
    Column("status", String(64), nullable=False),
    Column("applicant_id", String(64)),
    Column("run_id", String(64)),
    Column("run_requested_at", UtcDateTime, comment="set before the run is asked for: it may exist from then on"),
    Column("lease_owner", String(36), comment="who is initiating; null once the run was handed over"),
    Column("lease_until", UtcDateTime, comment="from then on another may take the initiation over"),
    Column("failure", Text, comment="why the attempt ended without a run's result"),
    _time("created_at"),
    _time("updated_at"),
    _time("completed_at", nullable=True),
    _time("closed_at", nullable=True),
    UniqueConstraint("provider_id", "run_id"),
)
Index(
    "uq_verifications_open",
    verifications.c.provider_id,
    verifications.c.user_id,
    unique=True,
    sqlite_where=text("closed_at IS NULL"),
    postgresql_where=text("closed_at IS NULL"),
)
Index(None, verifications.c.tenant, verifications.c.user_id, verifications.c.created_at)
Index(None, verifications.c.tenant, verifications.c.created_at)

verification_claims = Table(
    "verification_claims",
    metadata,
    Column("verification_id", ForeignKey("verifications.id", ondelete="CASCADE"), primary_key=True),
    Column("uri", String(255), primary_key=True),
    Column("applicant_field", String(64), nullable=False),
    Column("fingerprint", String(64), comment="of the value that was sent; null until it was read"),
    Column("is_stale", Boolean, nullable=False, comment="the user's value has changed since"),
)

claims = Table(
    "claims",
    metadata,
    _id(primary_key=True),
    Column("tenant", String(255), nullable=False),
    _provider_id(),
    Column("user_id", String(255), nullable=False),
    Column("uri", String(255), nullable=False),
    Column("is_verified", Boolean, nullable=False),
    Column("fingerprint", String(64), comment="of the value that `is_verified` holds for"),
    Column("verification_id", ForeignKey("verifications.id", ondelete="SET NULL"), index=True),
    Column("verification_status", String(64), comment="what the verification said of this claim"),
    Column("metadata", JSON, nullable=False, comment="an administrator's own"),
    _time("created_at"),
    _time("updated_at"),
    UniqueConstraint("provider_id", "user_id", "uri"),
)
Index(None, claims.c.tenant, claims.c.user_id)

events = Table(
    "events",
    metadata,
    _id(primary_key=True),
    _provider_id(),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the raw body"),
    Column("kind", String(128), nullable=False),
    Column("run_id", String(64)),
    Column("state", String(16), nullable=False, comment="parked, applied or noted"),
    Column("body", Text, comment="encrypted; only while it is needed"),
    _time("received_at"),
    UniqueConstraint("provider_id", "digest"),
)
Index(
    "ix_events_parked",
    events.c.provider_id,
    events.c.run_id,
    sqlite_where=text("state = 'parked'"),
    postgresql_where=text("state = 'parked'"),
)

users = Table(
    "users",
    metadata,
    Column("tenant", String(255), primary_key=True),
    Column("user_id", String(255), primary_key=True),
    _time("created_at"),
)

user_attributes = Table(
    "user_attributes",
    metadata,
    Column("tenant", String(255), primary_key=True),
    Column("user_id", String(255), primary_key=True),
    Column("uri", String(255), primary_key=True),
    Column("value", Text, nullable=False, comment="encrypted"),
    ForeignKeyConstraint(["tenant", "user_id"], ["users.tenant", "users.user_id"], ondelete="CASCADE"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False, comment="encrypted"),
)
