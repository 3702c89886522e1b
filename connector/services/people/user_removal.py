"""The removal of a user: here in transactions of bounded size, at Onfido through the outbox.

ended verifications on which no claim is based, but the latest ──► 200 in each transaction
everything else, with the entry in the history                 ──► one transaction
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from connector.domain.audit.history import REMOVED, USER, by_administrator
from connector.domain.frozen import frozen
from connector.domain.tenancy import Tenant
from connector.domain.verifications.verification import Verification
from connector.services.batches import forget
from connector.services.journal import Journal
from connector.services.not_found import unknown_user
from connector.services.providers.deletion import DeleteApplicant, DeleteCustomer
from connector.services.use_case import use_case
from connector.store import console_sessions, history, jobs
from connector.store.claims import claims
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.store.openid import openid_flows
from connector.store.people import status_writes, user_search, users
from connector.store.providers import events
from connector.store.signals import signal_levels
from connector.store.verifications import refused_starts, user_verifications

MOST_COUNTED = 1000  # verifications, before a removal


@frozen
class Removable:
    """What the removal of a user deletes: verifications here, and at Onfido applicants and data under the user's id.

    Each number is counted among the user's latest verifications; `is_more`: there may be older ones.
    """

    verifications: int
    applicants: int
    has_customer_data: bool
    is_more: bool


@use_case
class UserRemoval:
    """Removes users of any tenant."""

    _database: Database
    _journal: Journal
    _clock: Callable[[], datetime]

    def remove(self, tenant: Tenant, user_id: str, actor: str) -> int:
        """Remove a user with all personal data; return the number of applicants that will be deleted at Onfido.

        Those of removed providers are not known any more. Raises `RequestError` if nothing is known of the user. If
        this is interrupted, verifications may be missing that nothing shows to be valid; the user is still there.
        """
        deleted: set[tuple[str, str]] = set()
        forget(self._database, partial(self._remove_old, tenant, user_id, deleted))
        with self._database.write() as connection:
            users.lock(connection, tenant.name, user_id)  # first, in lock order
            known = user_verifications.lock_all(connection, tenant.name, user_id)
            is_known = users.remove(connection, tenant.name, user_id)
            signal_levels.prepare_removal(connection, tenant.name, user_id)
            if not claims.forget_user(connection, tenant.name, user_id) and not is_known and not known:
                raise unknown_user(user_id)
            _forget_events(connection, known)
            for delete in (
                user_verifications.delete_all,
                history.forget_refusals_of,
                console_sessions.forget_user,
                openid_flows.forget_user,
            ):
                delete(connection, tenant.name, user_id)
            refused_starts.forget_user(connection, tenant.name, user_id)
            # otherwise together with the status, once that is removed from the directory
            if not tenant.directory.writes_status:
                status_writes.forget(connection, tenant.name, user_id)
            jobs.forget_user(connection, tenant.name, user_id, self._clock())
            detail: dict[str, list[str]] = {"claims": []}
            entry = by_administrator(self._clock(), actor, tenant.name, USER, user_id, REMOVED, detail)
            self._journal.record(connection, [entry])
            return len(deleted | _delete_at_onfido(connection, tenant, user_id, known))

    def preview(self, tenant: Tenant, user_id: str) -> Removable:
        """Return what the removal deletes; raises `RequestError` if nothing is known of the user."""
        with self._database.read() as connection:
            known = user_verifications.find_latest(connection, tenant.name, user_id, MOST_COUNTED)
            if not known and not user_search.is_known(connection, tenant.name, user_id):
                raise unknown_user(user_id)
        applicants = {(each.provider_id, each.applicant_id) for each in known if each.applicant_id}
        return Removable(len(known), len(applicants), bool(_customers(known)), len(known) == MOST_COUNTED)

    def _remove_old(
        self, tenant: Tenant, user_id: str, deleted: set[tuple[str, str]], connection: Connection, limit: int
    ) -> int:
        """Delete some verifications of a user who has many; add their applicants that no other one has to `deleted`."""
        old = user_verifications.find_old(connection, tenant.name, user_id, limit)
        if old:
            users.lock(connection, tenant.name, user_id)
            known = user_verifications.lock(connection, old)
            _forget_events(connection, known)
            user_verifications.delete_some(connection, old)
            deleted |= _delete_at_onfido(connection, tenant, user_id, known)
        return len(old)


def _forget_events(connection: Connection, known: Sequence[Verification]) -> None:
    """Remove the bodies of the events of verifications."""
    for provider_id in sorted({each.provider_id for each in known}):
        runs = [each.run_id for each in known if each.provider_id == provider_id and each.run_id]
        events.forget_runs(connection, provider_id, runs)
    events.forget_of_verifications(connection, [each.verification_id for each in known])


def _delete_at_onfido(
    connection: Connection, tenant: Tenant, user_id: str, known: Sequence[Verification]
) -> set[tuple[str, str]]:
    """Queue the deletion of the applicants of deleted verifications, unless another verification has them.

    If the user's id was sent, queue that of the data that Onfido keeps under it. Return the applicants.
    """
    environments = {(each.provider_id, each.applicant_id): each.environment for each in known if each.applicant_id}
    unused = environments.keys() - user_verifications.find_used_applicants(connection, environments.keys())
    applicants = [DeleteApplicant(tenant.name, *key, environments[key]) for key in sorted(unused)]
    outbox.add_all(
        connection, [*applicants, *(DeleteCustomer(tenant.name, each, user_id) for each in _customers(known))]
    )
    return set(unused)


def _customers(known: Sequence[Verification]) -> list[str]:
    """Return the providers in whose accounts Onfido may keep data under the user's id, because it was sent."""
    return sorted({each.provider_id for each in known if each.sends_user_id and each.run_requested_at is not None})
