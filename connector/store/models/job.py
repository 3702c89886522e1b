"""The tables of jobs.

jobs ──< job_parts     the parts of a job's result, in their order
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from connector.store.models.columns import id_column, metadata, partial_index, time_column
from connector.store.models.conditions import HAS_EXPIRING_RESULT, IS_ENDED_JOB, IS_OPEN_JOB, IS_QUEUED_JOB

jobs = Table(
    "jobs",
    metadata,
    id_column(primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("state", String(16), nullable=False, comment="queued, running, done, failed, expired or cancelled"),
    Column("owner", String(1100), nullable=False, comment="the caller who requested it"),
    Column("parameters", JSON, nullable=False, comment="ids and filters only"),
    Column("user_id", String(255), comment="the user it concerns: removed with the user"),
    Column("provider_id", String(36), comment="no foreign key: a job outlives it"),
    Column("request_key", String(64), comment="equal for repeated requests; null once another may be made"),
    Column("digest", String(64), nullable=False, comment="of the request"),
    Column("slot", Integer, comment="of a running job: a tenant has as many slots as jobs may run at once"),
    Column("step", Integer, nullable=False, comment="number of completed steps; the next step repeats it as a fence"),
    Column("tries", Integer, nullable=False, comment="attempts of the next step"),
    Column("position", JSON, comment="where the next step begins"),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, comment="null: not known"),
    Column("summary", JSON, nullable=False, comment="numbers for the requester"),
    Column("size", BigInteger, nullable=False, comment="characters of the result"),
    Column("failure", Text, comment="the reason of the failure"),
    time_column("created_at"),
    time_column("updated_at"),
    time_column("started_at", nullable=True),
    time_column("ended_at", nullable=True),
    time_column("expires_at", nullable=True),
    UniqueConstraint("tenant", "request_key"),
    UniqueConstraint("tenant", "slot"),
)
Index(None, jobs.c.tenant, jobs.c.created_at, jobs.c.id)
partial_index("ix_jobs_user", "user_id IS NOT NULL", jobs.c.tenant, jobs.c.user_id)
partial_index("ix_jobs_waiting", IS_QUEUED_JOB, jobs.c.state, jobs.c.tenant, jobs.c.created_at)
partial_index("ix_jobs_open", IS_OPEN_JOB, jobs.c.updated_at)
partial_index("ix_jobs_expiring", HAS_EXPIRING_RESULT, jobs.c.expires_at)
partial_index("ix_jobs_ended", IS_ENDED_JOB, jobs.c.ended_at)

job_parts = Table(
    "job_parts",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("format", String(8), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("content", Text, nullable=False, comment="compressed, then encrypted"),
)
