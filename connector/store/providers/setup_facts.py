"""Statements on the setup progress of a provider, from its stored events and runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, case, func, literal_column, select

from connector.domain.frozen import frozen
from connector.domain.providers.setup_steps import MOST_RUNS
from connector.domain.studio.workflow_run import APPROVED, DECIDED_STATUSES, Comparison
from connector.store.models import events, outbox, providers, users, verification_claims, verifications
from connector.store.pages import unindexed
from connector.store.providers.events import STATES

RECENT = timedelta(days=7)  # a run that ended earlier shows nothing about today
GRACE = timedelta(minutes=10)  # time by which an event may be later than the sweep's own result

_COMPARED = case((verification_claims.c.finding != Comparison.NOT_COMPARED, verification_claims.c.verification_id))


@frozen
class Since:
    """The times since which the workflow and the webhook are unchanged; None if not recorded."""

    workflow: datetime | None
    webhook: datetime | None


@frozen
class RecentRuns:
    """Facts about the latest runs: whether one was started, and how many have ended without an event."""

    has_run: bool
    ended_silently: int


def find_since(connection: Connection, provider_id: str) -> Since:
    """Return the times since which a provider's workflow and webhook are unchanged."""
    statement = select(providers.c.workflow_set_at, providers.c.webhook_set_at).where(providers.c.id == provider_id)
    row = connection.execute(statement).one_or_none()
    return Since(None, None) if row is None else Since(row.workflow_set_at, row.webhook_set_at)


def find_last_event(connection: Connection, provider_id: str) -> datetime | None:
    """Return the time of the latest event of a provider of any kind: it was signed with the right token."""
    latest = (
        select(events.c.received_at)
        .where(events.c.provider_id == provider_id, events.c.state == state)
        .order_by(events.c.received_at.desc())
        .limit(1)
        for state in STATES
    )
    row = connection.execute(select(*(each.scalar_subquery() for each in latest))).one()
    return max((at for at in row if at is not None), default=None)


def find_recent_runs(
    connection: Connection, provider_id: str, since: Since, last_event_at: datetime | None, now: datetime
) -> RecentRuns:
    """Return facts about the latest verifications."""
    columns = (verifications.c.run_id, verifications.c.created_at, verifications.c.closed_at, verifications.c.status)
    latest = select(*columns).where(verifications.c.provider_id == provider_id)
    rows = connection.execute(latest.order_by(verifications.c.created_at.desc()).limit(MOST_RUNS)).all()
    started = [row for row in rows if row.run_id is not None]
    heard = max((at for at in (since.webhook, last_event_at) if at is not None), default=None)
    silent = [
        row
        for row in started
        if row.status in DECIDED_STATUSES
        and row.closed_at is not None
        and row.closed_at < now - GRACE
        and heard is not None
        and row.closed_at > heard + GRACE
    ]
    has_run = any(since.workflow is None or row.created_at >= since.workflow for row in started)
    return RecentRuns(has_run, len(silent))


@frozen
class LastRun:
    """The latest end of a provider's run with a result, and the time since which its webhook is unchanged."""

    provider_id: str
    ended_at: datetime
    webhook_at: datetime | None


def find_last_runs(connection: Connection, tenant: str, now: datetime) -> list[LastRun]:
    """Return the last run of each enabled provider with a webhook, of those whose event had time to arrive."""
    ended = (
        select(verifications.c.closed_at)
        .where(
            verifications.c.provider_id == providers.c.id,
            verifications.c.closed_at.is_not(None),
            verifications.c.closed_at.between(now - RECENT, now - GRACE),
            unindexed(verifications.c.status).in_(DECIDED_STATUSES),
        )
        .order_by(verifications.c.closed_at.desc())
        .limit(1)
        .correlate(providers)
        .scalar_subquery()
    )
    statement = select(providers.c.id, ended.label("ended_at"), providers.c.webhook_set_at).where(
        providers.c.tenant == tenant, providers.c.is_enabled, providers.c.webhook_token.is_not(None)
    )
    rows = connection.execute(statement)
    return [LastRun(row.id, row.ended_at, row.webhook_set_at) for row in rows if row.ended_at is not None]


def count_compared(connection: Connection, provider_id: str) -> tuple[int, int]:
    """Return how many of the latest approved runs have recorded results, and in how many something was compared."""
    latest = (
        select(verifications.c.id)
        .where(verifications.c.provider_id == provider_id, verifications.c.status == APPROVED)
        .order_by(verifications.c.created_at.desc())
        .limit(MOST_RUNS)
    )
    statement = select(
        func.count(verification_claims.c.verification_id.distinct()), func.count(_COMPARED.distinct())
    ).where(verification_claims.c.verification_id.in_(latest), verification_claims.c.finding.is_not(None))
    recorded, compared = connection.execute(statement).one()
    return recorded, compared


def has_users(connection: Connection, tenant: str) -> bool:
    """Whether any user of a tenant is known."""
    return (
        connection.execute(
            select(users.c.user_id).where(users.c.tenant == tenant).order_by(users.c.user_id).limit(1)
        ).first()
        is not None
    )


def was_notified(connection: Connection, endpoint_ids: Sequence[str]) -> bool:
    """Return whether any of the endpoints has accepted a notice that is still stored."""
    is_of_these = (outbox.c.endpoint_id.in_(endpoint_ids), outbox.c.endpoint_id != literal_column("''"))
    statement = select(outbox.c.id).where(*is_of_these, outbox.c.state == "done").limit(1)
    return connection.execute(statement).first() is not None
