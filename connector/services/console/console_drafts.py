"""Forms that a person has sent after the console's session had ended, until the person has signed in again.

A form is kept, encrypted, with the session that has ended, and passes to the session with which its own person replaces
that one in the same browser. So it is kept for people who were signed in only, and one at a time for each browser.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection

from connector.domain.frozen import frozen
from connector.store import console_sessions
from connector.store.console_sessions import ConsoleSession
from connector.store.engine import Database
from connector.store.sealed import session_draft
from connector.store.vault import Vault

MAX_DRAFT = 200_000  # characters


@frozen
class Draft:
    """A form that was not accepted: the path that it was sent to, and its fields without secrets."""

    path: str
    fields: tuple[tuple[str, str], ...]


class ConsoleDrafts:
    """Keeps forms with sessions."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def keep(self, session: ConsoleSession, draft: Draft) -> bool:
        """Keep a form with a session; False if it is too large."""
        text = json.dumps([draft.path, draft.fields])
        if len(text) > MAX_DRAFT:
            return False
        sealed = self._vault.seal(text, session_draft(session.session_id))
        with self._database.write() as connection:
            console_sessions.keep_draft(connection, session.session_id, sealed)
        return True

    def find(self, session: ConsoleSession) -> Draft | None:
        """Return the form that is kept with a session."""
        with self._database.read() as connection:
            sealed = console_sessions.find_draft(connection, session.session_id)
        if sealed is None:
            return None
        path, fields = json.loads(self._vault.open(sealed, session_draft(session.session_id)))
        return Draft(path, tuple((name, value) for name, value in fields))

    def forget(self, session: ConsoleSession) -> None:
        """Delete the form that is kept with a session."""
        with self._database.write() as connection:
            console_sessions.keep_draft(connection, session.session_id, None)

    def taken_over(self, connection: Connection, former: ConsoleSession, session: ConsoleSession) -> str | None:
        """Return the form of a former session, encrypted for the session that replaces it; None for another person."""
        if _person(former) != _person(session):
            return None
        sealed = console_sessions.find_draft(connection, former.session_id)
        if sealed is None:
            return None
        text = self._vault.open(sealed, session_draft(former.session_id))
        return self._vault.seal(text, session_draft(session.session_id))


def _person(session: ConsoleSession) -> tuple[str, str, str]:
    return session.tenant, session.issuer, session.user_id
