"""Keeping the embedded user directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from sqlalchemy import Connection

from connector.domain.history import ADDED, CHANGED, REMOVED, SYSTEM, USER, Change, by_administrator
from connector.domain.text import is_blank
from connector.errors import Code, RequestError
from connector.services.journal import Journal
from connector.services.people.claims import value_changed
from connector.services.providers.applicant_deletion import DeleteApplicant
from connector.store import claims, events, outbox, users, verifications
from connector.store.engine import Database
from connector.store.sealed import user_value
from connector.store.vault import Fingerprints, Vault

PAGE_SIZE = 500


class Users:
    """The users of every tenant; each method takes the tenant it may see."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        fingerprints: Fingerprints,
        journal: Journal,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._journal = journal
        self._vault = vault
        self._fingerprints = fingerprints
        self._clock = clock

    def add(self, tenant: str, user_id: str, values: Mapping[str, str], actor: str = SYSTEM) -> None:
        """Add a user with attribute values by claim URI; raises `RequestError` where the id is taken."""
        with self._database.write() as connection:
            if not users.add(connection, tenant, user_id, self._clock()):
                raise RequestError(Code.CLAIM_INVALID, f"There is a user {user_id} already.")
            users.set_values(connection, tenant, user_id, self._sealed(tenant, user_id, values))
            self._journal.record(connection, [self._entry(tenant, user_id, ADDED, actor, values)])

    def change(self, tenant: str, user_id: str, values: Mapping[str, str], actor: str = SYSTEM) -> None:
        """Change some of a user's values; a blank one is removed.

        A claim that was verified for another value is verified no longer, from the same moment on.
        Raises `RequestError` where there is no such user.
        """
        with self._database.write() as connection:
            if not users.lock(connection, tenant, user_id):
                raise _not_found(user_id)
            self._write(connection, tenant, user_id, CHANGED, actor, values)

    def remove(self, tenant: str, user_id: str, actor: str = SYSTEM) -> int:
        """Remove a user with everything personal here, and the user's applicants at Onfido through the outbox.

        What stays is that it was done, when and by whom. A user whom the connector does not keep itself is removed
        in the same way. Gives how many applicants will be deleted at Onfido: those of providers that were removed are
        not known here any more. Raises `RequestError` where nothing is known of the user.
        """
        with self._database.write() as connection:
            users.lock(connection, tenant, user_id)  # first, as everybody does who locks users and verifications
            known = verifications.find_of_user(connection, tenant, user_id)
            is_known = users.remove(connection, tenant, user_id)
            if not claims.forget_user(connection, tenant, user_id) and not is_known and not known:
                raise _not_found(user_id)
            for provider_id in sorted({each.provider_id for each in known}):
                runs = [each.run_id for each in known if each.provider_id == provider_id and each.run_id]
                events.forget_runs(connection, provider_id, runs)
            applicants = {(each.provider_id, each.applicant_id) for each in known if each.applicant_id}
            verifications.forget_user(connection, tenant, user_id)
            self._journal.record(connection, [self._entry(tenant, user_id, REMOVED, actor, {})])
            outbox.add_all(connection, [DeleteApplicant(tenant, *each) for each in sorted(applicants)])
            return len(applicants)

    def put(self, tenant: str, user_id: str, values: Mapping[str, str], actor: str = SYSTEM) -> bool:
        """Add the user, or change the values of the one there is; True where it was added."""
        with self._database.write() as connection:
            is_new = users.add_or_lock(connection, tenant, user_id, self._clock())
            self._write(connection, tenant, user_id, ADDED if is_new else CHANGED, actor, values)
        return is_new

    def values(self, tenant: str, user_id: str) -> Mapping[str, str]:
        """Give a user's values by claim URI; raises `RequestError` where there is no such user."""
        with self._database.read() as connection:
            if not users.has(connection, tenant, user_id):
                raise _not_found(user_id)
            sealed = users.find_values(connection, tenant, user_id)
        return {uri: self._vault.open(value, user_value(tenant, user_id, uri)) for uri, value in sealed.items()}

    def ids(self, tenant: str) -> Iterator[str]:
        """Give the ids of all users of the tenant, in their order."""
        page: list[str] = []
        while True:
            with self._database.read() as connection:
                page = users.find_page(connection, tenant, limit=PAGE_SIZE, after=page[-1] if page else "")
            yield from page
            if len(page) < PAGE_SIZE:
                return

    def _write(
        self, connection: Connection, tenant: str, user_id: str, what: str, actor: str, values: Mapping[str, str]
    ) -> None:
        """Write values of a user who is locked; what was verified for another one is verified no longer."""
        users.set_values(connection, tenant, user_id, self._sealed(tenant, user_id, values))
        fingerprints = {
            uri: None if is_blank(value) else self._fingerprints.of(tenant, user_id, uri, value)
            for uri, value in values.items()
        }
        withdrawn = value_changed(connection, tenant, user_id, fingerprints, self._clock())
        self._journal.record(connection, [*withdrawn, self._entry(tenant, user_id, what, actor, values)])

    def _entry(self, tenant: str, user_id: str, what: str, actor: str, values: Mapping[str, str]) -> Change:
        detail = {"claims": sorted(values)}
        removed = sorted(uri for uri, value in values.items() if is_blank(value))
        if what == CHANGED and removed:
            detail["removed"] = removed
        return by_administrator(self._clock(), actor, tenant, USER, user_id, what, detail)

    def _sealed(self, tenant: str, user_id: str, values: Mapping[str, str]) -> dict[str, str | None]:
        return {
            uri: None if is_blank(value) else self._vault.seal(value, user_value(tenant, user_id, uri))
            for uri, value in values.items()
        }


def _not_found(user_id: str) -> RequestError:
    return RequestError(Code.USER_NOT_FOUND, f"There is no user {user_id}.")
