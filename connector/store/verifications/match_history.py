"""Statements on the history of watchlist matches, and of the claims that were verified at the time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, select, text

from connector.domain.audit.history import CLAIM
from connector.domain.frozen import frozen
from connector.store.models import history, verifications
from connector.store.models.conditions import IS_AUDITED, IS_MATCH
from connector.store.pages import unindexed


@frozen
class Entry:
    """An entry about a user: of a claim with its state, or of a match if `claim` is None; entries are numbered in
    order.
    """

    number: int
    user: str
    claim: str | None = None
    current: str = ""


def find_matches(connection: Connection, provider_id: str, since: datetime, limit: int) -> list[Entry]:
    """Return the latest matches of a provider's users since then, in order."""
    statement = (
        select(history.c.id, history.c.name)
        .where(text(f"({IS_MATCH})"), history.c.provider_id == provider_id, history.c.at >= since)
        .order_by(history.c.at.desc(), history.c.id.desc())
        .limit(limit)
    )
    entries = [Entry(number, user or "") for number, user in connection.execute(statement)]
    return sorted(entries, key=lambda entry: entry.number)


def find_claims(connection: Connection, tenant: str, provider_id: str, user_ids: Collection[str]) -> list[Entry]:
    """Return the history of some users' claims with a provider, without removed users."""
    of_users = select(verifications.c.id, verifications.c.user_id).where(
        verifications.c.tenant == tenant,
        verifications.c.user_id.in_(sorted(user_ids)),
        unindexed(verifications.c.provider_id) == provider_id,
    )
    known = {row.id: row.user_id for row in connection.execute(of_users)}
    columns = (history.c.id, history.c.verification_id, history.c.user_id, history.c.name, history.c.current)
    of_verifications = select(*columns).where(
        history.c.verification_id.in_(sorted(known)), history.c.subject == CLAIM, history.c.name.is_not(None)
    )
    by_administrators = select(*columns).where(
        history.c.tenant == tenant,
        text(f"({IS_AUDITED})"),
        history.c.user_id.in_(sorted({*known.values()})),
        unindexed(history.c.subject) == CLAIM,
        unindexed(history.c.provider_id) == provider_id,
    )
    entries = {
        number: Entry(number, known.get(verification_id, user_id), name, current)
        for statement in (of_verifications, by_administrators)
        for number, verification_id, user_id, name, current in connection.execute(statement)
    }
    return list(entries.values())
