"""Comparing users with a remote directory: their values with the verified ones, and whether they still exist.

    attributes-changed ──► one user, at once
    on a schedule      ──► the verified users, page by page, at a limited rate ──► more than 5 % gone: no change
                                                                               └─► otherwise each is read once more

Until that second reading, a user who has lost a verified value counts as gone: a directory that hides attributes,
because a right was taken from the connector's client, answers like one from which they were removed. A value that has
changed cannot be such an error, so it is recorded at once.

The tenant's setting determines what happens to a user who is gone: keep, unverify or remove.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import structlog

from connector import metrics
from connector.domain.frozen import frozen
from connector.domain.ids import new_id
from connector.domain.messages import message
from connector.domain.openid.flow import is_guest
from connector.domain.tenancy import REMOVE, UNVERIFY, Tenant, Tenants
from connector.errors import Code, DirectoryError, RequestError
from connector.services.announcements.status_announcement import WriteStatus
from connector.services.journal import Journal
from connector.services.not_found import unless_unknown
from connector.services.outbox import Handler
from connector.services.people.users import Users
from connector.services.use_case import use_case
from connector.services.values import UserValues
from connector.store.claims import claims, verified_claims
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.store.people import directory_checks, user_marks, users
from connector.store.people.directory_checks import Pass
from connector.store.verifications import verification_claims

log = structlog.get_logger(__name__)

PAGE_SECONDS = 20.0  # after this the rest of a page is left to the next delivery: well below the outbox' lease
PAGES_PER_MINUTE = 6
MOST_USERS = 200  # of a page
MOST_GONE = 20  # one in this number of users may be gone; more indicate a fault of the directory
USER_GONE = "user_gone"  # a cause, and the claims' status
DIRECTORY = "directory"  # the actor
_ADVICE = (
    "More than 5 % of the verified users are not in the directory, or their verified values are not: none was changed. "
    "Correct the directory's settings, and the rights of the connector's client to see attributes. If users or values "
    "are really gone, call attributes-changed for each user."
)


@frozen
class CheckUsers:
    """Check the next page of a pass; `position` is the last user of the previous page."""

    kind: ClassVar[str] = "check_users"
    tenant: str
    pass_id: str
    position: str = ""


@frozen
class CheckUser:
    """Check one user who was gone."""

    kind: ClassVar[str] = "check_user"
    tenant: str
    user_id: str


@use_case
class DirectoryChecks:
    """Compares the users of tenants with remote directories."""

    _database: Database
    _tenants: Tenants
    _values: UserValues
    _people: Users
    _journal: Journal
    _clock: Callable[[], datetime]

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [
            Handler(CheckUsers, self.check_page),
            Handler(CheckUser, self.check_user),
        ]

    def changed(self, tenant: Tenant, user_id: str) -> None:
        """Compare a user's values with the verified ones, because they have changed, or the user is gone.

        Raises `RequestError` if the user is unknown both here and in the directory, `DirectoryError` if the directory
        does not answer.
        """
        began = self._clock()
        if self._values.read(tenant, user_id) is not None:
            return
        if tenant.directory.is_local or is_guest(user_id) or not self._people.is_known(tenant, user_id):
            raise RequestError(
                Code.USER_NOT_FOUND, message("There is no user %(user_id)s: check the id.", user_id=user_id)
            )
        self._settle_gone(tenant, user_id, began)

    def check_user(self, order: CheckUser) -> None:
        """Check once more a user whom a pass did not find."""
        with unless_unknown():
            self.changed(self._tenants.named(order.tenant), order.user_id)

    def begin_due(self) -> None:
        """Start a pass over each tenant whose directory was not checked for its interval; part of the sweep."""
        now = self._clock()
        for tenant in self._tenants.configured:
            if seconds := tenant.directory.check_interval:
                pass_id = new_id()
                with self._database.write() as connection:
                    if directory_checks.begin(connection, tenant.name, pass_id, now, now - timedelta(seconds=seconds)):
                        outbox.add(connection, CheckUsers(tenant.name, pass_id))

    def check_page(self, order: CheckUsers) -> None:
        """Check the next users of a pass; raises `DirectoryError` if the directory does not answer."""
        tenant = self._tenants.named(order.tenant)
        with self._database.read() as connection:
            current = directory_checks.find(connection, tenant.name, order.pass_id)
            if current is None or current.position != order.position:
                return  # already recorded, or a later pass has started
            ids = verified_claims.find_users(connection, tenant.name, current.position, _page_size(tenant))
        if ids:
            begun = time.monotonic()
            seen, gone = self._look_at(tenant, ids, begun + PAGE_SECONDS - tenant.directory.timeout)
            turn = len(seen) * 60.0 / tenant.directory.checks_per_minute
            self._advance(tenant, current, seen, gone, turn - (time.monotonic() - begun))
        else:
            self._end(tenant, current)

    def _look_at(self, tenant: Tenant, ids: Sequence[str], end: float) -> tuple[list[str], list[str]]:
        """Read users, at least one; return the checked users, and those among them who are gone."""
        seen: list[str] = []
        gone: list[str] = []
        for user_id in ids:
            if seen and time.monotonic() > end:
                break
            if self._is_gone(tenant, user_id):
                gone.append(user_id)
            seen.append(user_id)
        return seen, gone

    def _is_gone(self, tenant: Tenant, user_id: str) -> bool:
        """Compare a user; after an invalid answer of the directory, the next pass compares the user.

        Otherwise the pass would end there, and later users would never be checked.
        """
        try:
            return not self._values.is_intact(tenant, user_id)
        except DirectoryError as error:
            if error.is_retryable:
                raise
            log.warning("directory.user_not_read", tenant=tenant.name, user_id=user_id, reason=error.description)
            return False

    def _advance(self, tenant: Tenant, current: Pass, seen: Sequence[str], gone: Sequence[str], seconds: float) -> None:
        """Record a page, and queue the next one with a delay in seconds."""
        position, now = seen[-1], self._clock()
        with self._database.write() as connection:
            users.add_or_lock(connection, tenant.name, gone, now)
            counts = {"checked": len(seen), "gone": len(gone)}
            if directory_checks.advance(connection, tenant.name, current, position, now, **counts):
                directory_checks.mark_missing(connection, tenant.name, gone, current.pass_id)
                present = set(seen) - set(gone) if tenant.directory.writes_status else ()
                outbox.add_all(connection, [WriteStatus(tenant.name, user_id) for user_id in sorted(present)])
                key = f"{CheckUsers.kind}:{current.pass_id}:{len(seen) + current.checked}"
                following = CheckUsers(tenant.name, current.pass_id, position)
                outbox.add(connection, following, dedupe_key=key, pause=max(0.0, seconds))

    def _end(self, tenant: Tenant, current: Pass) -> None:
        """End a pass: users who are gone are checked once more, unless there are too many."""
        is_likely = current.gone * MOST_GONE <= current.checked
        with self._database.write() as connection:
            is_ours = directory_checks.end(connection, tenant.name, current.pass_id, self._clock())
            if is_ours and is_likely:
                missing = directory_checks.find_missing(connection, tenant.name, current.pass_id)
                outbox.add_all(connection, [CheckUser(tenant.name, user_id) for user_id in missing])
        counts = {"tenant": tenant.name, "checked": current.checked, "gone": current.gone}
        if is_likely:
            log.info("directory.checked", **counts)
            return
        metrics.TOO_MANY_GONE.inc()
        log.error("directory.too_many_gone", advice=_ADVICE, **counts)

    def _settle_gone(self, tenant: Tenant, user_id: str, began: datetime) -> None:
        """Apply the tenant's setting to a user who is gone."""
        action = tenant.directory.gone_users
        log.info("directory.user_gone", tenant=tenant.name, user_id=user_id, action=action)
        if action == REMOVE:
            self._people.remove(tenant, user_id, DIRECTORY)
        elif action == UNVERIFY:
            self._unverify(tenant, user_id, began)

    def _unverify(self, tenant: Tenant, user_id: str, began: datetime) -> None:
        with self._database.write() as connection:
            if users.lock(connection, tenant.name, user_id) and not user_marks.set_read(
                connection, tenant.name, user_id, None, began
            ):
                return  # found by a later reading
            verification_claims.mark_user_stale(connection, tenant.name, user_id)
            withdrawn = claims.unverify_all(
                connection, tenant.name, user_id, None, self._clock(), status=USER_GONE, cause=USER_GONE
            )
            self._journal.record(connection, withdrawn)


def _page_size(tenant: Tenant) -> int:
    return max(1, min(MOST_USERS, tenant.directory.checks_per_minute // PAGES_PER_MINUTE))
