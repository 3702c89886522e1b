"""The audit trail of the console's sessions: sign-ins, sign-outs, one-time links, and refusals.

Anyone may try to sign in, so refusals are limited: a tenant has one entry per minute for each kind and issuer, and a
process writes at most `MOST_REFUSED` per minute for all tenants. Further ones are only logged. Entries contain nothing
that a browser or an issuer has sent. The sweep removes refusals after their retention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from threading import Lock

from sqlalchemy import Connection

from connector.domain.audit.history import (
    LINK_MADE,
    REFUSED,
    SESSION,
    SIGNED_IN,
    SIGNED_OUT,
    SYSTEM,
    Change,
    by_administrator,
)
from connector.domain.tenancy import Tenant
from connector.services.journal import Journal
from connector.services.refusals.refusal_record import RefusalRecord
from connector.store.console_sessions import ConsoleSession

MOST_REFUSED = 60  # entries of a process per minute


class SignInRecord:
    """Records sign-ins and sign-outs in their transactions, and refusals in a separate one."""

    def __init__(self, journal: Journal, record: RefusalRecord, clock: Callable[[], datetime]) -> None:
        self._journal = journal
        self._record = record
        self._clock = clock
        self._lock = Lock()
        self._minute: datetime | None = None
        self._refused: set[tuple[str, str, str]] = set()  # in this minute

    def begun(self, connection: Connection, session: ConsoleSession, actor: str, *, is_by_link: bool) -> None:
        """Record a sign-in."""
        detail = {"issuer": session.issuer, "link": is_by_link}
        self._journal.record(connection, [self._entry(session.tenant, actor, session.user_id, SIGNED_IN, detail)])

    def ended(self, connection: Connection, sessions: Iterable[ConsoleSession], actor: str, issuer: str = "") -> None:
        """Record the end of sessions: by the person, by an administrator, or by the issuer."""
        detail = {"issuer": issuer} if issuer else {}
        self._journal.record(
            connection, [self._entry(each.tenant, actor, each.user_id, SIGNED_OUT, detail) for each in sessions]
        )

    def link_made(self, connection: Connection, tenant: str, user_id: str, actor: str) -> None:
        """Record that a one-time link was created."""
        self._journal.record(connection, [self._entry(tenant, actor, user_id, LINK_MADE, {})])

    def refuse(self, tenant: Tenant, cause: str, issuer: str = "") -> None:
        """Record a refusal by its cause, one of `history.SIGN_IN_CAUSES`; a failure to record it is ignored."""
        if self._is_new((tenant.name, cause, issuer)):
            self._record.add(
                Change(
                    at=self._clock(),
                    tenant=tenant.name,
                    subject=SESSION,
                    name=issuer,
                    current=cause,
                    cause=REFUSED,
                    actor=SYSTEM,
                )
            )

    def _is_new(self, kind: tuple[str, str, str]) -> bool:
        """Whether this process has not tried to write this kind in this minute, and is below its limit."""
        minute = self._clock().replace(second=0, microsecond=0)
        with self._lock:
            if minute != self._minute:
                self._minute, self._refused = minute, set()
            is_new = kind not in self._refused and len(self._refused) < MOST_REFUSED
            if is_new:
                self._refused.add(kind)
            return is_new

    def _entry(self, tenant: str, actor: str, user_id: str, action: str, detail: Mapping[str, object]) -> Change:
        return by_administrator(self._clock(), actor, tenant, SESSION, user_id, action, detail)
