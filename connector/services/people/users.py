"""Administration of the embedded user directory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import field, replace
from datetime import datetime
from itertools import islice
from types import MappingProxyType

from sqlalchemy import Connection

from connector.domain.audit.history import ADDED, CHANGED, SYSTEM, UNLOCKED, USER, Change, by_administrator
from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.people.user_ids import id_objection
from connector.domain.tenancy import Tenant
from connector.domain.text import is_blank
from connector.errors import InvalidField
from connector.services.cursors import Cursors, Page
from connector.services.journal import Journal
from connector.services.not_found import unknown_providers, unknown_user
from connector.services.people.user_removal import Removable, UserRemoval
from connector.services.people.values import Values, ValueWriter
from connector.store.engine import Database
from connector.store.people import user_search, users
from connector.store.providers import providers
from connector.store.vault import Fingerprints, OpaqueTexts, Vault
from connector.store.verifications import attempt_limits, refused_starts, user_verifications

EMPTY: Mapping[str, str] = MappingProxyType({})
PAGE_SIZE = 500
BATCH = 500  # users that an import writes in one transaction, for which others may have to wait


@frozen
class Batch:
    """The result of a batch: the ids of users added and changed, and the claims that each has a value for."""

    added: frozenset[str]
    changed: frozenset[str]
    claims: Mapping[str, frozenset[str]] = field(repr=False)


class Users:
    """Administers the users of one tenant, which each method takes."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        fingerprints: Fingerprints,
        texts: OpaqueTexts,
        journal: Journal,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._journal = journal
        self._cursors = Cursors(texts, "users")
        self._values = ValueWriter(vault, fingerprints)
        self._clock = clock
        self._removal = UserRemoval(database, journal, clock)

    def add(self, tenant: Tenant, user_id: str, values: Values, actor: str = SYSTEM) -> None:
        """Add a user with attribute values by claim URI; raises `InvalidField` if the id is taken or unusable."""
        _check_embedded(tenant)
        if objection := id_objection(user_id):
            raise InvalidField("user id", objection)
        with self._database.write() as connection:
            if not users.add(connection, tenant.name, user_id, self._clock()):
                raise InvalidField(
                    "user id",
                    message(
                        "must be unused: there is a user %(user_id)s already; change that one, or choose another id",
                        user_id=user_id,
                    ),
                )
            self._write(connection, tenant, {user_id: values}, {user_id}, actor)

    def change(self, tenant: Tenant, user_id: str, values: Values, actor: str = SYSTEM) -> bool:
        """Change some of a user's values; a blank one is removed. Return whether any has changed.

        A claim that was verified for another value is no longer verified, as part of the same transaction. Raises
        `RequestError` if there is no such user.
        """
        _check_embedded(tenant)
        with self._database.write() as connection:
            if not users.lock(connection, tenant.name, user_id):
                raise unknown_user(user_id)
            stored = users.find_values(connection, tenant.name, user_id)
            changed = self._values.differences(tenant, user_id, stored, values)
            if changed:
                self._write(connection, tenant, {user_id: changed}, (), actor)
        return bool(changed)

    def put_all(self, tenant: Tenant, given: Iterable[tuple[str, Values]], actor: str = SYSTEM) -> Iterator[Batch]:
        """Add users, or change the values of existing ones, batch by batch; equal values change nothing.

        Each batch is one transaction, which is committed before the batch is yielded.
        """
        _check_embedded(tenant)
        for batch in _batches(given):
            with self._database.write() as connection:
                added = users.add_or_lock(connection, tenant.name, batch, self._clock())
                stored = users.find_values_of(connection, tenant.name, batch.keys() - added)
                changes = dict.fromkeys(sorted(added), EMPTY) | self._changes(tenant, batch, stored)
                self._write(connection, tenant, changes, added, actor)
            yield _batch(batch, stored, added, changes.keys() - added)

    def rehearse(self, tenant: Tenant, given: Iterable[tuple[str, Values]]) -> Iterator[Batch]:
        """Return the result that `put_all` would have, without changing anything."""
        _check_embedded(tenant)
        for batch in _batches(given):
            with self._database.read() as connection:
                known = users.find_known(connection, tenant.name, batch)
                stored = users.find_values_of(connection, tenant.name, known)
            changes = self._changes(tenant, batch, stored)
            yield _batch(batch, stored, batch.keys() - known, changes.keys() & known)

    def remove(self, tenant: Tenant, user_id: str, actor: str = SYSTEM) -> int:
        """Remove a user with all personal data here, and through the outbox the user's data at Onfido.

        The history keeps that it was done, when and by whom. A user of a remote directory is removed in the same way.
        Return the number of applicants that will be deleted at Onfido; those of removed providers are not known any
        more. Raises `RequestError` if nothing is known of the user.
        """
        return self._removal.remove(tenant, user_id, actor)

    def preview_removal(self, tenant: Tenant, user_id: str) -> Removable:
        """Return what `remove` deletes; raises `RequestError` if nothing is known of the user."""
        return self._removal.preview(tenant, user_id)

    def is_known(self, tenant: Tenant, user_id: str) -> bool:
        """Whether anything is stored of a user."""
        with self._database.read() as connection:
            return user_search.is_known(connection, tenant.name, user_id)

    def unlock(
        self,
        tenant: Tenant,
        user_id: str,
        provider_id: str | None = None,
        actor: str = SYSTEM,
        reason: str | None = None,
    ) -> int:
        """Exclude a user's attempts so far from the limit, with one provider or all; return their number.

        The audit trail records it, with the reason. Raise `RequestError` if the user or the provider is unknown.
        """
        with self._database.write() as connection:
            if provider_id is not None and not providers.find_known(connection, tenant.name, [provider_id]):
                raise unknown_providers([provider_id])
            is_known = users.lock(connection, tenant.name, user_id)
            known = user_verifications.lock_all(connection, tenant.name, user_id)
            if not is_known and not known:
                raise unknown_user(user_id)
            chosen = [each.verification_id for each in known if provider_id in (None, each.provider_id)]
            attempt_limits.forgive(connection, chosen)
            refused_starts.forget_user(connection, tenant.name, user_id, provider_id)
            detail = {"attempts": len(chosen)} | ({} if reason is None else {"reason": reason})
            entry = self._entry(tenant, user_id, UNLOCKED, actor, {})
            self._journal.record(connection, [replace(entry, detail=detail, provider_id=provider_id)])
        return len(chosen)

    def values(self, tenant: Tenant, user_id: str) -> Mapping[str, str]:
        """Return a user's values by claim URI; raises `RequestError` if there is no such user."""
        with self._database.read() as connection:
            if not users.has(connection, tenant.name, user_id):
                raise unknown_user(user_id)
            sealed = users.find_values(connection, tenant.name, user_id)
        return self._values.open(tenant, user_id, sealed)

    def known_values(self, tenant: Tenant, user_id: str) -> Mapping[str, str]:
        """Return the user's values in the embedded directory, by claim URI; empty for a user of another directory."""
        with self._database.read() as connection:
            return self._values.open(tenant, user_id, users.find_values(connection, tenant.name, user_id))

    def page(self, tenant: Tenant, *, limit: int, cursor: str | None = None, prefix: str = "") -> Page[str]:
        """Return ids of users with a prefix, in order, from a cursor's page on."""
        after = "" if cursor is None else str(self._cursors.read(tenant.name, cursor)[0])
        with self._database.read() as connection:
            ids = user_search.find_page(connection, tenant.name, prefix, after=after, limit=limit + 1)
        return self._cursors.page(tenant.name, ids, limit, lambda user_id: (user_id,))

    def ids(self, tenant: Tenant, after: str = "") -> Iterator[str]:
        """Yield the ids of all users of the tenant after `after`, in order."""
        page = self._after(tenant, after, PAGE_SIZE)
        while page:
            yield from page
            page = self._after(tenant, page[-1], PAGE_SIZE) if len(page) == PAGE_SIZE else []

    def _after(self, tenant: Tenant, after: str, limit: int) -> list[str]:
        with self._database.read() as connection:
            return users.find_page(connection, tenant.name, limit=limit, after=after)

    def _changes(
        self, tenant: Tenant, batch: Mapping[str, Values], stored: Mapping[str, Mapping[str, str]]
    ) -> dict[str, Values]:
        """Return the values that differ from the stored ones, by user, without users that have no differences."""
        changes = {
            user_id: self._values.differences(tenant, user_id, stored.get(user_id, EMPTY), values)
            for user_id, values in batch.items()
        }
        return {user_id: values for user_id, values in changes.items() if values}

    def _write(
        self,
        connection: Connection,
        tenant: Tenant,
        changes: Mapping[str, Values],
        added: Collection[str],
        actor: str,
    ) -> None:
        """Write values of users who are locked; claims verified for other values are no longer verified."""
        withdrawn = self._values.write(connection, tenant, changes, self._clock())
        entries = [
            self._entry(tenant, user_id, ADDED if user_id in added else CHANGED, actor, values)
            for user_id, values in sorted(changes.items())
        ]
        self._journal.record(connection, [*withdrawn, *entries])

    def _entry(self, tenant: Tenant, user_id: str, what: str, actor: str, values: Values) -> Change:
        detail = {"claims": sorted(values)}
        removed = sorted(uri for uri, value in values.items() if is_blank(value))
        if what == CHANGED and removed:
            detail["removed"] = removed
        return by_administrator(self._clock(), actor, tenant.name, USER, user_id, what, detail)


def _check_embedded(tenant: Tenant) -> None:
    """Raise if values cannot be written here, because the tenant has its own directory."""
    if not tenant.directory.is_local:
        where = f"this tenant's users are in a directory of the kind {tenant.directory.kind}: change their values there"
        raise InvalidField("tenant", message("must be a tenant with the embedded directory; %(where)s", where=where))


def _batches(given: Iterable[tuple[str, Values]]) -> Iterator[dict[str, Values]]:
    each = iter(given)
    while batch := dict(islice(each, BATCH)):
        yield batch


def _batch(
    given: Mapping[str, Values],
    stored: Mapping[str, Mapping[str, str]],
    added: Iterable[str],
    changed: Iterable[str],
) -> Batch:
    claims_of = {user_id: _present(stored.get(user_id, EMPTY), values) for user_id, values in given.items()}
    return Batch(frozenset(added), frozenset(changed), claims_of)


def _present(stored: Mapping[str, str], given: Values) -> frozenset[str]:
    """Return the claims for which a user will have a value once the given ones are written."""
    named = {uri for uri, value in given.items() if not is_blank(value)}
    return frozenset(named | (stored.keys() - given.keys()))
