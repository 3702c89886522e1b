"""Sessions of the console, in the database, so that they can be listed and ended.

If the values of a tenant's users can be read only with their own access token, the session of a user keeps that of the
sign-in, encrypted, until it expires or the session ends. It is used for requests of this session only.

A browser's cookie contains a secret of 256 bits; the database only its digest. A session ends after its lifetime, when
it was idle for too long, at sign-out, when the issuer signs the person out, or when an administrator ends it. Its last
use is written at most once a minute. The row of a session that has expired is kept for `KEPT_AFTER_END`: if its person
then sends a form, the form is kept for the session after it (`console_drafts.py`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog

from connector.domain.access_tokens import OwnToken
from connector.domain.audit.history import SYSTEM
from connector.domain.frozen import frozen
from connector.domain.ids import new_id
from connector.domain.tenancy import Tenant
from connector.services.batches import forget
from connector.services.console.console_drafts import ConsoleDrafts, Draft
from connector.services.console.sign_in_record import SignInRecord
from connector.services.cursors import Cursors, Page, key_of
from connector.services.digests import digest_of
from connector.store import console_sessions
from connector.store.console_sessions import ConsoleLink, ConsoleSession
from connector.store.engine import Database
from connector.store.sealed import session_token
from connector.store.vault import OpaqueTexts, Vault

__all__ = ["ConsoleLink", "ConsoleSession", "ConsoleSessions", "Draft", "Person", "Place"]

log = structlog.get_logger(__name__)

SECRET_BYTES = 32
TOUCH_AFTER = timedelta(minutes=1)
LINK_LIFETIME = timedelta(minutes=15)
MAX_NAME = 255
MAX_PLACE = 64  # characters of a browser, and of an address
KEPT_AFTER_END = timedelta(days=1)


@frozen
class Place:
    """The browser in which a person signs in, and its address; None if they are not known."""

    browser: str | None = None
    address: str | None = None


UNKNOWN = Place()


@frozen
class Person:
    """The person who signs in, as the issuer reports, with the granted scopes."""

    user_id: str
    name: str
    client_id: str
    issuer: str
    scopes: frozenset[str]
    subject: str = ""
    issuer_session: str | None = None
    token: OwnToken | None = None


class ConsoleSessions:
    """Begins, finds and ends sessions."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        texts: OpaqueTexts,
        record: SignInRecord,
        lifetime: timedelta,
        idle_time: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._drafts = ConsoleDrafts(database, vault)
        self._record = record
        self._cursors = Cursors(texts, "console sessions")
        self._lifetime = lifetime
        self._idle_time = idle_time
        self._clock = clock

    def begin(
        self,
        tenant: Tenant,
        person: Person,
        actor: str,
        replaced: str | None = None,
        *,
        place: Place = UNKNOWN,
        is_by_link: bool = False,
    ) -> str:
        """Start a session, end the browser's previous one, and return the secret for the browser's cookie.

        The `actor` is the person, in the history's format. The person's access token is kept if there is one.
        """
        secret, now = secrets.token_urlsafe(SECRET_BYTES), self._clock()
        expires_at, token = now + self._lifetime, person.token
        session = ConsoleSession(
            session_id=new_id(),
            tenant=tenant.name,
            user_id=person.user_id,
            name=person.name[:MAX_NAME],
            client_id=person.client_id[:MAX_NAME],
            issuer=person.issuer,
            subject=person.subject or person.user_id,
            issuer_session=person.issuer_session,
            scopes=person.scopes,
            created_at=now,
            seen_at=now,
            expires_at=expires_at,
            token_expires_at=min(now + timedelta(seconds=token.seconds), expires_at) if token else None,
            browser=(place.browser or "")[:MAX_PLACE] or None,
            address=(place.address or "")[:MAX_PLACE] or None,
        )
        with self._database.write() as connection:
            former = console_sessions.find(connection, digest_of(replaced)) if replaced else None
            draft = self._drafts.taken_over(connection, former, session) if former else None
            if former:
                console_sessions.end(connection, former.tenant, former.session_id)
            console_sessions.add(connection, session, digest_of(secret), self._sealed(session, token), draft)
            self._record.begun(connection, session, actor, is_by_link=is_by_link)
        log.info("console.signed_in", tenant=tenant.name, user=person.user_id, issuer=person.issuer)
        return secret

    def find(self, tenant: Tenant, secret: str, *, is_use: bool = True) -> ConsoleSession | None:
        """Return the tenant's session of a cookie; None if there is none, or it has ended.

        `is_use`: the person has made this request, so that the session is not idle.
        """
        now, digest = self._clock(), digest_of(secret)
        with self._database.read() as connection:
            session = console_sessions.find(connection, digest)
        if session is None or session.tenant != tenant.name or not self._is_open(session, now):
            return None
        if is_use and now - session.seen_at >= TOUCH_AFTER:
            with self._database.write() as connection:
                console_sessions.touch(connection, session.session_id, now)
        return session

    def keep_draft(self, tenant: Tenant, secret: str, draft: Draft) -> bool:
        """Keep a form that a person has sent after the session of the cookie had ended.

        False if there is no such session any more: it was ended by somebody, or too long ago.
        """
        with self._database.read() as connection:
            session = console_sessions.find(connection, digest_of(secret))
        if session is None or session.tenant != tenant.name:
            return False
        return self._drafts.keep(session, draft)

    def draft(self, session: ConsoleSession) -> Draft | None:
        """Return the form that the person of a session had sent after the session before had ended."""
        return self._drafts.find(session)

    def forget_draft(self, session: ConsoleSession) -> None:
        """Delete the form that is kept for a session."""
        self._drafts.forget(session)

    def own_token(self, session: ConsoleSession) -> str | None:
        """Return the access token of the person of a session; None if none was kept, or it has expired."""
        if session.token_expires_at is None or session.token_expires_at <= self._clock():
            return None
        with self._database.read() as connection:
            sealed = console_sessions.find_token(connection, session.session_id)
        return None if sealed is None else self._vault.open(sealed, session_token(session.session_id))

    def forget_tokens(self) -> None:
        """Delete the access tokens that have expired, and those of sessions that are idle for too long."""
        now, idle_since = self._clock(), self._clock() - self._idle_time
        forget(self._database, lambda rows, size: console_sessions.forget_expired_tokens(rows, now, size))
        forget(self._database, lambda rows, size: console_sessions.forget_idle_tokens(rows, idle_since, size))

    def search(
        self, tenant: Tenant, *, user_id: str | None = None, limit: int, cursor: str | None = None
    ) -> Page[ConsoleSession]:
        """Return the sessions of a tenant, or of one user, the newest first, without those that have ended."""
        after, now = self._cursors.position(tenant.name, cursor), self._clock()
        with self._database.read() as connection:
            rows = console_sessions.search(connection, tenant.name, user_id, limit + 1, after)
        page = self._cursors.page(tenant.name, rows, limit, lambda each: key_of(each.created_at, each.session_id))
        return Page([each for each in page.rows if self._is_open(each, now)], page.next_cursor)

    def end(self, tenant: Tenant, session_id: str, actor: str, *, user_id: str | None = None) -> bool:
        """End a session; False if the tenant, or the user if one is named, has no session with that id."""
        with self._database.write() as connection:
            ended = console_sessions.end(connection, tenant.name, session_id, user_id)
            self._record.ended(connection, ended, actor)
        if ended:
            log.info("console.session_ended", tenant=tenant.name, session=session_id)
        return bool(ended)

    def end_of_tenant(self, tenant: Tenant, actor: str, user_id: str | None = None) -> int:
        """End the sessions of a tenant, or of one of its users; return their number."""
        with self._database.write() as connection:
            ended = console_sessions.end_of_tenant(connection, tenant.name, user_id)
            self._record.ended(connection, ended, actor)
        log.info("console.sessions_ended", tenant=tenant.name, user=user_id, number=len(ended))
        return len(ended)

    def end_of_issuer(self, issuer: str, *, subject: str | None, issuer_session: str | None) -> int:
        """End what the issuer has signed out: a person's sessions, or one session; return their number.

        Raises `ValueError` if neither is named.
        """
        if subject is None and issuer_session is None:
            raise ValueError("a person or a session must be named")
        with self._database.write() as connection:
            ended = console_sessions.end_of_issuer(connection, issuer, subject=subject, issuer_session=issuer_session)
            self._record.ended(connection, ended, SYSTEM, issuer)
        log.info("console.signed_out_by_issuer", issuer=issuer, number=len(ended))
        return len(ended)

    def make_link(self, tenant: Tenant, user_id: str, scopes: Iterable[str], actor: str = SYSTEM) -> str:
        """Return the secret of a link that signs a person in, once and within `LINK_LIFETIME`."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        link = ConsoleLink(tenant.name, user_id, frozenset(scopes))
        with self._database.write() as connection:
            console_sessions.add_link(connection, link, digest_of(secret), self._clock() + LINK_LIFETIME)
            self._record.link_made(connection, tenant.name, user_id, actor)
        return secret

    def use_link(self, tenant: Tenant, secret: str) -> ConsoleLink | None:
        """Return the person of a sign-in link, the first time; None afterwards, or if there is no such link."""
        with self._database.write() as connection:
            return console_sessions.use_link(connection, tenant.name, digest_of(secret), self._clock())

    def _sealed(self, session: ConsoleSession, token: OwnToken | None) -> str | None:
        return self._vault.seal(token.text, session_token(session.session_id)) if token and token.text else None

    def _is_open(self, session: ConsoleSession, now: datetime) -> bool:
        return now < session.expires_at and now - session.seen_at < self._idle_time
