"""The history's table: every change of a status, every change by an administrator, what was read, what was refused."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table

from connector.store.models.columns import metadata, partial_index, time_column
from connector.store.models.conditions import IS_AUDITED, IS_MATCH, IS_REFUSED

history = Table(
    "history",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    time_column("at"),
    Column("tenant", String(255), nullable=False),
    Column("provider_id", String(36), comment="no foreign key: the history outlives the rows it describes"),
    Column("verification_id", String(36)),
    Column(
        "subject",
        String(16),
        nullable=False,
        comment="the kind of object: run, claim, provider, user, applicant, outbox or start",
    ),
    Column("user_id", String(255), comment="the user concerned; only in entries of the audit trail"),
    Column("name", String(255), comment="the claim's URI, the provider's name, the user's id"),
    Column("previous", String(64)),
    Column("current", String(64), nullable=False),
    Column("cause", String(32), nullable=False, comment="the cause of the change"),
    Column("actor", String(1100), comment="the administrator with client and issuer, or the event's id"),
    Column(
        "actor_name", String(1100), comment="the actor without client and issuer; only in entries of the audit trail"
    ),
    Column("detail", JSON, nullable=False, comment="further facts; never a secret or a value"),
    Column("changes", JSON(none_as_null=True), comment="properties, before and after; never a secret or a value"),
    Column("channel", String(16), comment="api, console, cli, onfido or worker"),
    Column("address", String(128), comment="the client's address; only in entries of the audit trail"),
    Column("trace_id", String(64), comment="the request's trace id, as in its answer and log lines"),
)
Index(None, history.c.verification_id)
partial_index("ix_history_run", "subject = 'run'", history.c.name)
partial_index("ix_history_audit", IS_AUDITED, history.c.tenant, history.c.at)
for _names in (  # the filters of the audit trail, and the pairs of them of which each alone may match nearly all
    *(("user_id",), ("actor_name",), ("subject",), ("name",), ("provider_id",), ("verification_id",)),
    *(("current",), ("channel",)),
    *(("actor_name", "subject"), ("actor_name", "current"), ("subject", "current"), ("provider_id", "subject")),
):
    _columns = [history.c[each] for each in _names]
    partial_index(f"ix_history_audit_{'_'.join(_names)}", IS_AUDITED, history.c.tenant, *_columns, history.c.at)
partial_index("ix_history_refused", IS_REFUSED, history.c.at)
partial_index("ix_history_refused_by", IS_REFUSED, history.c.tenant, history.c.actor_name)
partial_index("ix_history_audit_refused", IS_REFUSED, history.c.tenant, history.c.at)
partial_index("ix_history_matches", IS_MATCH, history.c.provider_id, history.c.at)
